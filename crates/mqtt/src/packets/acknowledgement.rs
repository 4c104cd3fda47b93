//! The packets that hold a packet identifier alone and belong to a PUBLISH.

/// PUBACK: the receiver of a QoS 1 message has it (§3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PubAck {
    /// That of the PUBLISH; never 0.
    pub packet_id: u16,
}

impl PubAck {
    /// The acknowledgement of the PUBLISH with this packet identifier.
    pub fn new(packet_id: u16) -> Self {
        Self { packet_id }
    }
}

/// PUBREC, the first answer to a QoS 2 message (§3.5). The sessions here refuse QoS 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PubRec {
    /// That of the PUBLISH; never 0.
    pub packet_id: u16,
}

/// PUBREL, the answer to PUBREC (§3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PubRel {
    /// That of the PUBLISH; never 0.
    pub packet_id: u16,
}

/// PUBCOMP, the answer to PUBREL (§3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PubComp {
    /// That of the PUBLISH; never 0.
    pub packet_id: u16,
}
