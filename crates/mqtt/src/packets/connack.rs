//! CONNACK (§3.2).

use crate::packets::properties::Properties;
use crate::packets::reason::ReasonCode;

/// The server's answer to CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the server remembers the session; never with a refusal [MQTT-3.2.2-4].
    pub session_present: bool,
    /// Yes, or why not.
    pub reason: ReasonCode,
    /// None in MQTT 3.1.1.
    pub properties: Properties,
}

impl ConnAck {
    /// This answer, without properties.
    pub fn new(reason: ReasonCode, session_present: bool) -> Self {
        Self { session_present, reason, properties: Properties::default() }
    }
}
