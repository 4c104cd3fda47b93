//! The session as the task that keeps it connected sees it: what it wants, and the end of a connection.

use std::sync::Arc;
use std::time::Instant;

use super::goal::Goal;
use super::state::{End, Session};
use super::waiting::Waiting;
use crate::attempt::{self, Opened};
use crate::beside::Beside;
use crate::commands::Command;
use crate::credentials::{Purpose, Refusals};
use crate::error::Error;
use crate::shared::Shared;
use crate::stats::State;
use azmqtt_client::cause::replaced_by;
use azmqtt_client::lasting::times::Times;
use azmqtt_client::lasting::{Lasting, Shared as _};
use azmqtt_mqtt::Properties;
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
        self.close(now, None);
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

    fn should_leave(&self, now: Instant) -> bool {
        match &self.goal {
            Goal::Other(leaving) => leaving.deadline <= now || self.is_settled(),
            Goal::Rest | Goal::Connected | Goal::Close(_) => false,
        }
    }

    fn left(&mut self) {
        self.hurry = false;
        self.shared.monitor.set_last_error(None);
        self.shared.monitor.set_state(State::Disconnected, Some("disconnected on request"));
        for waiting in self.waiting.drain(..) {
            let reason = "disconnected on request".to_owned();
            waiting.reply.send(Err(Error::ConnectionLost { reason }));
        }
        self.goal = Goal::Rest;
    }

    fn keeps_connected(&mut self, whether: bool) {
        self.refusals = Refusals::default();
        let neighbours = self.shared.neighbours.filter(|_| whether);
        self.seat = neighbours.map(|neighbours| neighbours().0.enter(&self.shared));
    }

    fn is_claimed(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.is_claimed(&self.shared))
    }

    fn open(&self) -> BoxFuture<'static, Result<Opened, Error>> {
        attempt::open(&self.shared.config, Purpose::Connect)
    }

    fn begin(&mut self, opened: Opened, now: Instant) -> Result<(Stream, Beside), End> {
        let Opened { link, password } = opened;
        let expiry = password.expiry;
        self.shared.monitor.set_token_expiry(expiry);
        self.connect(password, link.clock, now);
        Ok((link.stream, Beside::new(Arc::clone(&self.shared), expiry)))
    }

    fn connections(&self) -> u64 {
        self.link.number
    }

    fn farewell(&self, end: &End) -> Option<Properties> {
        matches!(end, End::Closed | End::Left | End::Again).then(Properties::default)
    }

    fn disconnected(&mut self, end: &End) {
        let reason = end.describe("reconnecting with a new token");
        let counters = &self.shared.monitor.counters;
        match end {
            End::Again => counters.tokens_renewed.add(1),
            End::Lost { .. } => counters.connections_lost.add(1),
            _ => {}
        }
        self.mqtt.disconnected();
        self.link.ended();
        self.flooded = false;
        self.shared.monitor.connect_progress.set(None);
        for ticket in self.outbox.cut_off(self.link.written) {
            let reason = format!("{reason}; the message may or may not have left");
            self.settle(ticket, Err(Error::ConnectionLost { reason }));
        }
        let failed = self.methods.fail(&Error::ConnectionLost { reason: reason.clone() });
        self.goal.count_failures(failed);
        for (reply, error) in self.twin.disconnected(&reason, false) {
            self.fail_request(reply, error);
        }
        self.subscribe_again_at = None;
        self.subscriptions.disconnected();
        // They cannot be acknowledged any more, and the hub delivers them again.
        self.shared.messages.retain(|message| message.delivery.is_none());
    }

    fn has_others(&mut self) -> bool {
        // A token may have been refused for its time, or a key may have been replaced.
        let has_others = self.shared.config.credentials.try_next(&mut self.refusals);
        if !has_others {
            self.refusals = Refusals::default();
        }
        has_others
    }

    fn any_listening(&self) -> bool {
        self.subscriptions.any_listening()
    }

    fn give_up(&mut self, error: &Error, now: Instant) {
        // With a wish to disconnect nothing is under way any more: it has come to that.
        if !matches!(self.goal, Goal::Other(_)) {
            self.goal.give_up(Goal::Rest);
        }
        self.hurry = false;
        let reason = error.to_string();
        self.shared.monitor.set_last_error(Some(reason.clone()));
        self.shared.monitor.set_state(State::Disconnected, Some(&reason));
        self.fail_all(error, now);
    }

    fn fail_all(&mut self, error: &Error, now: Instant) {
        let mut tickets = self.mqtt.abandon(|_| true);
        tickets.extend(self.outbox.drain());
        for ticket in tickets {
            self.settle(ticket, Err(error.clone()));
        }
        for origin in self.twin.drain() {
            self.fail_any_request(origin, error.clone(), now);
        }
        for Waiting { reply, .. } in self.waiting.drain(..) {
            reply.send(Err(error.clone()));
        }
        let failed = self.methods.fail(error);
        self.goal.count_failures(failed);
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

    fn is_holding_back(&self) -> bool {
        self.twin.is_holding_back()
    }

    fn show_depths(&self) {
        let depths = &self.shared.monitor.depths;
        depths.outbox.set(self.outbox.len() as u64);
        depths.in_flight.set(self.mqtt.in_flight() as u64);
        depths.methods_open.set(self.methods.open() as u64);
    }
}
