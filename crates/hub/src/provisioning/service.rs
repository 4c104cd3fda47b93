//! What a request comes to: registrations are begun, followed and finished here.

use std::time::SystemTime;

use super::allocation::AllocationRequest;
use super::assign::{self, Hub};
use super::enrollment::{Enrollment, Login, Proof, key_of};
use super::registry::{AllocationStage, Assigning, Fault, Operation, Registry, Stage, State, etag};
use crate::config::HubConfig;
use crate::error::tracking::Tracking;
use crate::events::{Cause, Refused};
use crate::random;
use crate::registry::change::Unsaved;
use crate::security::client_certificates::Authorities;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::provisioning::{
    self as wire, ProvisioningRequest, Registrant, Registration, RegistrationState, Shown, Status, Username,
};
use azmqtt_dialect::time::Timestamp;

/// What the service says.
pub(crate) struct Answer {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
    /// The client has shown an enrolment, now or when it was given the operation's id.
    pub proven: bool,
    /// A device was assigned: that is written down before the answer goes.
    pub assigned: bool,
    /// It is new in the hub, or has changed there.
    pub changed: Option<Unsaved>,
}

/// What becomes of a request.
pub(crate) enum Outcome {
    Answer(Answer),
    Close,
    Silence,
}

/// Error codes by which the service refuses (DPS docs, "Troubleshoot: common error codes").
const UNAUTHORIZED: u32 = 401_002;
const NO_ENROLLMENT: u32 = 404_201;
const NO_OPERATION: u32 = 404_203;
const BAD_REQUEST: u32 = 400_004;
const INTERNAL: u32 = 500_001;

/// The service: what it goes by.
#[derive(Clone, Copy)]
pub(crate) struct Service<'a> {
    pub registry: &'a Registry,
    pub config: &'a HubConfig,
    /// The hub's: whose signatures on client certificates are taken.
    pub authorities: &'a Authorities,
    pub hub: Hub<'a>,
}

impl Service<'_> {
    /// A client's request, at `now`.
    pub fn serve(
        self,
        username: &Username,
        proof: &Proof,
        request: &ProvisioningRequest,
        body: &[u8],
        now: SystemTime,
    ) -> Outcome {
        let registry = self.registry;
        let mut state = registry.state();
        match state.faults.pop_front() {
            None => {}
            Some(Fault::Close) => return Outcome::Close,
            Some(Fault::Silence) => return Outcome::Silence,
            Some(Fault::Answer(error)) => return Outcome::Answer(refuse(error)),
        }
        let answered = match request {
            ProvisioningRequest::Register { .. } => self.register(&mut state, username, proof, body, now),
            ProvisioningRequest::OperationStatus { operation_id, .. } => {
                self.follow(&mut state, &username.registrant, operation_id, now)
            }
        };
        let asks = !state.allocations.is_empty();
        drop(state);
        if asks {
            registry.tell_asked();
        }
        Outcome::Answer(answered.unwrap_or_else(refuse))
    }

    fn register(
        self,
        state: &mut State,
        username: &Username,
        proof: &Proof,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Answer, ServiceError> {
        let registrant = &username.registrant;
        let body =
            Registration::parse(body).map_err(|error| ServiceError::new(BAD_REQUEST, error.to_string()))?;
        if !body.registration_id.eq_ignore_ascii_case(&registrant.registration_id) {
            return Err(ServiceError::new(
                BAD_REQUEST,
                "the registrationId differs from the one in the user name",
            ));
        }
        let Admission { enrollment, login, group } = self.admit(state, registrant, proof, now)?;
        let registration_key = key_of(&registrant.registration_id);
        if !enrollment.policy.enabled {
            let over = ended(registrant, login.shown(), Status::Disabled, Timestamp::of(now));
            return Ok(over_answer(None, over));
        }
        let operation_id = new_operation_id()?;
        let asks = state.custom_allocation;
        if asks {
            state.allocations.push_back(AllocationRequest {
                operation_id: operation_id.clone(),
                registration_id: registrant.registration_id.clone(),
                group: group.clone(),
                payload: body.payload.clone(),
            });
        }
        let assigning = Assigning {
            enrollment,
            login,
            group,
            registrant: username.clone(),
            payload: body.payload,
            polls: state.pace.polls,
            allocation: if asks { AllocationStage::Asked } else { AllocationStage::NotNeeded },
        };
        let assigning = Stage::Assigning(Box::new(assigning));
        state.add_operation(Operation { id: operation_id.clone(), registration_key, stage: assigning });
        Ok(assigning_answer(state, operation_id))
    }

    fn admit(
        self,
        state: &State,
        registrant: &Registrant,
        proof: &Proof,
        now: SystemTime,
    ) -> Result<Admission, ServiceError> {
        let sas_time = self.config.sas_time(now);
        let mut refused = None;
        let mut check = |enrollment: &Enrollment| {
            let checked = proof.check(&enrollment.attestation, registrant, self.authorities, sas_time, now);
            checked.map_err(|reason| refused = Some(reason)).ok()
        };
        // An enrolment of its own goes before any group.
        if let Some(own) = state.enrollments.get(&key_of(&registrant.registration_id)) {
            if let Some(login) = check(own) {
                return Ok(Admission { enrollment: own.clone(), login, group: None });
            }
        } else {
            for group in state.groups.values() {
                let enrollment = group.member(&registrant.registration_id);
                if let Some(login) = check(&enrollment) {
                    return Ok(Admission { enrollment, login, group: Some(group.name.clone()) });
                }
            }
        }
        let Some(reason) = refused else {
            let reason = format!("provisioning: no enrolment for {}", registrant.registration_id);
            self.hub.refusals.note(&Refused::of(Cause::Provisioning, &reason));
            return Err(ServiceError::new(NO_ENROLLMENT, "Enrollment not found."));
        };
        let reason = format!("provisioning {}: {reason}", registrant.registration_id);
        self.hub.refusals.note(&Refused::of(Cause::Provisioning, &reason));
        Err(ServiceError::new(UNAUTHORIZED, "Unauthorized"))
    }

    /// The answer to the question how far an operation is; it is brought to its end if it is time.
    fn follow(
        self,
        state: &mut State,
        registrant: &Registrant,
        operation_id: &str,
        now: SystemTime,
    ) -> Result<Answer, ServiceError> {
        let unknown = || ServiceError::new(NO_OPERATION, "Operation not found.");
        let key = key_of(&registrant.registration_id);
        let operation = state
            .operation(operation_id)
            .filter(|found| found.registration_key == key)
            .ok_or_else(unknown)?;
        if let Stage::Assigning(assigning) = &mut operation.stage
            && (assigning.polls > 0 || matches!(assigning.allocation, AllocationStage::Asked))
        {
            assigning.polls = assigning.polls.saturating_sub(1);
            return Ok(assigning_answer(state, operation_id.to_owned()));
        }
        let (mut assigned, mut changed) = (false, None);
        // Taken out while the registration changes the rest of the state.
        let placeholder = Stage::Over(RegistrationState::default().into());
        let over = match std::mem::replace(&mut operation.stage, placeholder) {
            Stage::Over(over) => *over,
            Stage::Assigning(assigning) => {
                let (shown, group) = (assigning.login.shown(), assigning.group.clone());
                let now = Timestamp::of(now);
                match assign::assign(self.hub, state, *assigning, now) {
                    Ok((over, device)) => {
                        (assigned, changed) = (true, device);
                        over
                    }
                    Err((error_code, error_message)) => RegistrationState {
                        created: Some(now.to_string()),
                        error_code: Some(error_code),
                        error_message: Some(error_message),
                        enrollment_group_id: group,
                        ..ended(registrant, shown, Status::Failed, now)
                    },
                }
            }
        };
        if let Some(operation) = state.operation(operation_id) {
            operation.stage = Stage::Over(over.clone().into());
        }
        Ok(Answer { assigned, changed, ..over_answer(Some(operation_id.to_owned()), over) })
    }
}

fn refuse(mut error: ServiceError) -> Answer {
    Tracking::new().mark_of_provisioning(&mut error);
    Answer {
        status: error.status,
        retry_after: error.retry_after,
        body: error.to_body(),
        proven: false,
        assigned: false,
        changed: None,
    }
}

/// An enrolment that lets a client in.
struct Admission {
    enrollment: Enrollment,
    /// How the client will show itself to the hub.
    login: Login,
    /// The group that the enrolment comes from.
    group: Option<String>,
}

fn over_answer(operation_id: Option<String>, over: RegistrationState) -> Answer {
    let status = over.status.unwrap_or(Status::Failed);
    let operation = wire::Operation { operation_id, status, state: Some(over) };
    Answer {
        status: 200,
        retry_after: None,
        body: operation.to_body(),
        proven: true,
        assigned: false,
        changed: None,
    }
}

fn assigning_answer(state: &State, operation_id: String) -> Answer {
    let operation =
        wire::Operation { operation_id: Some(operation_id), status: Status::Assigning, state: None };
    Answer {
        status: 202,
        retry_after: Some(state.pace.retry_after),
        body: operation.to_body(),
        proven: true,
        assigned: false,
        changed: None,
    }
}

/// The state of a registration without a device.
fn ended(registrant: &Registrant, shown: Shown, status: Status, now: Timestamp) -> RegistrationState {
    RegistrationState {
        registration_id: Some(registrant.registration_id.clone()),
        status: Some(status),
        shown,
        last_updated: Some(now.to_string()),
        etag: Some(etag(now, 0)),
        ..RegistrationState::default()
    }
}

/// In the shape of the service's own, `4.{16 digits}.{GUID}`.
fn new_operation_id() -> Result<String, ServiceError> {
    let random =
        random::bytes().map_err(|_| ServiceError::new(INTERNAL, "the system's random source failed"))?;
    Ok(format!("4.{:016x}.{}", u64::from_ne_bytes(random), Tracking::new().request_id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_ids_look_like_the_service_s() {
        let id = new_operation_id().unwrap();
        let lengths: Vec<_> = id.split(['.', '-']).map(str::len).collect();
        assert_eq!(lengths, [1, 16, 8, 4, 4, 4, 12], "{id}");
        assert_ne!(id, new_operation_id().unwrap());
    }
}
