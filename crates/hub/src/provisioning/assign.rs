//! The end of a registration: the device is in the hub, with the keys of its enrolment, or knows its certificate.

use std::fmt::Display;
use std::sync::Arc;

use serde_json::Value;

use super::allocation::Allocation;
use super::enrollment::{Login, key_of};
use super::registry::{AllocationStage, Assigning, Record, State, etag};
use crate::error::HubError;
use crate::events::{self, Cause, Refused};
use crate::id::Id;
use crate::random;
use crate::refusals::Refusals;
use crate::registry::Registry;
use crate::registry::change::Unsaved;
use crate::registry::credentials::Authentication;
use crate::registry::credentials::Credentials;
use crate::registry::device::{Device, Kept};
use crate::registry::identity_record::{Traits, generation_id};
use crate::registry::identity_scopes;
use azmqtt_dialect::identity::check_id;
use azmqtt_dialect::provisioning::{RegistrationState, Status, Substatus};
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::{ServiceError, Twin};
use azmqtt_local::watch::Members;

/// Error codes of failed registrations (DPS docs, "Device Registration Result").
const ALLOCATION_FAILED: u32 = 400_207;
const BAD_TWIN: u32 = 400_208;

/// The service names the status of the webhook (azure-docs#48511), which is 500 for one that failed by itself.
const WEBHOOK_FAILED: &str = "Custom allocation failed with status code: 500";

/// The hub that devices are assigned to.
#[derive(Clone, Copy)]
pub(crate) struct Hub<'a> {
    pub hostname: &'a str,
    pub registry: &'a Registry,
    pub refusals: &'a Refusals,
}

/// The registration's state, and the device if it is new in the hub or has changed there.
type Assigned = (RegistrationState, Option<Unsaved>);

/// The error code and the message of a failed registration.
type Failure = (u32, String);

/// Puts the device into the hub. A device that is there already keeps its twin and its messages (that is a device
/// which registers again, or one that the application made); it gets the enrolment's keys, or its
/// certificate, for its next connection.
pub(super) fn assign(
    hub: Hub<'_>,
    state: &mut State,
    assigning: Assigning,
    now: Timestamp,
) -> Result<Assigned, Failure> {
    let Assigning { enrollment, login, group, registrant, payload, allocation, .. } = assigning;
    let registration_id = registrant.registrant.registration_id;
    let allocation = match allocation {
        AllocationStage::Answered(answer) => answer.map_err(|reason| {
            let reason = format!("provisioning {registration_id}: the allocation policy failed: {reason}");
            hub.refusals.note(&Refused::of(Cause::Provisioning, &reason));
            (ALLOCATION_FAILED, WEBHOOK_FAILED.to_owned())
        })?,
        AllocationStage::NotNeeded | AllocationStage::Asked => Allocation::default(),
    };
    let key = key_of(&registration_id);
    // A registration id is the same in other letters, an id in the hub is another one.
    let before = || state.records.get(&key).map(|record| record.device_id.clone());
    let device_id = allocation.device_id.or(enrollment.device_id);
    let device_id = device_id.or_else(before).unwrap_or_else(|| registration_id.clone());
    check_id("device id", &device_id).map_err(|error| refused_by_hub(ErrorCode::ARGUMENT_INVALID, &error))?;
    let found = hub.registry.find(&*device_id);
    // Whoever the hub knows already is assigned to it again, though it be for the first time through this service
    // (azure-iot-sdk-csharp#2397).
    let substatus = match found {
        Some(_) => Substatus::ReprovisionedToInitialAssignment,
        None => Substatus::InitialAssignment,
    };
    let shown = login.shown();
    let device = match found {
        Some(device) if knows(&device, &login) => None,
        Some(device) => {
            let new = credentials(login)?;
            let changed = hub.registry.change_unsaved(&device, |change| {
                change.credentials = new;
                change.record.touch();
                Ok::<_, Failure>(())
            });
            Some(changed?.1)
        }
        None => {
            let twin = initial_twin(allocation.initial_twin.or(enrollment.policy.initial_twin), now)?;
            let failed = |error: HubError| refused_by_hub(ErrorCode::SERVER_ERROR, &error);
            let generation = generation_id().map_err(failed)?;
            let mut kept = Kept::new(&*device_id, &generation, credentials(login)?, true, twin);
            let traits = Traits { iot_edge: enrollment.policy.iot_edge, ..Traits::default() };
            kept.record.traits = identity_scopes::resolve(hub.registry, Id::from(&*device_id), traits, None)
                .map_err(failed)?;
            let device = Arc::new(Device::new(&*device_id, &generation, kept));
            // The application may have made one meanwhile.
            let there = |error: HubError| refused_by_hub(ErrorCode::DEVICE_ALREADY_EXISTS, &error);
            hub.registry.insert(device.clone()).map_err(there)?;
            hub.registry.events.about(events::DEVICE_CREATED, device.key());
            Some(hub.registry.unsaved(&device))
        }
    };
    let known = state.records.get(&key);
    let record = Record {
        created: known.map_or(now, |record| record.created),
        count: known.map_or(0, |record| record.count) + 1,
        registration_id,
        device_id,
        shown,
        group,
        updated: now,
        substatus,
        payload,
    };
    let over = RegistrationState {
        registration_id: Some(record.registration_id.clone()),
        assigned_hub: Some(hub.hostname.to_owned()),
        device_id: Some(record.device_id.clone()),
        status: Some(Status::Assigned),
        substatus: Some(record.substatus.clone().for_version(&registrant.api_version)),
        created: Some(record.created.to_string()),
        last_updated: Some(record.updated.to_string()),
        etag: Some(etag(record.updated, record.count)),
        shown,
        payload: allocation.payload,
        enrollment_group_id: record.group.clone(),
        ..RegistrationState::default()
    };
    let members = Members::default().with("registration_id", events::bounded(&record.registration_id));
    hub.registry.events.tell(events::DEVICE_PROVISIONED, Id::from(&*record.device_id), members);
    state.records.insert(key, record);
    Ok((over, device))
}

/// The hub's answer to the service becomes the registration's (azure-iot-sdk-c#2362).
fn refused_by_hub(error_code: u32, reason: &dyn Display) -> Failure {
    (error_code, nested(&ServiceError::new(error_code, reason.to_string())))
}

/// The body of the hub's REST API, as text.
fn nested(error: &ServiceError) -> String {
    String::from_utf8_lossy(&error.to_named_rest_body()).into_owned()
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
    Ok(match login {
        Login::Keys(keys) => keys.into(),
        // Every device has keys, of use or not.
        Login::Certificate(authentication) => {
            let keys = random::keys().map_err(|error| refused_by_hub(ErrorCode::SERVER_ERROR, &error))?;
            Credentials { keys, authentication }
        }
    })
}

fn initial_twin(initial: Option<Value>, now: Timestamp) -> Result<Twin, Failure> {
    let mut twin = Twin::new(now);
    if let Some(initial) = initial {
        let patched = twin.patch_by_service(&initial, None, now);
        patched.map_err(|error| (BAD_TWIN, nested(&error.to_service_error())))?;
    }
    Ok(twin)
}
