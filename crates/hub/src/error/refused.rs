//! Calls of services that break a rule.

use super::HubError;
use azmqtt_dialect::{ServiceError, TwinError};

/// Why a service's call is refused: an error code and words, as for a response of the REST API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Box<ServiceError>);

impl Refused {
    pub fn new(error_code: u32, message: impl Into<String>) -> Self {
        Self(Box::new(ServiceError::new(error_code, message)))
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl From<TwinError> for Refused {
    fn from(error: TwinError) -> Self {
        Self(Box::new(error.to_service_error()))
    }
}

impl From<Refused> for HubError {
    fn from(refused: Refused) -> Self {
        Self::Service(refused.0)
    }
}
