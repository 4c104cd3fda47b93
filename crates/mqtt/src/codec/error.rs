//! Why bytes are not MQTT.

use std::fmt;

/// Why the peer's bytes are not MQTT 3.1.1. The connection cannot go on after any of these.
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
    /// A legal packet at a moment, or from a side, where it is not allowed.
    Unexpected {
        /// The packet's name.
        packet: &'static str,
    },
    /// CONNECT asks for a protocol level other than 4 (MQTT 3.1.1), such as 3 (MQTT 3.1) or 5.
    UnsupportedLevel(u8),
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(f, "a packet of {size} bytes was announced, the limit is {limit}")
            }
            Self::Malformed { packet, rule } => write!(f, "malformed {packet}: {rule}"),
            Self::Unexpected { packet } => write!(f, "unexpected {packet}"),
            Self::UnsupportedLevel(level) => {
                match level {
                    3 => f.write_str("the client speaks MQTT 3.1")?,
                    5 => f.write_str("the client speaks MQTT 5")?,
                    _ => write!(f, "the client speaks MQTT of protocol level {level}")?,
                }
                f.write_str(": set it to MQTT 3.1.1 (protocol level 4), the only version there is here")
            }
        }
    }
}

impl std::error::Error for ProtocolError {}
