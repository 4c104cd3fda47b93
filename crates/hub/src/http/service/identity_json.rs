//! Identities as the service's REST API writes and reads them (IoT Hub docs, "Identity registry": device and module identity
//! properties).

use serde_json::{Value, json};

use crate::error::HubError;
use crate::id::Id;
use crate::registry::credentials::Authentication;
use crate::registry::device::{Credentials, Device};
use crate::registry::identities::{Draft, LoginDraft};
use crate::registry::identity_record::Traits;
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::x509::Thumbprint;

/// Of a symmetric key, in bytes.
const KEY_SIZES: std::ops::RangeInclusive<usize> = 16..=64;

/// A device or a module.
pub(super) fn write(device: &Device) -> Value {
    let state = device.state();
    let traits = &state.record.traits;
    let mut identity = json!({
        "deviceId": device.id,
        "generationId": device.source.generation_id,
        "etag": state.record.etag(),
        "connectionState": if state.link.is_some() { "Connected" } else { "Disconnected" },
        "connectionStateUpdatedTime": Timestamp::or_never(state.connection_updated),
        "lastActivityTime": Timestamp::or_never(state.last_activity),
        "cloudToDeviceMessageCount": state.cloud_messages.len(),
        "authentication": authentication(&state.credentials),
    });
    if let Some(module_id) = &device.module_id {
        identity["moduleId"] = module_id.as_str().into();
        identity["managedBy"] = traits.managed_by.clone().into();
        return identity;
    }
    identity["status"] = if state.enabled { "enabled" } else { "disabled" }.into();
    identity["statusReason"] = traits.status_reason.clone().into();
    identity["statusUpdatedTime"] = Timestamp::or_never(state.record.status_updated).into();
    identity["capabilities"] = json!({ "iotEdge": traits.iot_edge });
    if let Some(scope) = &traits.device_scope {
        identity["deviceScope"] = scope.as_str().into();
    }
    if !traits.parent_scopes.is_empty() {
        identity["parentScopes"] = traits.parent_scopes.clone().into();
    }
    identity
}

/// A device or module as the answer to its creation shows it: the service writes its times without a zone there.
pub(super) fn write_new(device: &Device) -> Value {
    let mut identity = write(device);
    for name in ["connectionStateUpdatedTime", "statusUpdatedTime", "lastActivityTime"] {
        if let Some(time) = identity.get_mut(name) {
            *time = time.as_str().map(|time| time.trim_end_matches('Z')).into();
        }
    }
    identity
}

/// What does not count is null.
fn authentication(credentials: &Credentials) -> Value {
    let Credentials { keys, authentication } = credentials;
    let keys = (*authentication == Authentication::Sas).then(|| keys.each_ref().map(SymmetricKey::as_base64));
    let [primary, secondary] = keys.map_or([None, None], |keys| keys.map(Some));
    let [primary_thumbprint, secondary_thumbprint] = authentication.thumbprints();
    json!({
        "symmetricKey": { "primaryKey": primary, "secondaryKey": secondary },
        "x509Thumbprint": {
            "primaryThumbprint": primary_thumbprint,
            "secondaryThumbprint": secondary_thumbprint,
        },
        "type": authentication.name(),
    })
}

/// Whose identity a body is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Device,
    Module,
}

impl From<Id<'_>> for Kind {
    fn from(id: Id<'_>) -> Self {
        if id.module.is_some() { Self::Module } else { Self::Device }
    }
}

/// What a body, or an entry of a bulk request, says of an identity. Whatever only the hub sets is passed over.
///
/// # Errors
/// [`HubError::Argument`], which names the property; never shows a key.
pub(super) fn read(kind: Kind, identity: &Value) -> Result<Draft, HubError> {
    if !identity.is_object() {
        return Err(refused("the identity", "must be a JSON object"));
    }
    let enabled = match text(identity, "status")?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("enabled") => true,
        Some("disabled") => false,
        Some(_) => return Err(refused("status", "must be enabled or disabled")),
    };
    let iot_edge = match identity.get("capabilities").and_then(|capabilities| capabilities.get("iotEdge")) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(iot_edge)) => *iot_edge,
        Some(_) => return Err(refused("capabilities.iotEdge", "must be true or false")),
    };
    let owned =
        |name| text(identity, name).map(|text| text.filter(|text| !text.is_empty()).map(str::to_owned));
    let traits = Traits {
        status_reason: owned("statusReason")?,
        iot_edge,
        managed_by: owned("managedBy")?,
        device_scope: owned("deviceScope")?,
        parent_scopes: scopes(identity)?,
    };
    let login = identity.get("authentication").filter(|login| !login.is_null());
    let login = login.map_or(Ok(LoginDraft::RandomKeys), |login| read_login(kind, login))?;
    Ok(Draft { enabled, login, traits })
}

fn scopes(identity: &Value) -> Result<Vec<String>, HubError> {
    let wrong = || refused("parentScopes", "must be a list of texts");
    match identity.get("parentScopes") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(scopes)) => {
            scopes.iter().map(|scope| scope.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// Without a type, thumbprints say that it is by certificate.
fn read_login(owner: Kind, login: &Value) -> Result<LoginDraft, HubError> {
    let part = |outer: &str, inner: &str| {
        let part = login.get(outer).map_or(Ok(None), |outer| text(outer, inner));
        part.map(|text| text.filter(|text| !text.is_empty()))
    };
    let primary = part("x509Thumbprint", "primaryThumbprint")?;
    let secondary = part("x509Thumbprint", "secondaryThumbprint")?;
    let kind = text(login, "type")?.map(str::to_ascii_lowercase);
    match kind.as_deref() {
        None if primary.or(secondary).is_some() => self_signed(primary, secondary),
        None | Some("sas") => {
            let primary = key("primaryKey", part("symmetricKey", "primaryKey")?)?;
            let secondary = key("secondaryKey", part("symmetricKey", "secondaryKey")?)?;
            match (primary, secondary) {
                (None, None) => Ok(LoginDraft::RandomKeys),
                (Some(primary), Some(secondary)) => Ok(LoginDraft::Keys([primary, secondary])),
                _ => Err(HubError::Argument("Either no keys or both keys can be set".to_owned())),
            }
        }
        Some("selfsigned") => self_signed(primary, secondary),
        Some("certificateauthority") => Ok(LoginDraft::Other(Authentication::CertificateAuthority)),
        // IoT Edge's modules alone are without one, and the hub makes those.
        Some("none") if owner == Kind::Module => Ok(LoginDraft::RandomKeys),
        Some("none") => Err(HubError::Argument("DeviceAuthenticationTypeIsMissing".to_owned())),
        Some(_) => Err(refused("authentication.type", "must be sas, selfSigned or certificateAuthority")),
    }
}

/// Either thumbprint, both, or none: then no certificate is good for the identity.
fn self_signed(primary: Option<&str>, secondary: Option<&str>) -> Result<LoginDraft, HubError> {
    let read = |name: &str, text: Option<&str>| {
        let read = text.map(Thumbprint::parse).transpose();
        read.map_err(|error| HubError::Argument(format!("{name}: {error}")))
    };
    let [primary, secondary] = [read("primaryThumbprint", primary)?, read("secondaryThumbprint", secondary)?];
    Ok(LoginDraft::Other(Authentication::SelfSigned { primary, secondary }))
}

fn key(name: &str, text: Option<&str>) -> Result<Option<SymmetricKey>, HubError> {
    let Some(text) = text else { return Ok(None) };
    let key = SymmetricKey::from_base64(text).ok().filter(|key| KEY_SIZES.contains(&key.len()));
    key.map(Some).ok_or_else(|| refused(name, "must be 16 to 64 bytes in base64"))
}

/// A property that is text, null or missing.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> Result<Option<&'a str>, HubError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(refused(name, "must be text")),
    }
}

fn refused(name: &str, rule: &str) -> HubError {
    HubError::Argument(format!("{name} {rule}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of every kind, some of them good.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            prop::sample::select(vec!["sas", "selfSigned", "none", "disabled", "AAECAwQFBgcICQoLDA0ODw=="])
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            let names = [
                "status",
                "statusReason",
                "authentication",
                "type",
                "symmetricKey",
                "primaryKey",
                "secondaryKey",
                "x509Thumbprint",
                "primaryThumbprint",
                "capabilities",
                "iotEdge",
                "deviceScope",
                "parentScopes",
            ];
            let name = prop::sample::select(names.to_vec());
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..6).prop_map(|fields| fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn reading_is_total(identity in any_value()) {
            if let Ok(draft) = read(Kind::Module, &identity) {
                prop_assert!(identity.is_object());
                let _ = draft.traits.check();
            }
        }
    }
}
