//! Messages that go out.

use std::time::Instant;

use super::reasons;
use super::state::Session;
use crate::connection::OUTPUT_HIGH_WATER;
use crate::managed::error::Error;
use crate::managed::message::{Owner, Published, Ticket};
use azmqtt_mqtt::{Properties, PublishError, QoS, ReasonCode, Unpublished};

impl Session {
    /// Encodes what is ready, up to what the socket can use.
    pub(super) fn put_out(&mut self, now: Instant) {
        self.ask_broker(now);
        let tick = self.outbox.tick(now);
        while self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            let Some((publish, mut ticket)) = self.outbox.queued.pop_front() else { break };
            ticket.sent = tick;
            let accepted = accepted_at(&ticket, now);
            if publish.qos == QoS::AtMostOnce {
                match self.mqtt.publish_qos0(&publish, accepted, now) {
                    Ok(()) => {
                        let end = self.link.written + self.mqtt.output().len() as u64;
                        self.outbox.unflushed.push_back((end, publish, ticket));
                    }
                    Err(PublishError::NotConnected | PublishError::NoRoom) => {
                        self.outbox.queued.push_front((publish, ticket));
                        break;
                    }
                    Err(why) => self.settle(ticket, Err(reasons::unpublished(why))),
                }
            } else if let Err(Unpublished { publish, token, why }) =
                self.mqtt.publish(publish, ticket, accepted, now)
            {
                if matches!(why, PublishError::NotConnected | PublishError::NoRoom) {
                    self.outbox.queued.push_front((publish, token));
                    break;
                }
                self.settle(token, Err(reasons::unpublished(why)));
            }
        }
    }

    /// A broker that owes answers is pinged as early as those who wait for them can do with a new connection.
    pub(super) fn watch_silence(&mut self, now: Instant) {
        if self.is_settled() && self.waiting.is_empty() {
            self.times.shortest = None;
        }
        let owes = self.mqtt.in_flight() > 0
            || !self.requests.is_empty()
            || self.subscriptions.asked_since().is_some();
        let sent = self.link.written + self.mqtt.output().len() as u64;
        self.mqtt.awaits(self.times.shortest.filter(|_| owes), sent, now);
    }

    /// The broker has a message, or refuses it.
    pub(super) fn acknowledged(
        &mut self,
        ticket: Ticket,
        code: ReasonCode,
        properties: &Properties,
        now: Instant,
    ) {
        if let Some(span) = self.outbox.round_trip(ticket.sent, self.link.accepted_at(), now) {
            self.shared.monitor.publish_times.record_micros(u64::from(span));
        }
        let outcome = if code.is_error() {
            let reason = properties.reason_string().map(str::to_owned);
            Err(Error::PublishRefused { code, reason })
        } else {
            Ok(Published { code })
        };
        self.settle(ticket, outcome);
    }

    /// QoS 0 messages are done when their last byte has left.
    pub(super) fn settle_flushed(&mut self) {
        let flushed = self.link.flushed;
        while let Some(ticket) = self.outbox.next_flushed(flushed) {
            self.settle(ticket, Ok(Published { code: ReasonCode::Success }));
        }
    }

    /// Tells a message's sender, and frees its room in the outbox.
    pub(super) fn settle(&mut self, ticket: Ticket, outcome: Result<Published, Error>) {
        let counters = &self.shared.monitor.counters;
        if outcome.is_ok() {
            counters.messages_sent.add(1);
        } else {
            counters.messages_failed.add(1);
            self.goal.count_failures(1);
        }
        if let Owner::Request(correlation) = ticket.owner {
            self.request_published(&correlation, outcome.clone());
        }
        self.shared.settle(ticket, outcome);
    }
}

/// When the application handed the message over: its expiry counts from then.
fn accepted_at(ticket: &Ticket, now: Instant) -> Instant {
    ticket.deadline.checked_sub(ticket.timeout).unwrap_or(now)
}
