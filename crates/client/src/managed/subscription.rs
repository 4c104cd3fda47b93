//! What is asked for by one SUBSCRIBE.

use super::error::Error;
use super::filter;
use azmqtt_mqtt::{Level, PropertiesBuilder, Subscribe, SubscribeFilter};

/// A subscription identifier has at most four bytes of seven bits each (MQTT 5 §3.8.2.1.2).
const LARGEST_IDENTIFIER: u32 = (1 << 28) - 1;

/// Topic filters, each with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// At least one.
    pub filters: Vec<SubscribeFilter>,
    /// What the broker adds to the messages that match one of them, from 1 to 268,435,455.
    pub identifier: Option<u32>,
}

impl Subscription {
    /// Says what is wrong with it, as far as it can be told without a broker.
    pub(super) fn check(&self, level: Level) -> Result<(), Error> {
        let is_v5 = level == Level::Mqtt5;
        for asked in &self.filters {
            filter::check(&asked.filter)?;
            let plain = SubscribeFilter::new(asked.filter.as_str(), asked.qos);
            if is_v5 && asked.no_local && asked.is_shared() {
                let reason = "no_local is not for shared subscriptions [MQTT-3.8.3-4]".to_owned();
                return Err(Error::Invalid { reason });
            }
            if !is_v5 && *asked != plain {
                return Err(Error::NeedsMqtt5 { what: "options of subscriptions" });
            }
        }
        match self.identifier {
            Some(_) if !is_v5 => Err(Error::NeedsMqtt5 { what: "subscription identifiers" }),
            Some(identifier) if !(1..=LARGEST_IDENTIFIER).contains(&identifier) => {
                let reason = format!("a subscription identifier must be from 1 to {LARGEST_IDENTIFIER}");
                Err(Error::Invalid { reason })
            }
            _ => Ok(()),
        }
    }

    /// The packet, without its identifier.
    pub(super) fn packet(&self) -> Subscribe {
        let numbered = |identifier| PropertiesBuilder::new().subscription_identifier(identifier).build();
        let properties = self.identifier.and_then(|identifier| numbered(identifier).ok());
        let properties = properties.unwrap_or_default();
        Subscribe { properties, ..Subscribe::of(self.filters.clone()) }
    }
}

/// Without an identifier.
impl From<Vec<SubscribeFilter>> for Subscription {
    fn from(filters: Vec<SubscribeFilter>) -> Self {
        Self { filters, identifier: None }
    }
}
