//! The topics of a registration. `$rid` is the device's own number for a request and comes back with its answer.

use std::fmt;

use crate::encoding::{decode, push_encoded};
use crate::topic::TopicError;

/// The one filter that a device subscribes to.
pub const RESPONSES: &str = "$dps/registrations/res/#";

const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/?";
const OPERATION: &str = "$dps/registrations/GET/iotdps-get-operationstatus/?";
const RESPONSE: &str = "$dps/registrations/res/";

/// What a device publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProvisioningRequest {
    /// Asks to be registered.
    Register {
        /// Chosen by the device.
        request_id: String,
    },
    /// Asks how far an operation is.
    OperationStatus {
        /// Chosen by the device.
        request_id: String,
        /// From the answer to [`Self::Register`].
        operation_id: String,
    },
}

impl ProvisioningRequest {
    /// Parses a topic that a device published.
    pub fn parse(topic: &str) -> Result<Self, TopicError> {
        if let Some(query) = topic.strip_prefix(REGISTER) {
            return Ok(Self::Register { request_id: request_id(query)? });
        }
        let query = topic.strip_prefix(OPERATION).ok_or(TopicError::Unknown)?;
        let operation_id = parameter(query, "operationId").ok_or(TopicError::Unknown)?;
        Ok(Self::OperationStatus { request_id: request_id(query)?, operation_id })
    }

    /// The device's number for it.
    pub fn request_id(&self) -> &str {
        match self {
            Self::Register { request_id } | Self::OperationStatus { request_id, .. } => request_id,
        }
    }
}

impl fmt::Display for ProvisioningRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register { request_id } => write!(f, "{REGISTER}$rid={request_id}"),
            Self::OperationStatus { request_id, operation_id } => {
                let mut encoded = String::new();
                push_encoded(&mut encoded, operation_id);
                write!(f, "{OPERATION}$rid={request_id}&operationId={encoded}")
            }
        }
    }
}

/// The topic of an answer: `$dps/registrations/res/{status}/?$rid={rid}[&retry-after={seconds}]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningResponse {
    /// 200 when the operation has ended, 202 while it runs, else an error.
    pub status: u16,
    /// The request's own.
    pub request_id: String,
    /// Seconds until the next request is welcome.
    pub retry_after: Option<u64>,
}

impl ProvisioningResponse {
    /// Parses a topic that the service published. A `retry-after` that is not a number counts as none.
    pub fn parse(topic: &str) -> Result<Self, TopicError> {
        let rest = topic.strip_prefix(RESPONSE).ok_or(TopicError::Unknown)?;
        let (status, query) = rest.split_once("/?").ok_or(TopicError::Unknown)?;
        let status = digits(status).filter(|status| (100..=999).contains(status));
        let status = status.ok_or(TopicError::BadNumber("status"))?;
        let retry_after = parameter(query, "retry-after").and_then(|seconds| digits(&seconds));
        Ok(Self { status, request_id: request_id(query)?, retry_after })
    }
}

impl fmt::Display for ProvisioningResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{RESPONSE}{}/?$rid={}", self.status, self.request_id)?;
        self.retry_after.map_or(Ok(()), |seconds| write!(f, "&retry-after={seconds}"))
    }
}

fn request_id(query: &str) -> Result<String, TopicError> {
    parameter(query, "$rid").filter(|rid| !rid.is_empty()).ok_or(TopicError::MissingRequestId)
}

/// The first parameter of that name, in any case, decoded; `None` also when its encoding is malformed.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    for (key, value) in pairs {
        if decode(key).is_some_and(|key| key.eq_ignore_ascii_case(name)) {
            return decode(value).map(String::from);
        }
    }
    None
}

/// A number in plain digits. (`str::parse` alone would take a leading `+`.)
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
