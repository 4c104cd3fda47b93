//! What the registry keeps of a device or module besides its credentials and its twin (IoT Hub docs, "Identity registry":
//! device and module identity properties).

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::error::HubError;
use crate::id::Id;
use crate::random;
use azmqtt_dialect::time::Timestamp;

/// The longest `statusReason` and `managedBy`, in characters.
const MAX_TEXT: usize = 128;

/// What is kept of a scope, in bytes; a scope is a device id with a prefix and a number.
const MAX_SCOPE: usize = 512;

/// Levels of nested gateways that an identity may have above it.
const MAX_SCOPES: usize = 16;

/// A number that no other device of that id has had, in decimal digits as the service writes it.
pub fn generation_id() -> Result<String, HubError> {
    let random = random::bytes().map_err(HubError::System)?;
    Ok(format!("{:018}", u64::from_ne_bytes(random) % 1_000_000_000_000_000_000))
}

/// What callers say about an identity, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// `statusReason`
    pub status_reason: Option<String>,
    /// `capabilities.iotEdge`: whether it is a gateway.
    pub iot_edge: bool,
    /// `managedBy`, of modules.
    pub managed_by: Option<String>,
    /// `deviceScope`: a gateway's own, or the gateway that a device is behind.
    pub device_scope: Option<String>,
    /// `parentScopes`: the gateways right above a gateway.
    pub parent_scopes: Vec<String>,
}

impl Traits {
    /// Checks lengths and characters; the error names the property.
    pub fn check(&self) -> Result<(), HubError> {
        let refuse = |name: &str, rule: &str| Err(HubError::Argument(format!("{name} {rule}")));
        for (name, text) in [("statusReason", &self.status_reason), ("managedBy", &self.managed_by)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT) {
                return refuse(name, "must have at most 128 characters");
            }
        }
        let good =
            |scope: &String| (1..=MAX_SCOPE).contains(&scope.len()) && !scope.contains(char::is_control);
        if !self.device_scope.iter().all(good) {
            return refuse("deviceScope", "must have 1 to 512 bytes and no control characters");
        }
        if self.parent_scopes.len() > MAX_SCOPES || !self.parent_scopes.iter().all(good) {
            return refuse("parentScopes", "must be up to 16 scopes");
        }
        Ok(())
    }

    /// As the state directory keeps them.
    fn to_state(&self) -> Map<String, Value> {
        let state = json!({
            "statusReason": self.status_reason,
            "iotEdge": self.iot_edge,
            "managedBy": self.managed_by,
            "deviceScope": self.device_scope,
            "parentScopes": self.parent_scopes,
        });
        state.as_object().cloned().unwrap_or_default()
    }

    fn from_state(state: &Value) -> Self {
        let text = |name| state.get(name).and_then(Value::as_str).map(str::to_owned);
        let scopes = state.get("parentScopes").and_then(Value::as_array);
        let scopes = scopes.into_iter().flatten().filter_map(|scope| scope.as_str().map(str::to_owned));
        Self {
            status_reason: text("statusReason"),
            iot_edge: state.get("iotEdge").and_then(Value::as_bool).unwrap_or_default(),
            managed_by: text("managedBy"),
            device_scope: text("deviceScope"),
            parent_scopes: scopes.collect(),
        }
    }
}

/// The registry's own notes on an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRecord {
    pub traits: Traits,
    /// When its status was last set.
    pub status_updated: Option<Timestamp>,
    /// Changes with every change of the identity.
    etag: u64,
}

impl IdentityRecord {
    /// Of a new identity.
    pub fn new(id: Id<'_>, generation_id: &str) -> Self {
        // Etags begin somewhere else in each life of an id, so that none is good for a later life.
        let seed = format!("{id} {generation_id}");
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0193);
        let etag = seed.bytes().fold(0x811c_9dc5, mix);
        Self { traits: Traits::default(), status_updated: None, etag: etag & 0xffff_ffff }
    }

    /// Without quotes: base64 of a number's digits, as the service's look. A twin's etag is another one.
    pub fn etag(&self) -> String {
        STANDARD.encode(self.etag.to_string())
    }

    /// The identity has changed.
    pub fn touch(&mut self) {
        self.etag = self.etag.wrapping_add(1);
    }

    /// As the state directory keeps it.
    pub fn to_state(&self) -> Value {
        let mut state = self.traits.to_state();
        state.insert("etag".to_owned(), self.etag.into());
        state.insert("statusUpdated".to_owned(), self.status_updated.map(|at| at.to_string()).into());
        Value::Object(state)
    }

    /// Reads [`Self::to_state`] back. What is missing is as in a new identity: earlier versions kept none of it.
    pub fn read_state(&mut self, state: &Value) {
        self.traits = Traits::from_state(state);
        self.etag = state.get("etag").and_then(Value::as_u64).unwrap_or(self.etag);
        self.status_updated = state.get("statusUpdated").and_then(Timestamp::from_state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_of_an_id_has_etags_of_its_own() {
        let mut record = IdentityRecord::new("dev1".into(), "1");
        let first = record.etag();
        record.touch();
        assert_ne!(record.etag(), first);
        assert_ne!(IdentityRecord::new("dev1".into(), "2").etag(), first);
        assert_ne!(IdentityRecord::new(("dev1", "m").into(), "1").etag(), first);
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let mut record = IdentityRecord::new("dev1".into(), "1");
        record.traits = Traits {
            status_reason: Some("why".to_owned()),
            iot_edge: true,
            managed_by: Some("me".to_owned()),
            device_scope: Some("ms-azure-iot-edge://dev1-1".to_owned()),
            parent_scopes: vec!["ms-azure-iot-edge://up-2".to_owned()],
        };
        record.status_updated = Timestamp::parse("2023-11-14T22:13:20.0123456Z");
        record.touch();
        let mut read = IdentityRecord::new("dev1".into(), "1");
        read.read_state(&record.to_state());
        assert_eq!(read, record);
        // As earlier versions wrote it.
        read.read_state(&json!({ "statusUpdated": 1_700_000_000 }));
        assert_eq!(read.status_updated, Some(Timestamp::of_seconds(1_700_000_000)));
        read.read_state(&Value::Null);
        assert_eq!(read.traits, Traits::default());
    }

    #[test]
    fn texts_are_bounded() {
        let reason = |length: usize| Traits { status_reason: Some("é".repeat(length)), ..Traits::default() };
        reason(128).check().unwrap();
        let error = reason(129).check().unwrap_err();
        assert_eq!(error.to_string(), "statusReason must have at most 128 characters");
        let scope = Traits { device_scope: Some("a\nb".to_owned()), ..Traits::default() };
        scope.check().unwrap_err();
        Traits { parent_scopes: vec!["s".to_owned(); 17], ..Traits::default() }.check().unwrap_err();
    }
}
