//! The service as the state directory keeps it: each enrolment, group and registration in a file of its own, so that a
//! change writes what has changed. Operations end with the hub, as they do with a restart of any service.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use super::enrollment::{Attestation, Enrollment, EnrollmentGroup, Policy, Revision, key_of};
use super::owner::Owner;
use super::registry::{Record, Registry, State};
use crate::error::HubError;
use crate::random;
use crate::registry::credentials::Authentication;
use crate::security::client_certificates::Authorities;
use crate::storage::disk::Disk;
use crate::storage::state_dir::Kind;
use azmqtt_dialect::SymmetricKey;
use azmqtt_dialect::provisioning::{Registrant, Shown, Substatus};
use azmqtt_dialect::time::Timestamp;

/// The kinds of attestation in a file.
const SYMMETRIC_KEY: &str = "symmetricKey";
const X509: &str = "x509";

impl Registry {
    /// A new service, with a random id scope.
    fn generate(hub: String, disk: Disk) -> Result<Self, HubError> {
        let random = random::bytes().map_err(HubError::System)?;
        // The service's begin with "0ne", too.
        let id_scope = format!("0ne{:08X}", u32::from_ne_bytes(random));
        Ok(Self::new(hub, disk, id_scope, Owner::generate()?, State::default()))
    }

    /// The service that the disk keeps; a new one, whose id scope is kept at once, if it keeps none. `hub` is the host name of
    /// the hub that devices are assigned to.
    pub fn load(hub: String, disk: Disk) -> Result<Self, HubError> {
        let Some(dir) = disk.dir() else { return Self::generate(hub, disk) };
        let Some((path, content)) = dir.provisioning()? else {
            let made = Self::generate(hub, disk)?;
            dir.save_provisioning(&made.to_state())?;
            return Ok(made);
        };
        let corrupt = |reason: String| HubError::corrupt(&path, reason);
        let id_scope = text(&content, "idScope").map_err(corrupt)?;
        Registrant::new(&id_scope, "x").map_err(|error| HubError::corrupt(&path, error))?;
        let owner = match content.get("owner") {
            Some(owner) => Owner::from_state(owner).map_err(corrupt)?,
            // Earlier versions had no keys.
            None => Owner::generate()?,
        };
        let mut state = State::default();
        for kind in [Kind::Enrollment, Kind::EnrollmentGroup, Kind::Registration] {
            for (path, content) in dir.all(kind)? {
                state.read(kind, &content).map_err(|error| HubError::corrupt(&path, error))?;
            }
        }
        let loaded = Self::new(hub, disk, id_scope, owner, state);
        if content.get("owner").is_none() {
            dir.save_provisioning(&loaded.to_state())?;
        }
        Ok(loaded)
    }

    fn to_state(&self) -> Value {
        json!({ "idScope": self.id_scope, "owner": self.owner.to_state() })
    }

    /// Brings one file up to date, whether its subject is there or gone; returns when that is safe on the disk.
    pub fn save(&self, kind: Kind, key: &str) -> Result<(), HubError> {
        let Some(dir) = self.disk.dir() else { return Ok(()) };
        let _saving = self.saving(key).lock();
        let content = self.state().write(kind, key);
        match content {
            Some(content) => dir.save_one(kind, key, &content),
            None => dir.remove_one(kind, key),
        }
    }

    /// [`Self::save`] for tasks.
    pub async fn save_async(self: &Arc<Self>, kind: Kind, key: String) -> Result<(), HubError> {
        if self.disk.dir().is_none() {
            return Ok(());
        }
        let registry = self.clone();
        let saved = spawn_blocking(move || registry.save(kind, &key)).await;
        saved.unwrap_or_else(|error| Err(HubError::System(std::io::Error::other(error))))
    }
}

impl State {
    fn read(&mut self, kind: Kind, content: &Value) -> Result<(), String> {
        match kind {
            Kind::Enrollment => {
                let enrollment = enrollment_from_json(content)?;
                self.enrollments.insert(key_of(&enrollment.registration_id), enrollment);
            }
            Kind::EnrollmentGroup => {
                let group = group_from_json(content)?;
                self.groups.insert(group.name.clone(), group);
            }
            Kind::Registration => {
                let record = record_from_json(content)?;
                self.records.insert(key_of(&record.registration_id), record);
            }
            Kind::Device | Kind::Module | Kind::Job => {}
        }
        Ok(())
    }

    fn write(&self, kind: Kind, key: &str) -> Option<Value> {
        match kind {
            Kind::Enrollment => self.enrollments.get(key).map(enrollment_to_json),
            Kind::EnrollmentGroup => self.groups.get(key).map(group_to_json),
            Kind::Registration => self.records.get(key).map(record_to_json),
            Kind::Device | Kind::Module | Kind::Job => None,
        }
    }
}

fn enrollment_to_json(enrollment: &Enrollment) -> Value {
    let mut out = common_to_json(&enrollment.attestation, &enrollment.policy);
    out.insert("registrationId".to_owned(), enrollment.registration_id.as_str().into());
    out.insert("deviceId".to_owned(), enrollment.device_id.as_deref().map_or(Value::Null, Value::from));
    Value::Object(out)
}

fn enrollment_from_json(entry: &Value) -> Result<Enrollment, String> {
    Ok(Enrollment {
        registration_id: text(entry, "registrationId")?,
        attestation: attestation_from_json(entry)?,
        device_id: optional_text(entry, "deviceId")?,
        policy: policy_from_json(entry)?,
    })
}

fn group_to_json(group: &EnrollmentGroup) -> Value {
    let mut out = common_to_json(&group.attestation, &group.policy);
    out.insert("enrollmentGroupId".to_owned(), group.name.as_str().into());
    Value::Object(out)
}

fn group_from_json(entry: &Value) -> Result<EnrollmentGroup, String> {
    Ok(EnrollmentGroup {
        name: text(entry, "enrollmentGroupId")?,
        attestation: attestation_from_json(entry)?,
        policy: policy_from_json(entry)?,
    })
}

fn common_to_json(attestation: &Attestation, policy: &Policy) -> Map<String, Value> {
    let status = if policy.enabled { "enabled" } else { "disabled" };
    let mut out = Map::new();
    out.insert("provisioningStatus".to_owned(), status.into());
    let (name, attestation) = match attestation {
        Attestation::SymmetricKeys(keys) => {
            let [primary, secondary] = keys.each_ref().map(SymmetricKey::as_base64);
            (SYMMETRIC_KEY, json!({ "primaryKey": primary, "secondaryKey": secondary }))
        }
        Attestation::Certificate(how) => {
            let [primary, secondary] = how.thumbprints();
            let thumbprints = json!({ "primaryThumbprint": primary, "secondaryThumbprint": secondary });
            (X509, json!({ "type": how.name(), "thumbprints": thumbprints }))
        }
        Attestation::SignedBy(authorities) => (X509, json!({ "signingCertificates": authorities.to_pem() })),
    };
    out.insert(name.to_owned(), attestation);
    out.insert("initialTwin".to_owned(), policy.initial_twin.clone().unwrap_or(Value::Null));
    out.insert("iotEdge".to_owned(), policy.iot_edge.into());
    out.insert("kept".to_owned(), policy.kept.clone().into());
    let Revision { created, updated, number } = policy.revision;
    let revision =
        json!({ "created": created.to_string(), "updated": updated.to_string(), "number": number });
    out.insert("revision".to_owned(), revision);
    out
}

fn attestation_from_json(entry: &Value) -> Result<Attestation, String> {
    if let Some(x509) = entry.get(X509) {
        if let Some(pem) = optional_text(x509, "signingCertificates")? {
            let authorities = Authorities::default();
            authorities.add(pem.as_bytes()).map_err(|error| format!("'signingCertificates': {error}"))?;
            return Ok(Attestation::SignedBy(authorities.into()));
        }
        let thumbprint = |name: &str| x509.pointer(&format!("/thumbprints/{name}")).and_then(Value::as_str);
        let kind = text(x509, "type")?;
        let how = Authentication::from_parts(
            &kind,
            thumbprint("primaryThumbprint"),
            thumbprint("secondaryThumbprint"),
        );
        let how = how.filter(Authentication::is_x509);
        return how.map(Attestation::Certificate).ok_or_else(|| "'x509' is invalid".to_owned());
    }
    let keys = entry.get("symmetricKey").unwrap_or(&Value::Null);
    let key =
        |name| SymmetricKey::from_base64(&text(keys, name)?).map_err(|error| format!("'{name}': {error}"));
    Ok(Attestation::SymmetricKeys([key("primaryKey")?, key("secondaryKey")?]))
}

fn policy_from_json(entry: &Value) -> Result<Policy, String> {
    let enabled = match text(entry, "provisioningStatus")?.as_str() {
        "enabled" => true,
        "disabled" => false,
        _ => return Err("'provisioningStatus' is neither enabled nor disabled".to_owned()),
    };
    let initial_twin = entry.get("initialTwin").filter(|twin| !twin.is_null()).cloned();
    // Earlier versions kept nothing of the rest.
    let kept = entry.get("kept").and_then(Value::as_object).cloned().unwrap_or_default();
    let revision = match entry.get("revision") {
        Some(revision) => revision_from_json(revision)?,
        None => Revision::first(),
    };
    let iot_edge = entry.get("iotEdge").and_then(Value::as_bool).unwrap_or_default();
    Ok(Policy { enabled, initial_twin, iot_edge, kept, revision, size: entry.to_string().len() })
}

fn revision_from_json(entry: &Value) -> Result<Revision, String> {
    let time = |name: &str| {
        Timestamp::parse(&text(entry, name)?).ok_or_else(|| format!("'revision.{name}' is not a time"))
    };
    let number = entry.get("number").and_then(Value::as_u64);
    let number = number.ok_or("'revision.number' is missing or not a number")?;
    Ok(Revision { created: time("created")?, updated: time("updated")?, number })
}

fn record_to_json(record: &Record) -> Value {
    json!({
        "registrationId": record.registration_id,
        "deviceId": record.device_id,
        "enrollmentGroupId": record.group,
        "attestation": match record.shown {
            Shown::SymmetricKey => SYMMETRIC_KEY,
            Shown::X509 => X509,
        },
        "created": record.created.to_string(),
        "updated": record.updated.to_string(),
        "count": record.count,
        "substatus": record.substatus.as_str(),
        "payload": record.payload,
    })
}

fn record_from_json(entry: &Value) -> Result<Record, String> {
    let time = |name: &str| {
        let found = entry.get(name).and_then(Timestamp::from_state);
        found.ok_or_else(|| format!("'{name}' is missing or not a time"))
    };
    let count = entry.get("count").and_then(Value::as_u64);
    Ok(Record {
        registration_id: text(entry, "registrationId")?,
        device_id: text(entry, "deviceId")?,
        group: optional_text(entry, "enrollmentGroupId")?,
        shown: match optional_text(entry, "attestation")?.as_deref() {
            Some(X509) => Shown::X509,
            _ => Shown::SymmetricKey,
        },
        created: time("created")?,
        updated: time("updated")?,
        count: count.ok_or("'count' is missing or not a number")?,
        substatus: Substatus::parse(&text(entry, "substatus")?),
        payload: entry.get("payload").filter(|payload| !payload.is_null()).cloned(),
    })
}

fn text(entry: &Value, name: &str) -> Result<String, String> {
    optional_text(entry, name)?.ok_or_else(|| format!("'{name}' is missing"))
}

fn optional_text(entry: &Value, name: &str) -> Result<Option<String>, String> {
    match entry.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("'{name}' is not text")),
    }
}
