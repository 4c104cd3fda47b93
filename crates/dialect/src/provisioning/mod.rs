//! The language of the Device Provisioning Service (IoT Hub DPS docs, "Communicate with DPS using the MQTT
//! protocol"), both ways.
//!
//! | module | subject |
//! |---|---|
//! | [`registrant`] | who registers: id scope, registration id, user name, SAS resource |
//! | [`topic`] | the topics that a device publishes, and those of the answers |
//! | [`request`] | the body of a registration |
//! | [`answer`] | the bodies of the answers: operations, registration states |
//!
//! The key of a device in an enrolment group is [`SymmetricKey::derive`](super::SymmetricKey::derive)d from the
//! group's. Error bodies are those of IoT Hub, see [`super::service_error`].

pub mod answer;
pub mod registrant;
pub mod request;
pub mod topic;

#[cfg(test)]
mod tests;

pub use answer::{AnswerError, ConnectionProfile, Operation, RegistrationState, Shown, Status, Substatus};
pub use registrant::{Registrant, Username, check_registration_id};
pub use request::Registration;
pub use topic::{ProvisioningRequest, ProvisioningResponse, RESPONSES};

/// The version of the service that this crate speaks: the one of Microsoft's SDKs. Later ones add certificates issued
/// by the service.
pub const API_VERSION: &str = "2019-03-31";

/// The service's host name for every public region.
pub const GLOBAL_HOST: &str = "global.azure-devices-provisioning.net";
