//! Why the service does not provision a device.

use std::fmt;

use azmqtt_dialect::ServiceError;
use azmqtt_dialect::provisioning::RegistrationState;

/// The service's refusal.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvisioningFailure {
    /// Who asked, as in the user name.
    pub registration_id: String,
    /// What the service said. Its status is that of the answer: 200 when the answer was that the registration has
    /// failed or is disabled, 401 for wrong credentials, 404 for an unknown enrolment, 409 for a registration that
    /// is under way already, 429 for too many requests.
    pub error: ServiceError,
    /// The state of the registration, if the answer had one.
    pub state: Option<RegistrationState>,
}

impl fmt::Display for ProvisioningFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceError { status, error_code, message, tracking_id, .. } = &self.error;
        write!(
            f,
            "the provisioning service did not assign {} to a hub: status {status}",
            self.registration_id
        )?;
        // Its codes have other names than those of a hub.
        if let Some(code) = error_code {
            write!(f, ", error {code}")?;
        }
        write!(f, ": {message}")?;
        if let Some(id) = tracking_id {
            write!(f, " (tracking id {id})")?;
        }
        let hint = match status {
            401 => {
                "is the key or certificate this enrolment's, is the id scope right, and is this machine's clock right?"
            }
            404 => "is there an enrolment of that registration id in this id scope?",
            409 => "is this device being registered twice at the same time?",
            _ => return Ok(()),
        };
        write!(f, " ({hint})")
    }
}
