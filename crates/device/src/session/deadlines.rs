//! Operations that run out of time.

use std::time::{Duration, Instant};

use super::state::Session;
use crate::error::Error;
use crate::message::Ticket;

impl Session {
    /// Ends the operations whose time is over. The earliest deadline is a lower bound that is corrected
    /// here, so that a steady stream of operations is looked through about once in a timeout, not each time.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
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
        self.earliest = self.earliest_deadline();
        self.shortest_timeout = self.find_shortest_timeout();
    }

    fn earliest_deadline(&self) -> Option<Instant> {
        let queued = self.outbox.tickets().map(|ticket| ticket.deadline);
        let in_flight = self.mqtt.tokens().map(|ticket| ticket.deadline);
        let waiting = self.waiting.iter().map(|waiting| waiting.deadline);
        queued.chain(in_flight).chain(waiting).chain(self.twin.requests().deadline()).min()
    }

    fn find_shortest_timeout(&self) -> Option<Duration> {
        let queued = self.outbox.queued.iter().map(|(_, ticket)| ticket.timeout);
        let in_flight = self.mqtt.tokens().map(|ticket| ticket.timeout);
        let waiting = self.waiting.iter().map(|waiting| waiting.timeout);
        queued.chain(in_flight).chain(waiting).chain(self.twin.requests().shortest_timeout()).min()
    }
}
