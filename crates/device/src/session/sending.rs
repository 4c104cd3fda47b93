//! What goes out: subscriptions, twin requests, messages.

use std::time::Instant;

use super::state::Session;
use crate::error::Error;
use crate::message::Ticket;
use azmqtt_client::connection::OUTPUT_HIGH_WATER;
use azmqtt_mqtt::{QoS, Subscribe};

impl Session {
    /// Encodes what is ready, up to what the socket can use.
    pub(super) fn put_out(&mut self, now: Instant) {
        while let Some(feed) = self.subscriptions.next_to_ask() {
            let filter = feed.filter(&self.shared.config.identity);
            match self.mqtt.subscribe(Subscribe::new(filter, QoS::AtLeastOnce), now) {
                Ok(packet_id) => self.subscriptions.asked(feed, packet_id, now),
                Err(_) => break,
            }
        }
        if self.subscriptions.hold_others() {
            return;
        }
        self.publish_requests(now);
        self.publish_messages(now);
    }

    fn publish_messages(&mut self, now: Instant) {
        let tick = self.outbox.tick(now);
        while self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            let Some((publish, mut ticket)) = self.outbox.queued.pop_front() else { break };
            ticket.sent = tick;
            if publish.qos == QoS::AtMostOnce {
                let written = self.mqtt.publish_qos0(&publish, now, now);
                debug_assert_eq!(written, Ok(()), "messages are bounded where they are made");
                let end = self.link.written + self.mqtt.output().len() as u64;
                self.outbox.unflushed.push_back((end, publish, ticket));
            } else if let Err(unpublished) = self.mqtt.publish(publish, ticket, now, now) {
                self.outbox.queued.push_front((unpublished.publish, unpublished.token));
                break;
            }
        }
    }

    /// A hub that owes answers is pinged as early as those who wait for them can do with a new connection.
    pub(super) fn watch_silence(&mut self, now: Instant) {
        if self.is_settled() && self.waiting.is_empty() {
            self.times.shortest = None;
        }
        let owes = self.mqtt.in_flight() > 0
            || self.twin.requests().awaits_answer()
            || self.subscriptions.asked_since().is_some();
        let sent = self.link.written + self.mqtt.output().len() as u64;
        self.mqtt.awaits(self.times.shortest.filter(|_| owes), sent, now);
    }

    /// The hub has a message.
    pub(super) fn acknowledged(&mut self, ticket: Ticket, now: Instant) {
        if let Some(span) = self.outbox.round_trip(ticket.sent, self.link.accepted_at(), now) {
            self.shared.monitor.publish_times.record_micros(u64::from(span));
        }
        self.settle(ticket, Ok(()));
    }

    /// QoS 0 messages and responses are done when their last byte has left.
    pub(super) fn settle_flushed(&mut self) {
        let flushed = self.link.flushed;
        self.methods.settle_flushed(flushed);
        while let Some(ticket) = self.outbox.next_flushed(flushed) {
            self.settle(ticket, Ok(()));
        }
    }

    /// Tells a message's sender, and frees its room in the outbox.
    pub(super) fn settle(&mut self, ticket: Ticket, outcome: Result<(), Error>) {
        let counters = &self.shared.monitor.counters;
        if outcome.is_ok() {
            counters.messages_sent.add(1);
        } else {
            counters.messages_failed.add(1);
            self.goal.count_failures(1);
        }
        self.shared.budget.give_back(ticket.size as usize);
        ticket.owner.settle(outcome);
    }
}
