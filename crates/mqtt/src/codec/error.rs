//! Why bytes are not MQTT.

use std::fmt;

use crate::packets::ReasonCode;

/// Why the peer's bytes are not MQTT. The connection cannot go on after any of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProtocolError {
    /// The packet announces more bytes than this side takes.
    TooLarge {
        /// The announced size in bytes.
        size: usize,
        /// How many would be taken.
        limit: usize,
    },
    /// The packet breaks a rule of the standard.
    Malformed {
        /// The packet's name, as in "PUBLISH".
        packet: &'static str,
        /// The broken rule, with its section.
        rule: &'static str,
    },
    /// The packet is well formed, and says what the standard forbids.
    Forbidden {
        /// The packet's name.
        packet: &'static str,
        /// The broken rule, with its section.
        rule: &'static str,
        /// How it is told to the peer.
        reason: ReasonCode,
    },
    /// A property breaks a rule of the standard (MQTT 5 §2.2.2).
    Property {
        /// The packet's name.
        packet: &'static str,
        /// The property's name, as in "Receive Maximum".
        property: &'static str,
        /// The broken rule, with its section.
        rule: &'static str,
        /// How it is told to the peer.
        reason: ReasonCode,
    },
    /// A legal packet at a moment, or from a side, where it is not allowed.
    Unexpected {
        /// The packet's name.
        packet: &'static str,
    },
    /// CONNECT asks for a protocol level that is not taken, such as 3 (MQTT 3.1), or 5 where only 3.1.1 is spoken.
    UnsupportedLevel(u8),
}

impl ProtocolError {
    /// What MQTT 5 tells the peer, in CONNACK or DISCONNECT, before it closes the connection (§4.13).
    pub fn reason(&self) -> ReasonCode {
        match self {
            Self::TooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::Malformed { .. } => ReasonCode::MalformedPacket,
            Self::Forbidden { reason, .. } | Self::Property { reason, .. } => *reason,
            Self::Unexpected { .. } => ReasonCode::ProtocolError,
            Self::UnsupportedLevel(_) => ReasonCode::UnsupportedProtocolVersion,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(f, "a packet of {size} bytes was announced, the limit is {limit}")
            }
            Self::Malformed { packet, rule } => write!(f, "malformed {packet}: {rule}"),
            Self::Forbidden { packet, rule, .. } => write!(f, "{packet} against the protocol: {rule}"),
            Self::Property { packet, property, rule, .. } => {
                write!(f, "{packet} with a wrong property: {property}: {rule}")
            }
            Self::Unexpected { packet } => write!(f, "unexpected {packet}"),
            Self::UnsupportedLevel(level) => {
                match level {
                    3 => f.write_str("the client speaks MQTT 3.1")?,
                    5 => f.write_str("the client speaks MQTT 5")?,
                    _ => write!(f, "the client speaks MQTT of protocol level {level}")?,
                }
                f.write_str(": set it to MQTT 3.1.1 (protocol level 4), the only supported version")
            }
        }
    }
}

impl std::error::Error for ProtocolError {}
