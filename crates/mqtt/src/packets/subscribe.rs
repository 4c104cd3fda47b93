//! SUBSCRIBE (§3.8) and its answer, SUBACK (§3.9).

use crate::packets::properties::Properties;
use crate::packets::qos::QoS;
use crate::packets::reason::ReasonCode;

/// A client asks for topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Never 0.
    pub packet_id: u16,
    /// None in MQTT 3.1.1.
    pub properties: Properties,
    /// At least one.
    pub filters: Vec<SubscribeFilter>,
}

impl Subscribe {
    /// A subscription of one filter, without a packet identifier.
    pub fn new(filter: impl Into<String>, qos: QoS) -> Self {
        Self::of(vec![SubscribeFilter::new(filter, qos)])
    }

    /// A subscription of these filters, without a packet identifier.
    pub fn of(filters: Vec<SubscribeFilter>) -> Self {
        Self { packet_id: 0, properties: Properties::default(), filters }
    }
}

/// A topic filter, and what is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeFilter {
    /// The topic filter (§4.7).
    pub filter: String,
    /// The largest QoS at which messages are wanted.
    pub qos: QoS,
    /// Whether the client's own messages are unwanted. False in MQTT 3.1.1, as with the next one.
    pub no_local: bool,
    /// Whether messages keep the retain flag with which they were published.
    pub retain_as_published: bool,
    /// Which of the messages that the server keeps are wanted. [`RetainHandling::Always`] in MQTT 3.1.1.
    pub retain_handling: RetainHandling,
}

impl SubscribeFilter {
    /// This filter at this QoS, with the options that MQTT 3.1.1 has.
    pub fn new(filter: impl Into<String>, qos: QoS) -> Self {
        Self {
            filter: filter.into(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Always,
        }
    }
}

impl SubscribeFilter {
    /// Whether it is a shared subscription (MQTT 5 §4.8.2).
    pub fn is_shared(&self) -> bool {
        self.filter.starts_with("$share/")
    }
}

/// Which of the messages that the server keeps a subscription gets (MQTT 5 §3.8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    /// 0: those that match.
    Always = 0,
    /// 1: those that match, unless the subscription is there already.
    IfNew = 1,
    /// 2: none.
    Never = 2,
}

/// The server's answer to SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAck {
    /// That of the SUBSCRIBE.
    pub packet_id: u16,
    /// None in MQTT 3.1.1.
    pub properties: Properties,
    /// One for each filter, in their order: the granted QoS ([`ReasonCode::granted`]), or why not.
    pub reasons: Vec<ReasonCode>,
}

impl SubAck {
    /// This answer, without properties.
    pub fn new(packet_id: u16, reasons: Vec<ReasonCode>) -> Self {
        Self { packet_id, properties: Properties::default(), reasons }
    }
}
