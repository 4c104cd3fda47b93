//! UNSUBSCRIBE (§3.10) and its answer, UNSUBACK (§3.11).

use crate::packets::properties::Properties;
use crate::packets::reason::ReasonCode;

/// A client gives topics up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Never 0.
    pub packet_id: u16,
    /// None in MQTT 3.1.1.
    pub properties: Properties,
    /// The topic filters, as they were subscribed; at least one.
    pub filters: Vec<String>,
}

impl Unsubscribe {
    /// Gives up these filters, without a packet identifier.
    pub fn of(filters: Vec<String>) -> Self {
        Self { packet_id: 0, properties: Properties::default(), filters }
    }
}

/// The server's answer to UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubAck {
    /// That of the UNSUBSCRIBE.
    pub packet_id: u16,
    /// None in MQTT 3.1.1.
    pub properties: Properties,
    /// One for each filter, in their order. None in MQTT 3.1.1, which cannot refuse.
    pub reasons: Vec<ReasonCode>,
}

impl UnsubAck {
    /// This answer, without properties.
    pub fn new(packet_id: u16, reasons: Vec<ReasonCode>) -> Self {
        Self { packet_id, properties: Properties::default(), reasons }
    }
}
