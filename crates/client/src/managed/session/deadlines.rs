//! Operations that run out of time.

use std::time::Instant;

use super::state::Session;
use crate::lasting::times::Time;
use crate::managed::error::Error;
use crate::managed::message::Ticket;

impl Session {
    /// Ends the operations whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        if !self.times.is_over(now) {
            return;
        }
        let known = self.why_no_answer(now);
        let late = |operation, after| Error::Timeout { operation, after, known: Some(known.clone()) };
        // Requests first: the messages that carry them have the same deadlines.
        for request in self.requests.expire(now) {
            let mut error = late("request", request.time.timeout);
            if request.unmatched
                && let Error::Timeout { known, .. } = &mut error
            {
                *known = Some("the broker knows no subscriber of the topic".to_owned());
            }
            self.fail_request(request, error);
        }
        let mut expired: Vec<Ticket> = self.mqtt.abandon(|ticket| ticket.deadline <= now);
        expired.extend(self.outbox.expire(now));
        for ticket in expired {
            let after = ticket.timeout;
            self.settle(ticket, Err(late("publish", after)));
        }
        for (time, is_subscribe, caller) in self.subscriptions.expire(now) {
            let operation = if is_subscribe { "subscribe" } else { "unsubscribe" };
            self.tell_asker(caller, Err(late(operation, time.timeout)));
        }
        for (time, reply) in self.waiting.extract_if(.., |(time, _)| time.deadline <= now) {
            reply.send(Err(late("connect", time.timeout)));
        }
        self.times = self.open_times().collect();
    }

    /// Of all operations that have no outcome yet.
    fn open_times(&self) -> impl Iterator<Item = Time> {
        let messages = self.outbox.tickets().chain(self.mqtt.tokens()).map(Ticket::time);
        let waiting = self.waiting.iter().map(|(time, _)| *time);
        messages.chain(waiting).chain(self.subscriptions.times()).chain(self.requests.times())
    }
}
