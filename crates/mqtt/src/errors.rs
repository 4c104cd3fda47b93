//! Why a call writes nothing. Each is found before the first byte is written.

use std::fmt;

use crate::packets::{Publish, QoS};

/// Why a message is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishError {
    /// There is no connection that is accepted.
    NotConnected,
    /// As many messages are in flight as the peer or this side takes: wait for an acknowledgement.
    NoRoom,
    /// The peer takes no larger packet than `limit`, in bytes.
    PacketTooLarge {
        /// Of the packet, in bytes.
        size: usize,
        /// Its Maximum Packet Size, or this side's own limit.
        limit: usize,
    },
    /// The peer takes no QoS above this one [MQTT-3.2.2-11].
    QosNotSupported {
        /// Its Maximum QoS.
        maximum: QoS,
    },
    /// The server keeps no messages [MQTT-3.2.2-14].
    RetainNotSupported,
    /// The message's time was over before it was sent.
    Expired,
    /// It has a property that no PUBLISH has, or a topic alias: those are given here.
    Invalid,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("not connected"),
            Self::NoRoom => f.write_str("too many messages in flight"),
            Self::PacketTooLarge { size, limit } => too_large(f, *size, *limit),
            Self::QosNotSupported { maximum } => {
                write!(f, "the peer accepts messages up to QoS {}", *maximum as u8)
            }
            Self::RetainNotSupported => f.write_str("the server does not retain messages"),
            Self::Expired => f.write_str("the message expired before it was sent"),
            Self::Invalid => f.write_str("a property that is not for messages"),
        }
    }
}

impl std::error::Error for PublishError {}

/// A message that is not published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublished<T> {
    /// The message, as it was.
    pub publish: Publish,
    /// What was to come back with its acknowledgement.
    pub token: T,
    /// Why.
    pub why: PublishError,
}

/// Why topics are not asked for, or given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeError {
    /// There is no connection that is accepted.
    NotConnected,
    /// All 65,535 packet identifiers are out.
    NoIdentifier,
    /// No filter [MQTT-3.8.3-2].
    NoFilter,
    /// The filter at this index breaks the rules of §4.7.
    InvalidFilter(usize),
    /// The server takes no larger packet than `limit`, in bytes.
    PacketTooLarge {
        /// Of the packet, in bytes.
        size: usize,
        /// Its Maximum Packet Size, or this side's own limit.
        limit: usize,
    },
    /// The filter at this index has a wildcard, and the server has none (MQTT 5 §3.2.2.3.11).
    WildcardNotSupported(usize),
    /// The filter at this index is a shared subscription, and the server has none (MQTT 5 §3.2.2.3.13).
    SharedNotSupported(usize),
    /// The filter at this index is a shared subscription with No Local [MQTT-3.8.3-4].
    SharedNoLocal(usize),
    /// The server has no subscription identifiers (MQTT 5 §3.2.2.3.12).
    IdentifiersNotSupported,
    /// It has a property that no such packet has.
    Invalid,
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("not connected"),
            Self::NoIdentifier => f.write_str("all packet identifiers are in use"),
            Self::NoFilter => f.write_str("no topic filter"),
            Self::InvalidFilter(index) => write!(f, "topic filter {index} is malformed"),
            Self::PacketTooLarge { size, limit } => too_large(f, *size, *limit),
            Self::WildcardNotSupported(index) => {
                write!(f, "topic filter {index} has a wildcard, which the server does not support")
            }
            Self::SharedNotSupported(index) => {
                write!(f, "topic filter {index} is shared, which the server does not support")
            }
            Self::SharedNoLocal(index) => write!(f, "topic filter {index} is shared and cannot be no-local"),
            Self::IdentifiersNotSupported => {
                f.write_str("the server does not support subscription identifiers")
            }
            Self::Invalid => f.write_str("a property that is not for subscriptions"),
        }
    }
}

impl std::error::Error for SubscribeError {}

/// Why no AUTH is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticateError {
    /// There is no connection, or it is not that far.
    NotConnected,
    /// CONNECT named no authentication method [MQTT-4.12.0-6].
    NoMethod,
    /// The peer has not asked for this step.
    NotAsked,
    /// The peer takes no larger packet than `limit`, in bytes.
    PacketTooLarge {
        /// Of the packet, in bytes.
        size: usize,
        /// Its Maximum Packet Size, or this side's own limit.
        limit: usize,
    },
}

impl fmt::Display for AuthenticateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("not connected"),
            Self::NoMethod => f.write_str("the connection has no authentication method"),
            Self::NotAsked => f.write_str("the peer did not ask for this step of the authentication"),
            Self::PacketTooLarge { size, limit } => too_large(f, *size, *limit),
        }
    }
}

impl std::error::Error for AuthenticateError {}

fn too_large(f: &mut fmt::Formatter<'_>, size: usize, limit: usize) -> fmt::Result {
    write!(f, "the packet has {size} bytes, and the peer accepts {limit}")
}
