//! DISCONNECT (§3.14).

use crate::packets::properties::Properties;
use crate::packets::reason::ReasonCode;

/// A side is about to close the connection. In MQTT 3.1.1 only the client sends it, without a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// Why; [`ReasonCode::Success`] is a normal end.
    pub reason: ReasonCode,
    /// None in MQTT 3.1.1.
    pub properties: Properties,
}

impl Disconnect {
    /// A normal end, the only one that MQTT 3.1.1 knows.
    pub fn normal() -> Self {
        Self::new(ReasonCode::Success)
    }

    /// For this reason, without properties.
    pub fn new(reason: ReasonCode) -> Self {
        Self { reason, properties: Properties::default() }
    }
}
