//! Operations that run out of time.

use std::time::Instant;

use super::state::Session;
use crate::error::Error;
use crate::message::Ticket;
use azmqtt_client::lasting::times::Time;

impl Session {
    /// Ends the operations whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        if !self.times.is_over(now) {
            return;
        }
        let known = self.why_no_answer(now);
        let late = |operation, after| Error::RequestTimeout { operation, after, known: Some(known.clone()) };

        let mut expired: Vec<Ticket> = self.mqtt.abandon(|ticket| ticket.deadline <= now);
        expired.extend(self.outbox.expire(now));
        for ticket in expired {
            let after = ticket.timeout;
            self.settle(ticket, Err(late("send_message", after)));
        }
        for (origin, request, after) in self.twin.expire(now) {
            self.fail_any_request(origin, late(request.operation(), after), now);
        }
        self.expire_waiting(now);
        self.times = self.open_times().collect();
    }

    /// Of all operations that have no outcome yet.
    fn open_times(&self) -> impl Iterator<Item = Time> {
        let messages = self.outbox.tickets().chain(self.mqtt.tokens()).map(Ticket::time);
        let waiting = self.waiting.iter().map(|waiting| waiting.time);
        messages.chain(waiting).chain(self.twin.requests().times())
    }
}
