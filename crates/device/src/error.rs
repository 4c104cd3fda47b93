//! The errors between a device and its hub, grouped by what the caller can do about them.

use std::fmt;
use std::time::Duration;

use crate::provisioning::failure::ProvisioningFailure;
use azmqtt_client::budget::Full;
use azmqtt_client::cause::{Cause, replaced_by};
use azmqtt_dialect::ServiceError;
use azmqtt_net::ConnectError;
pub use azmqtt_net::Step;
use azmqtt_net::http::RequestError;

/// Why an operation failed. No variant contains a key or a token.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// The device could not connect.
    ConnectionFailed {
        /// The step that failed.
        step: Step,
        /// The reason, with the host and port.
        reason: String,
    },
    /// The hub refused the credentials.
    AuthenticationFailed {
        /// The hub's answer, with its usual meaning.
        reason: String,
    },
    /// The connection was lost, and the outcome of the operation is unknown.
    ConnectionLost {
        /// Why the connection ended.
        reason: String,
    },
    /// No answer arrived within the operation's timeout.
    RequestTimeout {
        /// The awaited answer.
        operation: &'static str,
        /// The timeout.
        after: Duration,
        /// The reason, if known, such as why the device was not connected.
        known: Option<String>,
    },
    /// The hub answered with a status other than success.
    RequestFailed {
        /// The HTTP-like status from the answer's topic.
        status: u16,
        /// The parsed body, as far as it is valid.
        error: Box<ServiceError>,
    },
    /// The provisioning service did not assign the device to a hub.
    ProvisioningFailed(Box<ProvisioningFailure>),
    /// The answer is invalid.
    BadAnswer {
        /// Why it is invalid.
        reason: String,
    },
    /// Blob Storage refused a file or a part of it.
    UploadFailed {
        /// The request, such as "Put Block".
        step: &'static str,
        /// The HTTP status, if there was an answer.
        status: Option<u16>,
        /// The code of Storage, such as `AuthenticationFailed`.
        code: Option<String>,
        /// The message of Storage.
        reason: String,
    },
    /// The outbox is full.
    OutboxFull {
        /// The number of messages and requests that wait or are in flight.
        messages: usize,
        /// Their size in bytes.
        bytes: usize,
    },
    /// The client was closed, or is being closed.
    ClientClosed,
    /// The client was closed because another one of this process has connected as the same identity.
    Replaced {
        /// The MQTT client id of both.
        client_id: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionFailed { step, reason } => write!(f, "{step} failed: {reason}"),
            Self::AuthenticationFailed { reason } => f.write_str(reason),
            Self::ConnectionLost { reason } => write!(f, "connection lost: {reason}"),
            Self::RequestTimeout { operation, after, known } => {
                write!(f, "no answer to {operation} within {} s", after.as_secs_f64())?;
                known.as_ref().map_or(Ok(()), |known| write!(f, " ({known})"))
            }
            Self::RequestFailed { status, error } => {
                write!(f, "the hub answered {status}: {}", error.message)
            }
            Self::UploadFailed { step, status, code, reason } => {
                write!(f, "the file upload failed at {step}")?;
                if let Some(status) = status {
                    write!(f, ": status {status}")?;
                }
                if let Some(code) = code {
                    write!(f, " {code}")?;
                }
                if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
            }
            Self::ProvisioningFailed(failure) => failure.fmt(f),
            Self::BadAnswer { reason } => write!(f, "the answer is invalid: {reason}"),
            Self::OutboxFull { messages, bytes } => {
                write!(f, "the outbox is full: {messages} messages, {bytes} bytes are not acknowledged yet")
            }
            Self::ClientClosed => f.write_str("the client is closed"),
            Self::Replaced { client_id } => {
                write!(f, "the client is closed: {}", replaced_by(client_id))
            }
        }
    }
}

impl std::error::Error for Error {}

impl Cause for Error {
    fn cause(&self) -> String {
        match self {
            Self::ConnectionLost { reason } => reason.clone(),
            other => other.to_string(),
        }
    }

    fn step(&self) -> Option<Step> {
        match self {
            Self::ConnectionFailed { step, .. } => Some(*step),
            _ => None,
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::ConnectionFailed { step: error.step, reason: error.reason }
    }
}

impl From<Full> for Error {
    fn from(Full { messages, bytes }: Full) -> Self {
        Self::OutboxFull { messages, bytes }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Connect(error) => error.into(),
            RequestError::Lost { reason } => Self::ConnectionLost { reason },
            RequestError::TimedOut { request, after } => {
                Self::RequestTimeout { operation: request, after, known: None }
            }
            RequestError::BadAnswer { reason } => Self::BadAnswer { reason },
        }
    }
}

/// The reason for an operation without a connection: the last error, or the current step.
pub(super) fn not_connected(error: impl fmt::Display) -> String {
    format!("not connected: {error}")
}
