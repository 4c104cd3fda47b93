//! The session as the task that keeps it connected sees it: what it wants, and the end of a connection.

use std::sync::Arc;
use std::time::Instant;

use super::goal::{Ended, Goal};
use super::state::{End, Session};
use super::subscriptions::Caller;
use crate::cause::replaced_by;
use crate::lasting::times::Times;
use crate::lasting::{Lasting, Shared as _};
use crate::managed::attempt::{self, Opened};
use crate::managed::beside::Beside;
use crate::managed::commands::Command;
use crate::managed::error::Error;
use crate::managed::shared::Shared;
use crate::watch::State;
use azmqtt_mqtt::{Properties, PropertiesBuilder};
use azmqtt_net::{BoxFuture, Stream};

impl Lasting for Session {
    type Error = Error;
    type Shared = Shared;
    type Opened = Opened;
    type Beside = Beside;

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn handle(&mut self, command: Command, now: Instant) {
        self.take_command(command, now);
    }

    fn abandoned(&mut self, now: Instant) {
        self.goal.close(now, None, false);
    }

    fn wants_connection(&self) -> bool {
        self.goal.wants_connection()
    }

    fn is_hurried(&self) -> bool {
        self.hurry
    }

    fn begin_wait(&mut self) {
        self.hurry = false;
    }

    fn should_close(&self, now: Instant) -> bool {
        self.goal.should_close(now, || self.is_settled())
    }

    fn keeps_connected(&mut self, whether: bool) {
        // The broker makes up the identifier of a client that has none.
        let neighbours =
            self.shared.neighbours.filter(|_| whether && !self.shared.config.client_id.is_empty());
        self.seat = neighbours.map(|neighbours| neighbours().0.enter(&self.shared));
    }

    fn is_claimed(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.is_claimed(&self.shared))
    }

    fn open(&self) -> BoxFuture<'static, Result<Opened, Error>> {
        attempt::open(&self.shared.config)
    }

    fn begin(&mut self, opened: Opened, now: Instant) -> Result<(Stream, Beside), End> {
        let Opened { link, credential } = opened;
        self.connect(credential.as_ref(), link.clock, now).map_err(End::Unwritable)?;
        Ok((link.stream, Beside::new(Arc::clone(&self.shared))))
    }

    fn connections(&self) -> u64 {
        self.link.number
    }

    fn farewell(&self, end: &End) -> Option<Properties> {
        match end {
            End::Closed if self.ends_session() => {
                Some(PropertiesBuilder::new().session_expiry(0).build().unwrap_or_default())
            }
            End::Closed | End::Again | End::Final(Error::SessionLost) => Some(Properties::default()),
            _ => None,
        }
    }

    fn disconnected(&mut self, end: &End) {
        let reason = end.describe("reconnecting for the messages that found no room");
        if matches!(end, End::Lost { .. }) {
            self.shared.monitor.counters.connections_lost.add(1);
        }
        self.mqtt.disconnected();
        self.link.ended();
        self.challenge = None;
        self.refused = None;
        self.shared.monitor.connect_progress.set(None);
        for ticket in self.outbox.cut_off(self.link.written) {
            let reason = format!("{reason}; the message may or may not have left");
            self.settle(ticket, Err(Error::ConnectionLost { reason, code: None }));
        }
        self.subscriptions.disconnected();
        self.arrivals.disconnected(false);
    }

    fn any_listening(&self) -> bool {
        self.subscriptions.any_standing()
    }

    fn give_up(&mut self, error: &Error, now: Instant) {
        self.rest(Goal::Rest, error, now);
    }

    fn stop(&mut self, error: &Error, now: Instant) {
        self.rest(Goal::Other(Ended(error.clone())), error, now);
        // What comes next is a session of its own.
        if matches!(error, Error::SessionLost) {
            self.subscriptions.forget_all();
            self.was_accepted = false;
        }
    }

    fn fail_all(&mut self, error: &Error, _now: Instant) {
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
        self.times = Times::default();
    }

    fn finish(&mut self, now: Instant) {
        let error = self.shared.closed();
        let reason = match &error {
            Error::Replaced { client_id } => Some(replaced_by(client_id)),
            _ => None,
        };
        self.shared.monitor.set_state(State::Closed, reason.as_deref());
        self.fail_all(&error, now);
        self.show_depths();
        self.shared.end();
        self.goal.closed();
    }

    fn show_depths(&self) {
        self.shared.monitor.outbox.set(self.outbox.len() as u64);
        self.shared.monitor.in_flight.set(self.mqtt.in_flight() as u64);
    }
}

impl Session {
    fn rest(&mut self, next: Goal, error: &Error, now: Instant) {
        self.goal.give_up(next);
        self.hurry = false;
        let reason = error.to_string();
        self.shared.monitor.set_last_error(Some(reason.clone()));
        self.shared.monitor.set_state(State::Disconnected, Some(&reason));
        self.fail_all(error, now);
    }
}
