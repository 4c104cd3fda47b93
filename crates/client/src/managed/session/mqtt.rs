//! MQTT 3.1.1 as MQTT 5 will look: what the session asks of it, and what it is told.

#![expect(
    dead_code,
    clippy::unused_self,
    clippy::result_large_err,
    reason = "until the session speaks MQTT 5"
)]

use std::time::{Duration, Instant};

use azmqtt_mqtt::client::Event as Plain;
use azmqtt_mqtt::{Auth, Connect, Disconnect, Properties, Publish, QoS, ReasonCode, Subscribe, Unsubscribe};

#[derive(Debug)]
pub(super) struct Client<T> {
    pub(super) inner: azmqtt_mqtt::Client<T>,
}

pub(super) enum Event<T> {
    Connected { session_present: bool, properties: Properties },
    Refused { reason: ReasonCode, properties: Properties },
    Acknowledged { token: T, reason: ReasonCode, properties: Properties },
    NotSentAgain { token: T, why: PublishError },
    Subscribed { packet_id: u16, reasons: Vec<ReasonCode>, properties: Properties },
    Unsubscribed { packet_id: u16, reasons: Vec<ReasonCode>, properties: Properties },
    Auth(Auth),
    Disconnected(Disconnect),
    BadTopic,
    Message(Publish),
}

impl<T> Event<T> {
    pub(super) fn of(event: Plain<T>) -> Self {
        let properties = Properties::default();
        match event {
            Plain::Connected { session_present } => Self::Connected { session_present, properties },
            Plain::Refused(reason) => Self::Refused { reason, properties },
            Plain::Acknowledged(token) => {
                Self::Acknowledged { token, reason: ReasonCode::Success, properties }
            }
            Plain::Subscribed { packet_id, reasons } => Self::Subscribed { packet_id, reasons, properties },
            Plain::Unsubscribed { packet_id } => {
                Self::Unsubscribed { packet_id, reasons: Vec::new(), properties }
            }
            Plain::BadTopic => Self::BadTopic,
            Plain::Message(publish) => Self::Message(publish),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PublishError {
    NotConnected,
    NoRoom,
    PacketTooLarge { size: usize, limit: usize },
    QosNotSupported { maximum: QoS },
    RetainNotSupported,
    Expired,
}

#[derive(Debug)]
pub(super) struct Unpublished<T> {
    pub(super) publish: Publish,
    pub(super) token: T,
    pub(super) why: PublishError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubscribeError {
    NotConnected,
    NoIdentifier,
    PacketTooLarge { size: usize, limit: usize },
    WildcardNotSupported(usize),
    SharedNotSupported(usize),
    IdentifiersNotSupported,
}

impl std::fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

pub(super) enum Unacknowledged<T> {
    Written(Publish, T),
    Received(T, ReasonCode),
    NotSentAgain(T, PublishError),
}

impl<T> Client<T> {
    pub(super) fn new(max_in_flight: u16, now: Instant) -> Self {
        Self { inner: azmqtt_mqtt::Client::new(max_in_flight, now) }
    }

    pub(super) fn with_max_packet_size(self, limit: usize) -> Self {
        Self { inner: self.inner.with_max_packet_size(limit) }
    }

    pub(super) fn with_qos2(self) -> Self {
        self
    }

    pub(super) fn connect(&mut self, connect: &Connect, ping_timeout: Duration, now: Instant) {
        self.inner.connect(connect, ping_timeout, now);
    }

    pub(super) fn publish_qos0(
        &mut self,
        publish: &Publish,
        _: Instant,
        now: Instant,
    ) -> Result<(), PublishError> {
        if !self.inner.is_connected() {
            return Err(PublishError::NotConnected);
        }
        self.inner.publish_qos0(publish, now);
        Ok(())
    }

    pub(super) fn publish(
        &mut self,
        publish: Publish,
        token: T,
        _: Instant,
        now: Instant,
    ) -> Result<(), Unpublished<T>> {
        if publish.qos == QoS::ExactlyOnce {
            let why = PublishError::QosNotSupported { maximum: QoS::AtLeastOnce };
            return Err(Unpublished { publish, token, why });
        }
        let why = PublishError::NoRoom;
        self.inner.publish_qos1(publish, token, now).map_err(|(publish, token)| Unpublished {
            publish,
            token,
            why,
        })
    }

    pub(super) fn acknowledge(&mut self, packet_id: u16, _: ReasonCode, now: Instant) {
        self.inner.acknowledge(packet_id, now);
    }

    pub(super) fn subscribe(&mut self, subscribe: Subscribe, now: Instant) -> Result<u16, SubscribeError> {
        self.inner.subscribe(subscribe.filters, now).ok_or(SubscribeError::NoIdentifier)
    }

    pub(super) fn unsubscribe(
        &mut self,
        unsubscribe: Unsubscribe,
        now: Instant,
    ) -> Result<u16, SubscribeError> {
        self.inner.unsubscribe(unsubscribe.filters, now).ok_or(SubscribeError::NoIdentifier)
    }

    pub(super) fn authenticate(&mut self, _: ReasonCode, _: &[u8], _: Instant) -> Result<(), &'static str> {
        Err("MQTT 3.1.1 has no AUTH")
    }

    pub(super) fn disconnect(&mut self, _: ReasonCode, _: Properties) {
        self.inner.disconnect();
    }

    pub(super) fn take_unacknowledged(&mut self) -> Vec<Unacknowledged<T>> {
        let taken = self.inner.take_unacknowledged();
        taken.map(|(publish, token)| Unacknowledged::Written(publish, token)).collect()
    }
}

impl<T> std::ops::Deref for Client<T> {
    type Target = azmqtt_mqtt::Client<T>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl<T> std::ops::DerefMut for Client<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}
