//! Enrolments as the service's REST API has them (DPS docs, REST: "Individual Enrollment", "Enrollment Group").

use std::collections::BTreeMap;
use std::io;

use serde_json::{Map, Value, json};

use super::enrollment::{Attestation, Enrollment, EnrollmentGroup, Policy, Revision, check_twin, key_of};
use super::registry::{Record, State};
use super::x509;
use crate::error::refused::Refused;
use crate::random;
use crate::storage::state_dir::Kind;
use azmqtt_dialect::SymmetricKey;
use azmqtt_dialect::identity::check_id;
use azmqtt_dialect::provisioning::check_registration_id;
use azmqtt_dialect::service_error::ErrorCode;

/// Members that are stored and shown: there is one hub to be assigned to, and it calls no webhooks.
const KEPT: [&str; 6] = [
    "iotHubHostName",
    "iotHubs",
    "allocationPolicy",
    "reprovisionPolicy",
    "customAllocationDefinition",
    "optionalDeviceInformation",
];

/// Where a policy keeps how certificates are shown.
const SHOWN_X509: &str = "x509";

const ALLOCATION_POLICIES: [&str; 4] = ["hashed", "geoLatency", "static", "custom"];

/// An enrolment as an answer shows it.
pub(crate) struct Shown {
    pub body: Value,
    pub etag: String,
}

/// Either kind of enrolment.
pub(super) trait Managed: Clone {
    const KIND: Kind;
    /// The error code and the message for one that is not there.
    const MISSING: (u32, &'static str);

    fn table(state: &mut State) -> &mut BTreeMap<String, Self>;
    /// The key of the table.
    fn key(id: &str) -> String;
    /// Reads a body. `before` is what it replaces: keys and certificates that a body leaves out stay.
    fn read(id: &str, body: &Map<String, Value>, before: Option<&Self>) -> Result<Self, Refused>;
    fn attestation(&self) -> &Attestation;
    fn policy(&self) -> &Policy;
    /// What one kind has alone.
    fn own_members(&self) -> Map<String, Value>;
    /// The registration of its device, if it is for one.
    fn registration<'a>(&self, state: &'a State) -> Option<&'a Record>;
}

impl Managed for Enrollment {
    const KIND: Kind = Kind::Enrollment;
    const MISSING: (u32, &'static str) = (404_201, "Enrollment not found.");

    fn table(state: &mut State) -> &mut BTreeMap<String, Self> {
        &mut state.enrollments
    }

    fn key(id: &str) -> String {
        key_of(id)
    }

    fn read(id: &str, body: &Map<String, Value>, before: Option<&Self>) -> Result<Self, Refused> {
        check_name(id, body, "registrationId")?;
        let device_id = text(body, "deviceId")?;
        if let Some(device_id) = &device_id {
            check_id("deviceId", device_id).map_err(|error| invalid(&error.to_string()))?;
        }
        let (attestation, policy) = read_parts(body, before)?;
        if matches!(attestation, Attestation::SignedBy(_)) {
            return Err(invalid("x509.signingCertificates are for enrolment groups"));
        }
        let registration_id = before.map_or_else(|| id.to_owned(), |before| before.registration_id.clone());
        Ok(Self { registration_id, attestation, device_id, policy })
    }

    fn attestation(&self) -> &Attestation {
        &self.attestation
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn own_members(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("registrationId".to_owned(), self.registration_id.as_str().into());
        if let Some(device_id) = &self.device_id {
            fields.insert("deviceId".to_owned(), device_id.as_str().into());
        }
        fields
    }

    fn registration<'a>(&self, state: &'a State) -> Option<&'a Record> {
        state.records.get(&key_of(&self.registration_id)).filter(|record| record.group.is_none())
    }
}

impl Managed for EnrollmentGroup {
    const KIND: Kind = Kind::EnrollmentGroup;
    const MISSING: (u32, &'static str) = (404_202, "Enrollment group not found.");

    fn table(state: &mut State) -> &mut BTreeMap<String, Self> {
        &mut state.groups
    }

    fn key(id: &str) -> String {
        id.to_owned()
    }

    fn read(id: &str, body: &Map<String, Value>, before: Option<&Self>) -> Result<Self, Refused> {
        check_name(id, body, "enrollmentGroupId")?;
        let (attestation, policy) = read_parts(body, before)?;
        if matches!(&attestation, Attestation::Certificate(how) if how.thumbprints()[0].is_some()) {
            return Err(invalid("x509.clientCertificates are for individual enrolments"));
        }
        Ok(Self { name: id.to_owned(), attestation, policy })
    }

    fn attestation(&self) -> &Attestation {
        &self.attestation
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn own_members(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("enrollmentGroupId".to_owned(), self.name.as_str().into());
        fields
    }

    fn registration<'a>(&self, _: &'a State) -> Option<&'a Record> {
        None
    }
}

/// The body of an answer. Keys are in answers to whoever set them, and to whoever asks for them.
pub(super) fn view(entry: &impl Managed, with_keys: bool) -> Map<String, Value> {
    let policy = entry.policy();
    let mut out = entry.own_members();
    let mut add = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    add("attestation", attestation(entry, with_keys));
    if let Some(twin) = &policy.initial_twin {
        add("initialTwin", twin.clone());
    }
    for name in KEPT {
        if let Some(value) = policy.kept.get(name) {
            add(name, value.clone());
        }
    }
    add("capabilities", json!({ "iotEdge": policy.iot_edge }));
    add("provisioningStatus", if policy.enabled { "enabled" } else { "disabled" }.into());
    add("etag", policy.revision.etag().into());
    add("createdDateTimeUtc", policy.revision.created.to_string().into());
    add("lastUpdatedDateTimeUtc", policy.revision.updated.to_string().into());
    out
}

/// `AttestationMechanism` of the REST API.
pub(super) fn attestation(entry: &impl Managed, with_keys: bool) -> Value {
    let shown = || entry.policy().kept.get(SHOWN_X509).cloned();
    match entry.attestation() {
        Attestation::SymmetricKeys(_) if !with_keys => json!({ "type": "symmetricKey" }),
        Attestation::SymmetricKeys(keys) => {
            let [primary, secondary] = keys.each_ref().map(SymmetricKey::as_base64);
            let keys = json!({ "primaryKey": primary, "secondaryKey": secondary });
            json!({ "type": "symmetricKey", "symmetricKey": keys })
        }
        Attestation::Certificate(how) => {
            json!({ "type": "x509", "x509": shown().unwrap_or_else(|| x509::show_unnamed(how)) })
        }
        Attestation::SignedBy(_) => json!({ "type": "x509", "x509": shown() }),
    }
}

/// Checks the id of the path, and that of the body, if it has one.
fn check_name(id: &str, body: &Map<String, Value>, field: &str) -> Result<(), Refused> {
    check_registration_id(id).map_err(|error| invalid(&error.to_string()))?;
    match text(body, field)? {
        Some(other) if !other.eq_ignore_ascii_case(id) => {
            Err(invalid(&format!("{field} differs from the path")))
        }
        _ => Ok(()),
    }
}

fn read_parts<M: Managed>(
    body: &Map<String, Value>,
    before: Option<&M>,
) -> Result<(Attestation, Policy), Refused> {
    let mut kept = Map::new();
    for name in KEPT {
        if let Some(value) = body.get(name).filter(|value| !value.is_null()) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    check_kept(&mut kept)?;
    let (attestation, shown) = read_attestation(body.get("attestation"), before)?;
    if let Some(shown) = shown {
        kept.insert(SHOWN_X509.to_owned(), shown);
    }
    let enabled = match text(body, "provisioningStatus")?.as_deref() {
        None | Some("enabled") => true,
        Some("disabled") => false,
        Some(_) => return Err(invalid("provisioningStatus is neither enabled nor disabled")),
    };
    let iot_edge = match body.get("capabilities").and_then(|capabilities| capabilities.get("iotEdge")) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(iot_edge)) => *iot_edge,
        Some(_) => return Err(invalid("capabilities.iotEdge is neither true nor false")),
    };
    let initial_twin = body.get("initialTwin").filter(|twin| !twin.is_null()).cloned();
    check_twin(initial_twin.as_ref()).map_err(|error| invalid(&format!("initialTwin: {error}")))?;
    let revision = before.map_or_else(Revision::first, |before| before.policy().revision.next());
    let size = serde_json::to_string(body).map_or(usize::MAX, |text| text.len());
    Ok((attestation, Policy { enabled, initial_twin, iot_edge, kept, revision, size }))
}

/// Checks fields that have no effect, so that a mistake shows here as it does there, and adds what the service adds.
fn check_kept(kept: &mut Map<String, Value>) -> Result<(), Refused> {
    let policy = kept.entry("allocationPolicy").or_insert_with(|| "hashed".into());
    let policy = policy.as_str().filter(|policy| ALLOCATION_POLICIES.contains(policy));
    let policy = policy.ok_or_else(|| {
        invalid(&format!("allocationPolicy is not one of {}", ALLOCATION_POLICIES.join(", ")))
    })?;
    if policy == "custom" && !kept.contains_key("customAllocationDefinition") {
        return Err(invalid("allocationPolicy custom needs a customAllocationDefinition"));
    }
    let default = || json!({ "updateHubAssignment": true, "migrateDeviceData": true });
    let reprovision = kept.entry("reprovisionPolicy").or_insert_with(default);
    let flag = |name: &str| reprovision.get(name).is_none_or(|flag| flag.is_boolean() || flag.is_null());
    if !reprovision.is_object() || !flag("updateHubAssignment") || !flag("migrateDeviceData") {
        return Err(invalid(
            "reprovisionPolicy has updateHubAssignment and migrateDeviceData, true or false",
        ));
    }
    if kept.get("iotHubHostName").is_some_and(|name| !name.is_string()) {
        return Err(invalid("iotHubHostName is not text"));
    }
    let texts = |list: &Value| list.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    match kept.get("iotHubs") {
        Some(list) if !texts(list) => Err(invalid("iotHubs is not a list of strings")),
        _ => Ok(()),
    }
}

/// What proves who a device is, and how certificates are shown.
fn read_attestation<M: Managed>(
    attestation: Option<&Value>,
    before: Option<&M>,
) -> Result<(Attestation, Option<Value>), Refused> {
    let attestation = attestation.filter(|attestation| attestation.is_object());
    let attestation = attestation.ok_or_else(|| invalid("attestation is missing"))?;
    let kept = |is_x509: bool| {
        let before = before?;
        let same = matches!(before.attestation(), Attestation::SymmetricKeys(_)) != is_x509;
        same.then(|| (before.attestation().clone(), before.policy().kept.get(SHOWN_X509).cloned()))
    };
    match attestation.get("type").and_then(Value::as_str) {
        Some("symmetricKey") => {
            let keys = attestation.get("symmetricKey").unwrap_or(&Value::Null);
            let keys = [read_key(keys, "primaryKey")?, read_key(keys, "secondaryKey")?];
            if let ([None, None], Some(kept)) = (&keys, kept(false)) {
                return Ok(kept);
            }
            let [primary, secondary] = keys.map(|key| key.map_or_else(random::key, Ok));
            let failed = |error: io::Error| Refused::new(ErrorCode::SERVER_ERROR, error.to_string());
            Ok((Attestation::SymmetricKeys([primary.map_err(failed)?, secondary.map_err(failed)?]), None))
        }
        Some("x509") => match x509::read(attestation.get("x509").unwrap_or(&Value::Null))? {
            Some((attestation, shown)) => Ok((attestation, Some(shown))),
            None => {
                kept(true).ok_or_else(|| invalid("attestation.x509 names no certificate and no authority"))
            }
        },
        Some("tpm") => {
            Err(invalid("TPM attestation is not supported by this service: use symmetricKey or x509"))
        }
        _ => Err(invalid("attestation.type is neither symmetricKey nor x509")),
    }
}

fn read_key(keys: &Value, name: &str) -> Result<Option<SymmetricKey>, Refused> {
    match keys.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => {
            let key = SymmetricKey::from_base64(text);
            key.map(Some).map_err(|error| invalid(&format!("attestation.symmetricKey.{name}: {error}")))
        }
        Some(_) => Err(invalid(&format!("attestation.symmetricKey.{name} is not text"))),
    }
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Refused> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(&format!("{name} is not text"))),
    }
}

fn invalid(message: &str) -> Refused {
    Refused::new(ErrorCode::ARGUMENT_INVALID, message)
}
