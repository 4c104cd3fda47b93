//! What a side of a connection takes, as its CONNECT or CONNACK says (MQTT 5 §3.1.2.11, §3.2.2.3).

use crate::codec::{LARGEST_PACKET, ProtocolError};
use crate::errors::{PublishError, SubscribeError};
use crate::packets::{Properties, Publish, QoS, ReasonCode, Subscribe};

/// What one side of a connection takes from the other. MQTT 3.1.1 says nothing of this, and takes everything but topic
/// aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // The standard has that many.
pub struct Limits {
    /// How many messages at QoS 1 and 2 may wait for their acknowledgement.
    pub receive_maximum: u16,
    /// In bytes. No larger than what this side is set to write, or to read.
    pub maximum_packet_size: usize,
    /// The highest topic alias; 0 for none.
    pub topic_alias_maximum: u16,
    /// The highest QoS of a message.
    pub maximum_qos: QoS,
    /// Whether messages may be retained.
    pub retain_available: bool,
    /// Whether topic filters may have wildcards.
    pub wildcard_available: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_ids_available: bool,
    /// Whether there are shared subscriptions.
    pub shared_available: bool,
    /// Whether every packet may have a reason string and user properties, and not only PUBLISH, CONNACK and DISCONNECT.
    pub problem_information: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(&Properties::default(), LARGEST_PACKET)
    }
}

impl Limits {
    /// What the properties of a CONNECT or CONNACK say; what they do not say has the standard's default. No packet may be
    /// larger than `largest`, in bytes.
    pub(crate) fn of(properties: &Properties, largest: usize) -> Self {
        let maximum_packet_size = properties
            .maximum_packet_size()
            .map_or(largest, |size| usize::try_from(size).map_or(largest, |size| size.min(largest)));
        Self {
            receive_maximum: properties.receive_maximum().unwrap_or(u16::MAX),
            maximum_packet_size,
            topic_alias_maximum: properties.topic_alias_maximum().unwrap_or(0),
            maximum_qos: match properties.maximum_qos() {
                None => QoS::ExactlyOnce,
                Some(true) => QoS::AtLeastOnce,
                Some(false) => QoS::AtMostOnce,
            },
            retain_available: properties.retain_available().unwrap_or(true),
            wildcard_available: properties.wildcard_available().unwrap_or(true),
            subscription_ids_available: properties.subscription_ids_available().unwrap_or(true),
            shared_available: properties.shared_available().unwrap_or(true),
            problem_information: properties.request_problem_information().unwrap_or(true),
        }
    }

    /// Whether the peer whose limits these are takes such a message; its size is another question.
    pub(crate) fn check(&self, publish: &Publish) -> Result<(), PublishError> {
        if publish.qos > self.maximum_qos {
            return Err(PublishError::QosNotSupported { maximum: self.maximum_qos });
        }
        if publish.retain && !self.retain_available {
            return Err(PublishError::RetainNotSupported);
        }
        Ok(())
    }

    /// Whether such a message may come from a peer who was told these limits.
    pub(crate) fn admit(&self, publish: &Publish) -> Result<(), ProtocolError> {
        let (rule, reason) = match self.check(publish) {
            Ok(()) => return Ok(()),
            Err(PublishError::RetainNotSupported) => {
                ("a retained message, which is not supported [MQTT-3.2.2-14]", ReasonCode::RetainNotSupported)
            }
            Err(_) => ("a QoS over the maximum [MQTT-3.2.2-11]", ReasonCode::QoSNotSupported),
        };
        Err(ProtocolError::Forbidden { packet: "PUBLISH", rule, reason })
    }

    /// Whether the server whose limits these are takes such a SUBSCRIBE.
    pub(crate) fn check_subscribe(&self, subscribe: &Subscribe) -> Result<(), SubscribeError> {
        if subscribe.properties.subscription_identifiers().next().is_some()
            && !self.subscription_ids_available
        {
            return Err(SubscribeError::IdentifiersNotSupported);
        }
        for (index, filter) in subscribe.filters.iter().enumerate() {
            if filter.filter.contains(['+', '#']) && !self.wildcard_available {
                return Err(SubscribeError::WildcardNotSupported(index));
            }
            if filter.is_shared() && !self.shared_available {
                return Err(SubscribeError::SharedNotSupported(index));
            }
            if filter.is_shared() && filter.no_local {
                return Err(SubscribeError::SharedNoLocal(index));
            }
        }
        Ok(())
    }
}
