//! What can go wrong between a client and its broker, by what the caller can do about it.

use std::fmt;
use std::time::Duration;

use crate::budget::Full;
use crate::cause::{Cause, replaced_by};
use crate::reply::Closed;
use azmqtt_mqtt::ReasonCode;
use azmqtt_net::{ConnectError, Step};

/// Why an operation did not succeed. No variant ever holds a password or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No connection could be made.
    ConnectionFailed {
        /// Where it failed.
        step: Step,
        /// What happened there, with the host and port.
        reason: String,
        /// CONNACK's code, if that was it.
        code: Option<ReasonCode>,
    },
    /// The broker refused the credentials, at the beginning of a connection or when they were renewed; or there were
    /// none to show.
    AuthenticationFailed {
        /// What the broker answered, or what went wrong with the authenticator.
        reason: String,
        /// The broker's code, if it gave one.
        code: Option<ReasonCode>,
    },
    /// The connection was lost and the outcome of the operation is not known.
    ConnectionLost {
        /// What ended the connection.
        reason: String,
        /// The code of the broker's DISCONNECT, if there was one.
        code: Option<ReasonCode>,
    },
    /// No answer within the operation's time.
    Timeout {
        /// What was waited for.
        operation: &'static str,
        /// How long it had.
        after: Duration,
        /// What is known of the reason, such as why there was no connection.
        known: Option<String>,
    },
    /// The outbox holds as much as it may.
    OutboxFull {
        /// Messages and requests that wait or are in flight.
        messages: usize,
        /// Their size in bytes.
        bytes: usize,
    },
    /// The packet is larger than the broker takes (its Maximum Packet Size), or than MQTT can express.
    PacketTooLarge {
        /// The largest packet, in bytes.
        limit: usize,
    },
    /// The broker did not accept a message: PUBACK, PUBREC or PUBCOMP with an error.
    PublishRefused {
        /// Its code.
        code: ReasonCode,
        /// Its reason string.
        reason: Option<String>,
    },
    /// The broker did not accept a filter, or the end of a subscription.
    SubscribeRefused {
        /// Its codes, in the order of the filters.
        codes: Vec<ReasonCode>,
        /// Its reason string.
        reason: Option<String>,
    },
    /// The message's time (its expiry) was over before it could be sent.
    Expired,
    /// The session was lost while a message was on its way: the broker may or may not have it.
    DeliveryUnknown,
    /// The broker forgot the session, and the client was told not to go on without it. [`connect`] begins a new one.
    ///
    /// [`connect`]: super::handle::Client::connect
    SessionLost,
    /// Another connection has the client identifier now. The client does not fight for it; [`connect`] takes it back.
    ///
    /// [`connect`]: super::handle::Client::connect
    TakenOver,
    /// The broker sends the client elsewhere.
    ServerMoved {
        /// [`ReasonCode::UseAnotherServer`] or [`ReasonCode::ServerMoved`].
        code: ReasonCode,
        /// Where, as the broker writes it.
        reference: Option<String>,
    },
    /// The broker does not have it.
    NotSupported {
        /// What, such as "QoS 2".
        what: &'static str,
    },
    /// MQTT 3.1.1 does not have it.
    NeedsMqtt5 {
        /// What, such as "requests".
        what: &'static str,
    },
    /// A topic, a filter or a property that cannot be sent.
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The client was closed, or is being closed.
    Closed,
    /// The client was closed because another one of this process has connected as the same client identifier.
    Replaced {
        /// The client identifier of both.
        client_id: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionFailed { step, reason, .. } => write!(f, "{step} failed: {reason}"),
            Self::AuthenticationFailed { reason, .. } | Self::Invalid { reason } => f.write_str(reason),
            Self::ConnectionLost { reason, .. } => write!(f, "connection lost: {reason}"),
            Self::Timeout { operation, after, known } => {
                write!(f, "no answer to {operation} within {} s", after.as_secs_f64())?;
                known.as_ref().map_or(Ok(()), |known| write!(f, " ({known})"))
            }
            Self::OutboxFull { messages, bytes } => {
                write!(f, "the outbox is full: {messages} messages, {bytes} bytes are not acknowledged yet")
            }
            Self::PacketTooLarge { limit } => {
                write!(f, "the packet is larger than {limit} bytes, the broker's limit")
            }
            Self::PublishRefused { code, reason } => {
                write!(f, "the broker refused the message: {code}")?;
                explain(f, reason.as_deref())
            }
            Self::SubscribeRefused { codes, reason } => {
                f.write_str("the broker refused a filter: ")?;
                for (index, code) in codes.iter().enumerate() {
                    write!(f, "{}{code}", if index > 0 { ", " } else { "" })?;
                }
                explain(f, reason.as_deref())
            }
            Self::Expired => f.write_str("the message expired before it could be sent"),
            Self::DeliveryUnknown => f.write_str(
                "the session was lost with the message on its way: the broker may or may not have it",
            ),
            Self::SessionLost => f.write_str("the broker forgot the session"),
            Self::TakenOver => f.write_str("another connection has taken over the client identifier"),
            Self::ServerMoved { code, reference } => {
                write!(f, "the broker sends the client elsewhere: {code}")?;
                explain(f, reference.as_deref())
            }
            Self::NotSupported { what } => write!(f, "the broker does not support {what}"),
            Self::NeedsMqtt5 { what } => write!(f, "MQTT 3.1.1 has no {what}: they need MQTT 5"),
            Self::Closed => f.write_str("the client is closed"),
            Self::Replaced { client_id } => {
                write!(f, "the client is closed: {}", replaced_by(client_id))
            }
        }
    }
}

/// Text of the broker's, which ends in errors and logs, without control characters.
pub(super) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn explain(f: &mut fmt::Formatter<'_>, reason: Option<&str>) -> fmt::Result {
    reason.map_or(Ok(()), |reason| write!(f, ": {}", on_one_line(reason)))
}

impl std::error::Error for Error {}

impl Cause for Error {
    fn cause(&self) -> String {
        match self {
            Self::ConnectionLost { reason, .. } => reason.clone(),
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

impl Closed for Error {
    fn closed() -> Self {
        Self::Closed
    }
}

impl From<Full> for Error {
    fn from(Full { messages, bytes }: Full) -> Self {
        Self::OutboxFull { messages, bytes }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::ConnectionFailed { step: error.step, reason: error.reason, code: None }
    }
}
