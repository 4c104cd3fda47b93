//! PUBLISH (§3.3).

use std::fmt;

use bytes::Bytes;

use crate::packets::properties::Properties;
use crate::packets::qos::QoS;
use crate::packets::text::{Text, has_wildcard};

/// A message.
#[derive(Clone, PartialEq, Eq)]
pub struct Publish {
    /// Whether it may have arrived before (§3.3.1.1).
    pub dup: bool,
    /// How often it may arrive.
    pub qos: QoS,
    /// Whether the server keeps it for later subscribers, or had kept it (§3.3.1.3).
    pub retain: bool,
    /// The topic name; in MQTT 5 empty where a topic alias stands for it.
    pub topic: Text,
    /// The packet identifier; 0 at QoS 0, which has none, and until a session gives one.
    pub packet_id: u16,
    /// None in MQTT 3.1.1.
    pub properties: Properties,
    /// The application message.
    pub payload: Bytes,
}

impl Publish {
    /// A message that was not sent before, without a packet identifier or properties.
    pub fn new(topic: impl Into<Text>, qos: QoS, payload: impl Into<Bytes>) -> Self {
        Self {
            dup: false,
            qos,
            retain: false,
            topic: topic.into(),
            packet_id: 0,
            properties: Properties::default(),
            payload: payload.into(),
        }
    }

    /// A copy that keeps no read buffer in memory: topic and payload share one of their own.
    #[must_use]
    pub fn compact(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.topic.len() + self.payload.len());
        bytes.extend_from_slice(self.topic.as_bytes());
        bytes.extend_from_slice(&self.payload);
        let mut payload = Bytes::from(bytes);
        // SAFETY: it is a copy of the topic.
        let topic = unsafe { Text::from_utf8_unchecked(payload.split_to(self.topic.len())) };
        Self { topic, payload, properties: self.properties.compact(), ..*self }
    }

    /// Whether this fits, at either QoS, into a packet of at most `limit` bytes, with a topic name that MQTT can carry
    /// (§3.3.2.1, §4.7): not empty, at most 65,535 bytes, no wildcard and no U+0000.
    pub fn fits(&self, limit: usize) -> bool {
        self.has_topic_name() && self.size_fits(limit)
    }

    /// Whether the topic is a name: see [`Self::fits`].
    pub fn has_topic_name(&self) -> bool {
        let topic = &self.topic;
        !topic.is_empty()
            && u16::try_from(topic.len()).is_ok()
            && !has_wildcard(topic)
            && !topic.as_bytes().contains(&0)
    }

    /// Whether this fits into a packet of at most `limit` bytes, whatever the topic says.
    pub fn size_fits(&self, limit: usize) -> bool {
        // Fixed header, topic length and packet identifier at their largest.
        const OVERHEAD: usize = 5 + 2 + 2;
        let properties = if self.properties.is_empty() { 0 } else { 4 + self.properties.len() };
        OVERHEAD + self.topic.len() + properties + self.payload.len() <= limit
    }
}

/// How the topic of a message is written in MQTT 5 (§3.3.2.3.4). A message keeps its name; an alias is a connection's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicAlias {
    /// The topic name alone.
    None,
    /// The topic name, with an alias for the next time; not 0.
    New(u16),
    /// The alias alone; not 0.
    Known(u16),
}

/// By hand, because the payload is of any size and the application's own.
impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("topic", &self.topic)
            .field("qos", &self.qos)
            .field("dup", &self.dup)
            .field("retain", &self.retain)
            .field("packet_id", &self.packet_id)
            .field("properties", &self.properties)
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}
