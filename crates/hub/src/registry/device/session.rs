//! A client's session, as far as it outlasts a connection.

use crate::messages::cloud_messages::DeliveryTag;
use azmqtt_dialect::topic::Subscription;
use azmqtt_mqtt::QoS;
use azmqtt_mqtt::session::Session;

/// A QoS 1 message to a device, for when its PUBACK comes.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Of the packet, in bytes.
    pub size: usize,
    /// Of a cloud-to-device message; twin answers and notifications have none.
    pub cloud_message: Option<DeliveryTag>,
}

/// What a client with `CleanSession` = 0 finds again.
#[derive(Debug)]
pub struct StoredSession {
    pub session: Session<Delivery>,
    pub subscriptions: Subscriptions,
    /// Messages in flight, in bytes.
    pub unacknowledged: usize,
}

/// The granted filters.
#[derive(Debug, Default)]
pub struct Subscriptions(Vec<(Subscription, QoS)>);

impl Subscriptions {
    /// Adds a filter, or changes its QoS.
    pub fn grant(&mut self, subscription: Subscription, qos: QoS) {
        self.revoke(&subscription);
        self.0.push((subscription, qos));
    }

    /// Takes a filter away.
    pub fn revoke(&mut self, subscription: &Subscription) {
        self.0.retain(|(granted, _)| granted != subscription);
    }

    /// The highest of the filters that match [MQTT-3.3.5-1].
    pub fn qos(&self, wanted: impl Fn(&Subscription) -> bool) -> Option<QoS> {
        let matching = self.0.iter().filter(|(granted, _)| wanted(granted));
        matching.map(|(_, qos)| *qos).max_by_key(|qos| *qos as u8)
    }
}
