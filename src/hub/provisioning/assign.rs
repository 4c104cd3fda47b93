//! The end of a registration: the device is in the hub, with the keys of its enrolment, or knows its certificate.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::enrollment::{Login, key_of};
use super::registry::{AllocationStage, Assigning, Record, State};
use crate::dialect::identity::check_id;
use crate::dialect::provisioning::{RegistrationState, Status, Substatus};
use crate::dialect::time::format_utc;
use crate::dialect::{SymmetricKey, Twin};
use crate::hub::HubError;
use crate::hub::client_certificates::Authentication;
use crate::hub::device::{Credentials, Device};
use crate::hub::identities::generation_id;
use crate::hub::shared::Shared;

/// Error codes of failed registrations (DPS docs, "Device Registration Result").
const ALLOCATION_FAILED: u32 = 400_207;
const BAD_TWIN: u32 = 400_208;

/// The registration's state, and the device if it is new in the hub or has changed there.
type Assigned = (RegistrationState, Option<Arc<Device>>);

/// The error code and the message of a failed registration.
type Failure = (u32, String);

/// Puts the device into the hub. A device that is there already keeps its twin and its messages (that is a device
/// which registers again, or one that the application made); it gets the enrolment's keys, or its
/// certificate, for its next connection.
pub(super) fn assign(
    shared: &Shared,
    state: &mut State,
    assigning: Assigning,
    now: u64,
) -> Result<Assigned, Failure> {
    let Assigning { enrollment, login, group, registration_id, payload, allocation, .. } = assigning;
    let allocation = match allocation {
        AllocationStage::Answered(answer) => answer.map_err(|error| (ALLOCATION_FAILED, error))?,
        AllocationStage::NotNeeded | AllocationStage::Asked => super::Allocation::default(),
    };
    let key = key_of(&registration_id);
    // A registration id is the same in other letters, an id in the hub is another one.
    let before = || state.records.get(&key).map(|record| record.device_id.clone());
    let device_id = allocation.device_id.or(enrollment.device_id);
    let device_id = device_id.or_else(before).unwrap_or_else(|| registration_id.clone());
    check_id("device id", &device_id).map_err(|error| (ALLOCATION_FAILED, error.to_string()))?;
    let found = shared.registry.find(&*device_id);
    let was_there = found.is_some();
    let device = match found {
        Some(device) if knows(&device, &login) => None,
        Some(device) => {
            device.set_credentials(credentials(login)?);
            Some(device)
        }
        None => {
            let twin = initial_twin(allocation.initial_twin.or(enrollment.policy.initial_twin), now)?;
            let failed = |error: HubError| (ALLOCATION_FAILED, error.to_string());
            let generation = generation_id().map_err(failed)?;
            let device = Arc::new(Device::new(&*device_id, &generation, credentials(login)?, true, twin));
            // The application may have made one meanwhile.
            shared.registry.insert(device.clone()).map_err(failed)?;
            Some(device)
        }
    };
    let known = state.records.get(&key);
    let substatus = match known {
        // It was removed from the hub meanwhile.
        Some(record) if record.device_id == device_id && !was_there => {
            Substatus::ReprovisionedToInitialAssignment
        }
        Some(record) => record.substatus.clone(),
        None => Substatus::InitialAssignment,
    };
    let record = Record {
        created: known.map_or(now, |record| record.created),
        count: known.map_or(0, |record| record.count) + 1,
        registration_id,
        device_id,
        group,
        updated: now,
        substatus,
        payload,
    };
    let over = RegistrationState {
        registration_id: Some(record.registration_id.clone()),
        assigned_hub: Some(shared.config.hostname.clone()),
        device_id: Some(record.device_id.clone()),
        status: Some(Status::Assigned),
        substatus: Some(record.substatus.clone()),
        created: Some(format_utc(record.created)),
        last_updated: Some(format_utc(record.updated)),
        etag: Some(STANDARD.encode(format!("\"{}-{}\"", record.updated, record.count))),
        payload: allocation.payload,
        enrollment_group_id: record.group.clone(),
        ..RegistrationState::default()
    };
    state.records.insert(key, record);
    Ok((over, device))
}

/// Whether the hub lets the device in as it is.
fn knows(device: &Device, login: &Login) -> bool {
    let known = &device.state().credentials;
    match login {
        Login::Keys(keys) => known.authentication == Authentication::Sas && known.keys == *keys,
        Login::Certificate(how) => known.authentication == *how,
    }
}

fn credentials(login: Login) -> Result<Credentials, Failure> {
    let key = || SymmetricKey::generate().map_err(|error| (ALLOCATION_FAILED, error.to_string()));
    Ok(match login {
        Login::Keys(keys) => keys.into(),
        // Every device has keys, of use or not.
        Login::Certificate(authentication) => Credentials { keys: [key()?, key()?], authentication },
    })
}

fn initial_twin(initial: Option<Value>, now: u64) -> Result<Twin, Failure> {
    let mut twin = Twin::new(now);
    if let Some(initial) = initial {
        let patched = twin.patch_by_service(&initial, None, now);
        patched.map_err(|error| (BAD_TWIN, format!("initialTwin: {error}")))?;
    }
    Ok(twin)
}
