//! The Device Provisioning Service.

use azmqtt_dialect::provisioning::{Operation, ProvisioningRequest, ProvisioningResponse, Registration};

use crate::text;

/// Topics of requests and of answers.
pub fn topics(data: &[u8]) -> bool {
    let topic = text(data);
    let request = ProvisioningRequest::parse(&topic);
    if let Ok(request) = &request {
        let _ = request.to_string();
    }
    let response = ProvisioningResponse::parse(&topic);
    if let Ok(response) = &response {
        let _ = response.to_string();
    }
    request.is_ok() || response.is_ok()
}

/// Bodies of answers.
pub fn answers(data: &[u8]) -> bool {
    let Ok(operation) = Operation::parse(data) else { return false };
    assert_eq!(Operation::parse(&operation.to_body()).as_ref(), Ok(&operation));
    true
}

/// Bodies of registrations.
pub fn registrations(data: &[u8]) -> bool {
    let Ok(registration) = Registration::parse(data) else { return false };
    assert_eq!(Registration::parse(&registration.to_body()).as_ref(), Ok(&registration));
    true
}
