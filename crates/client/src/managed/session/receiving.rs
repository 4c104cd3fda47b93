//! Messages that come in, and their acknowledgements.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::state::Session;
use crate::connection::MAX_OUTPUT;
use crate::managed::inlets::Inlet;
use crate::managed::message::{Delivery, Received, size_of};
use azmqtt_mqtt::{Level, Publish, QoS, ReasonCode, Text};

/// Payloads smaller than this are copied out of the buffer that they were read into.
const SMALL: usize = 8 * 1024;

impl Session {
    /// A message came in.
    pub(super) fn take_in(&mut self, publish: Publish, now: Instant) {
        self.shared.monitor.counters.messages_received.add(1);
        let publish = match self.take_answer(publish, now) {
            Ok(packet_id) => return self.arrived(packet_id, 0, 0, false, now),
            Err(publish) => publish,
        };
        if self.goal.is_closing() {
            // Nobody will take it: without an acknowledgement the broker keeps it.
            return;
        }
        self.shared.inlets.refresh(&mut self.inlets);
        let wanted = |inlet: &&Arc<Inlet>| inlet.wants(&publish.topic);
        let receivers = self.inlets.inlets.iter().filter(wanted).count();
        let (packet_id, outlives) = (publish.packet_id, publish.qos == QoS::ExactlyOnce);
        if receivers == 0 {
            self.shared.monitor.counters.messages_unclaimed.add(1);
            return self.arrived(packet_id, 0, 0, outlives, now);
        }
        let size = size_of(&publish) as usize;
        if packet_id != 0 && self.is_full(size) {
            return self.leave_to_the_broker();
        }
        let delivery = (packet_id != 0).then(|| Delivery {
            connection: if outlives { Delivery::ANY } else { self.link.number },
            place: self.arrivals.arrived(packet_id, outlives, receivers, size),
        });
        let message = Received { publish: self.compact(publish), received: now, delivery };
        let mut left = receivers;
        let mut dropped = 0;
        let mut message = Some(message);
        for inlet in &self.inlets.inlets {
            let Some(held) = message.as_ref().filter(|held| inlet.wants(&held.publish.topic)) else {
                continue;
            };
            left -= 1;
            // The last one has the message itself.
            let copy = if left == 0 { message.take() } else { Some(held.clone()) };
            dropped += copy.map_or(0, |copy| inlet.put(copy));
            if left == 0 {
                break;
            }
        }
        self.shared.monitor.counters.messages_dropped.add(dropped as u64);
    }

    /// A message at QoS 1 or 2 has its place in the order of acknowledgements; one at QoS 0 needs none.
    fn arrived(&mut self, packet_id: u16, receivers: usize, size: usize, outlives: bool, now: Instant) {
        if packet_id != 0 {
            self.arrivals.arrived(packet_id, outlives, receivers, size);
            self.acknowledge(now);
        }
    }

    /// Whether a message more would be too many. In MQTT 5 the Receive Maximum bounds their number.
    fn is_full(&self, size: usize) -> bool {
        let config = &self.shared.config;
        let too_many = config.level != Level::Mqtt5 && self.arrivals.owed() >= config.inbox.messages.max(1);
        let too_large = self.arrivals.bytes() > 0 && self.arrivals.bytes() + size > config.inbox.bytes;
        self.link.left_behind || too_many || (too_large && config.is_persistent())
    }

    /// A message at QoS 1 or 2 finds no room. The broker sends it again on the next connection, and keeps what follows.
    fn leave_to_the_broker(&mut self) {
        if self.shared.config.is_persistent() {
            self.link.left_behind = true;
        } else {
            self.shared.monitor.counters.messages_dropped.add(1);
        }
    }

    /// The receivers are done with messages, of this connection or of earlier ones.
    pub(super) fn done(&mut self, deliveries: &[Delivery], now: Instant) {
        for delivery in deliveries {
            self.arrivals.done(delivery.place);
        }
        self.acknowledge(now);
    }

    /// Acknowledges what everybody is done with, in the order of arrival.
    fn acknowledge(&mut self, now: Instant) {
        while let Some(packet_id) = self.arrivals.next() {
            self.mqtt.acknowledge(packet_id, ReasonCode::Success, now);
        }
    }

    /// A receiver is gone: what waited for it is unclaimed.
    pub(super) fn receiver_left(&mut self, inlet: &Arc<Inlet>, held: Vec<Received>, now: Instant) {
        self.shared.inlets.refresh(&mut self.inlets);
        let waiting = inlet.inbox.take(usize::MAX);
        self.shared.monitor.counters.messages_unclaimed.add((held.len() + waiting.len()) as u64);
        let deliveries: Vec<_> =
            held.into_iter().chain(waiting).filter_map(|message| message.delivery).collect();
        self.done(&deliveries, now);
    }

    /// Whether the broker has to send again what found no room, and there is room now.
    pub(super) fn has_room_again(&mut self) -> bool {
        let is_written = self.mqtt.output().is_empty() && self.link.flushed == self.link.written;
        self.link.left_behind && self.arrivals.owed() == 0 && is_written
    }

    /// Whether to read the socket: always, but a broker that does not read has to wait.
    pub(super) fn may_listen(&mut self) -> bool {
        self.link.accepted_at().is_none() || self.mqtt.output().len() < MAX_OUTPUT
    }

    /// As it came, a few bytes would hold on to the whole buffer that they were read into.
    pub(super) fn compact(&mut self, publish: Publish) -> Publish {
        let Publish { topic, properties, payload, .. } = publish;
        let topic = self.last_topic.copy(&topic);
        let payload = if payload.len() < SMALL { Bytes::copy_from_slice(&payload) } else { payload };
        Publish { topic, properties: properties.compact(), payload, ..publish }
    }
}

/// The topic of the last message that came in. Where several in a row have it, they share one copy.
#[derive(Debug, Default)]
pub(super) struct LastTopic {
    name: String,
    /// From the second message in a row on: sharing takes memory, too, and topics may change with each message.
    shared: Option<Text>,
}

impl LastTopic {
    fn copy(&mut self, topic: &str) -> Text {
        if topic == self.name {
            return self.shared.get_or_insert_with(|| topic.into()).clone();
        }
        topic.clone_into(&mut self.name);
        self.shared = None;
        topic.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_in_a_row_share_their_topic() {
        let mut last = LastTopic::default();
        let read = String::from("sensors/1");
        let topics =
            ["sensors/1", "sensors/1", &read, "sensors/2", "sensors/1"].map(|topic| last.copy(topic));
        assert_eq!(
            topics.each_ref().map(Text::as_str),
            ["sensors/1", "sensors/1", "sensors/1", "sensors/2", "sensors/1"]
        );
        assert!(topics[1].is_same(&topics[2]));
        assert!(!topics[2].is_same(&topics[4]));
    }
}
