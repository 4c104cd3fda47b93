//! Topic aliases (MQTT 5 §3.3.2.3.4): a number instead of a topic name that was said before on the same connection.
//!
//! Each direction has its own, and none outlives its connection [MQTT-3.3.2-7]. Messages are kept with their topic names.

use crate::codec::ProtocolError;
use crate::packets::{Properties, PropertiesBuilder, Property, Publish, ReasonCode, Text, TopicAlias};

/// How many topics at most are remembered for sending: they are searched one after the other.
const REMEMBERED: u16 = 16;

/// The aliases that this side has given, and the topic that was used last in front.
#[derive(Debug, Default)]
pub struct OutgoingAliases {
    topics: Vec<(u16, String)>,
    maximum: usize,
}

impl OutgoingAliases {
    /// A new connection, whose peer takes aliases of up to `maximum`.
    pub fn reset(&mut self, maximum: u16) {
        self.topics.clear();
        self.maximum = usize::from(maximum.min(REMEMBERED));
    }

    /// How to write `topic`: the alias of the topic that was not used for longest goes to the next one.
    pub fn choose(&mut self, topic: &str) -> TopicAlias {
        // The property takes three bytes.
        if self.maximum == 0 || topic.len() <= 3 {
            return TopicAlias::None;
        }
        if let Some(index) = self.topics.iter().position(|(_, known)| known == topic) {
            self.topics[..=index].rotate_right(1);
            return TopicAlias::Known(self.topics[0].0);
        }
        match self.topics.last() {
            Some((oldest, _)) if self.topics.len() == self.maximum => TopicAlias::New(*oldest),
            _ => TopicAlias::New(self.topics.len() as u16 + 1),
        }
    }

    /// The peer is told of [`TopicAlias::New`].
    pub fn told(&mut self, alias: u16, topic: &str) {
        self.topics.retain(|(known, _)| *known != alias);
        self.topics.insert(0, (alias, topic.to_owned()));
    }
}

/// The aliases that the peer has given.
#[derive(Debug, Default)]
pub struct IncomingAliases {
    /// From alias 1 on.
    topics: Vec<Option<Text>>,
    maximum: u16,
}

impl IncomingAliases {
    /// A new connection, on which this side takes aliases of up to `maximum`.
    pub fn reset(&mut self, maximum: u16) {
        self.topics.clear();
        self.maximum = maximum;
    }

    /// Gives a message its topic name and takes the alias off.
    ///
    /// # Errors
    /// An alias over the maximum [MQTT-3.3.2-9], or one that stands for nothing yet (§3.3.4).
    pub fn resolve(&mut self, publish: &mut Publish) -> Result<(), ProtocolError> {
        let Some(alias) = publish.properties.topic_alias() else { return Ok(()) };
        if alias == 0 || alias > self.maximum {
            let rule = "a topic alias over the maximum [MQTT-3.3.2-9]";
            return Err(ProtocolError::Forbidden {
                packet: "PUBLISH",
                rule,
                reason: ReasonCode::TopicAliasInvalid,
            });
        }
        publish.properties = without_alias(&publish.properties);
        let index = usize::from(alias) - 1;
        if publish.topic.is_empty() {
            let known = self.topics.get(index).and_then(Clone::clone);
            let rule = "an unknown topic alias (§3.3.4)";
            publish.topic = known.ok_or(ProtocolError::Forbidden {
                packet: "PUBLISH",
                rule,
                reason: ReasonCode::ProtocolError,
            })?;
        } else {
            if self.topics.len() <= index {
                self.topics.resize(index + 1, None);
            }
            // A copy, for the packet's buffer is large.
            self.topics[index] = Some(publish.topic.as_str().into());
        }
        Ok(())
    }
}

fn without_alias(properties: &Properties) -> Properties {
    PropertiesBuilder::from(properties).without(Property::TopicAlias).build().unwrap_or_default()
}
