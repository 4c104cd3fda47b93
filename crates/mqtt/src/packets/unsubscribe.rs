//! UNSUBSCRIBE (§3.10) and its answer, UNSUBACK (§3.11).

/// A client gives topics up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Never 0.
    pub packet_id: u16,
    /// The topic filters, as they were subscribed; at least one.
    pub topics: Vec<String>,
}

/// The server's answer to UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsubAck {
    /// That of the UNSUBSCRIBE.
    pub packet_id: u16,
}

impl UnsubAck {
    /// The answer to the UNSUBSCRIBE with this packet identifier.
    pub fn new(packet_id: u16) -> Self {
        Self { packet_id }
    }
}
