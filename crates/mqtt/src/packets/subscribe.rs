//! SUBSCRIBE (§3.8) and its answer, SUBACK (§3.9).

use crate::packets::qos::QoS;

/// A client asks for topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Never 0.
    pub packet_id: u16,
    /// At least one.
    pub filters: Vec<SubscribeFilter>,
}

impl Subscribe {
    /// A subscription of one filter, without a packet identifier.
    pub fn new(path: impl Into<String>, qos: QoS) -> Self {
        Self { packet_id: 0, filters: vec![SubscribeFilter::new(path.into(), qos)] }
    }
}

/// A topic filter and the QoS that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeFilter {
    /// The topic filter (§4.7).
    pub path: String,
    /// The largest QoS at which messages are wanted.
    pub qos: QoS,
}

impl SubscribeFilter {
    /// This filter.
    pub fn new(path: String, qos: QoS) -> Self {
        Self { path, qos }
    }
}

/// The server's answer to SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAck {
    /// That of the SUBSCRIBE.
    pub packet_id: u16,
    /// One for each filter, in their order [MQTT-3.8.4-5].
    pub return_codes: Vec<SubscribeReasonCode>,
}

impl SubAck {
    /// This answer.
    pub fn new(packet_id: u16, return_codes: Vec<SubscribeReasonCode>) -> Self {
        Self { packet_id, return_codes }
    }
}

/// The answer to one filter (§3.9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeReasonCode {
    /// Granted at this QoS, which may be lower than that asked for.
    Success(QoS),
    /// Refused.
    Failure,
}
