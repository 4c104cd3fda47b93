//! Devices that were assigned, as holders of the service's policy see them (DPS docs, REST: "Device Registration State").

use serde_json::{Value, json};

use super::enrollment::{EnrollmentGroup, key_of};
use super::managed::{Managed, Shown};
use super::pages::{self, Page, Wanted};
use super::registry::{Record, Registry, etag};
use crate::error::HubError;
use crate::error::refused::Refused;
use crate::if_match::IfMatch;
use crate::storage::state_dir::Kind;
use azmqtt_dialect::service_error::ErrorCode;

const NOT_FOUND: u32 = 404_204;

/// What a record takes of a page, in bytes, besides its texts.
const ROUGHLY: usize = 512;

pub(crate) fn get_registration(registry: &Registry, id: &str) -> Result<Shown, HubError> {
    let state = registry.state();
    let record = state.records.get(&key_of(id)).ok_or_else(not_found)?;
    Ok(Shown { body: view(&registry.hub, record), etag: etag(record.updated, record.count) })
}

/// Forgets that a device was assigned; its enrolment, and the device in the hub, stay.
pub(crate) fn delete_registration(
    registry: &Registry,
    id: &str,
    if_match: Option<&IfMatch>,
) -> Result<(), HubError> {
    let key = key_of(id);
    let removed = {
        let mut state = registry.state();
        let record = state.records.get(&key).ok_or_else(not_found)?;
        if if_match.is_some_and(|wanted| !wanted.admits(&etag(record.updated, record.count))) {
            let message = "Precondition failed: the etag is another one.";
            return Err(Refused::new(ErrorCode::PRECONDITION_FAILED, message).into());
        }
        state.records.remove(&key).ok_or_else(not_found)?
    };
    registry.save(Kind::Registration, &key).inspect_err(|_| {
        registry.state().records.entry(key.clone()).or_insert(removed);
    })
}

/// The registrations that came by a group.
pub(crate) fn registrations_of_group(
    registry: &Registry,
    group: &str,
    wanted: &Wanted,
) -> Result<Page, HubError> {
    let state = registry.state();
    if !state.groups.contains_key(group) {
        let (code, message) = EnrollmentGroup::MISSING;
        return Err(Refused::new(code, message).into());
    }
    let of_group = |record: &Record| {
        let size = ROUGHLY + record.registration_id.len() + record.device_id.len();
        (record.group.as_deref() == Some(group)).then_some(size)
    };
    Ok(pages::cut(&state.records, wanted, of_group).map(|record| view(&registry.hub, &record)))
}

pub(super) fn view(hub: &str, record: &Record) -> Value {
    json!({
        "registrationId": record.registration_id,
        "createdDateTimeUtc": record.created.to_string(),
        "assignedHub": hub,
        "deviceId": record.device_id,
        "status": "assigned",
        "substatus": record.substatus.as_str(),
        "lastUpdatedDateTimeUtc": record.updated.to_string(),
        "etag": etag(record.updated, record.count),
    })
}

fn not_found() -> HubError {
    Refused::new(NOT_FOUND, "Registration not found.").into()
}
