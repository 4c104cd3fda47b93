//! What an answer of the service means for the registration.

use super::failure::ProvisioningFailure;
use super::{super::error::Error, Registered};
use azmqtt_dialect::provisioning::{ConnectionProfile, Operation, RegistrationState, Status};
use azmqtt_dialect::{Identity, ServiceError};

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is under way: ask again how far.
    Poll {
        /// Its id, if the answer named it.
        operation_id: Option<String>,
    },
    /// The service asks to wait, or has troubles of its own: the same request again, later.
    Busy(Box<ProvisioningFailure>),
    /// There is a hub.
    Registered(Box<Registered>),
    /// There will be none.
    Failed(Error),
}

/// Judges the answer of `status` with `body` to a request of `registration_id`.
pub(super) fn judge(registration_id: &str, status: u16, body: &[u8]) -> Verdict {
    let failure =
        |error| ProvisioningFailure { registration_id: registration_id.to_owned(), error, state: None };
    match status {
        200 | 202 => {}
        408 | 429 | 500.. => return Verdict::Busy(Box::new(failure(ServiceError::parse(status, body)))),
        _ => return refused(failure(ServiceError::parse(status, body))),
    }
    let operation = match Operation::parse(body) {
        Ok(operation) => operation,
        Err(error) => return nonsense(status, &error.to_string()),
    };
    match operation.status {
        Status::Assigning | Status::Unassigned => Verdict::Poll { operation_id: operation.operation_id },
        Status::Assigned => assigned(registration_id, status, operation.state),
        Status::Failed | Status::Disabled => {
            let state = operation.state;
            let code = state.as_ref().and_then(|state| state.error_code);
            let said = state.as_ref().and_then(|state| state.error_message.clone());
            let default = match operation.status {
                Status::Disabled => "the enrolment is disabled",
                _ => "the registration failed, without an explanation",
            };
            let mut error = ServiceError::new(0, said.unwrap_or_else(|| default.to_owned()));
            (error.status, error.error_code) = (status, code);
            refused(ProvisioningFailure { state, ..failure(error) })
        }
    }
}

fn assigned(registration_id: &str, status: u16, state: Option<RegistrationState>) -> Verdict {
    let Some(state) = state else { return nonsense(status, "assigned, and no registrationState") };
    if let ConnectionProfile::Other(profile) = &state.connection_profile {
        let message = format!("the assigned hub speaks {profile}, which this client does not");
        let mut error = ServiceError::new(0, message);
        (error.status, error.error_code) = (status, None);
        let registration_id = registration_id.to_owned();
        return refused(ProvisioningFailure { registration_id, error, state: Some(state) });
    }
    let host_name = state.assigned_hub.as_deref().unwrap_or_default();
    let device_id = state.device_id.as_deref().unwrap_or_default();
    match Identity::new(host_name, device_id, None) {
        Ok(identity) => Verdict::Registered(Box::new(Registered { identity, state })),
        Err(error) => nonsense(status, &format!("assigned, but the {error}")),
    }
}

fn refused(failure: ProvisioningFailure) -> Verdict {
    Verdict::Failed(Error::ProvisioningFailed(Box::new(failure)))
}

fn nonsense(status: u16, what: &str) -> Verdict {
    let reason = format!("the provisioning service answered {status}: {what}");
    Verdict::Failed(Error::BadAnswer { reason })
}
