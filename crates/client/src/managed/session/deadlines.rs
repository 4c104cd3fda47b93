//! Operations that run out of time.

use std::time::Instant;

use super::state::Session;
use super::subscriptions::Caller;
use crate::managed::commands::Time;
use crate::managed::error::Error;
use crate::managed::message::Ticket;

impl Session {
    /// Ends the operations whose time is over. The earliest deadline is a lower bound that is corrected here, so that a
    /// steady stream of operations is looked through about once in a timeout, not each time.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
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
        let earliest = self.times().map(|time| time.deadline).min();
        let shortest = self.times().map(|time| time.timeout).min();
        (self.earliest, self.shortest_timeout) = (earliest, shortest);
    }

    fn times(&self) -> impl Iterator<Item = Time> {
        let of = |ticket: &Ticket| Time { deadline: ticket.deadline, timeout: ticket.timeout };
        let messages = self.outbox.tickets().chain(self.mqtt.tokens()).map(of);
        let waiting = self.waiting.iter().map(|(time, _)| *time);
        messages.chain(waiting).chain(self.subscriptions.times()).chain(self.requests.times())
    }

    /// Ends everything that has no outcome yet with `error`.
    pub(crate) fn fail_all(&mut self, error: &Error) {
        for request in self.requests.drain() {
            self.fail_request(request, error.clone());
        }
        self.requests.forget_topics();
        let mut tickets = self.mqtt.abandon(|_| true);
        tickets.extend(self.outbox.drain());
        for ticket in tickets {
            self.settle(ticket, Err(error.clone()));
        }
        for caller in self.subscriptions.drain() {
            // Requests have their outcome.
            if !matches!(caller, Caller::Requests(_)) {
                self.tell_asker(caller, Err(error.clone()));
            }
        }
        for (_, reply) in self.waiting.drain(..) {
            reply.send(Err(error.clone()));
        }
        (self.earliest, self.shortest_timeout) = (None, None);
    }
}
