//! Commands taken, deadlines kept, outcomes told.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::commands::Command;
use super::config::LostSession;
use super::error::{Error, Step};
use super::message::{Outgoing, Ticket};
use super::subscriptions::Feed;
use super::task::Task;
use super::waiting::{Awaited, Waiting};
use azmqtt_mqtt::Publish;

impl Task {
    /// Takes commands in; `None` means that every handle is gone.
    pub(super) fn obey(&mut self, commands: Option<Vec<Command>>) {
        match commands {
            None => self.close(Instant::now(), None),
            Some(commands) => commands.into_iter().for_each(|command| self.obey_one(command)),
        }
    }

    fn obey_one(&mut self, command: Command) {
        match command {
            Command::Close { deadline, reply } => self.close(deadline, Some(reply)),
            Command::Acknowledge(deliveries) => self.acknowledge(&deliveries),
            Command::Replaced => self.replaced(),
            Command::Respond { call, status, body, reply } => self.respond(&call, status, body, reply),
            command if self.closing.is_some() => command.reject(&self.shared),
            Command::Disconnect { deadline, reply } => self.leave(deadline, reply),
            Command::Connect { deadline, patience, reply } => {
                // Who asks last is heard.
                self.leaving = None;
                self.wanted = true;
                self.hurry = true;
                // The hub may have changed its mind since.
                self.read_again_at = None;
                self.wait_for(Awaited::Everything, deadline, patience, reply);
            }
            command if !self.may_connect() => self.refuse_offline(command),
            Command::Send(message, ticket) => self.accept(message, ticket),
            Command::SendBatch(messages) => {
                for (message, ticket) in messages {
                    self.accept(message, ticket);
                }
            }
            Command::Twin { request, deadline, started, reply } => {
                self.subscriptions.want(Feed::TwinAnswers);
                self.note_deadline(deadline, deadline.saturating_duration_since(started));
                self.requests.insert(request, started, deadline, reply);
            }
            Command::WatchDesired { deadline, patience, reply } => {
                // The comparison after each reconnect needs the answers too.
                self.subscriptions.want(Feed::TwinAnswers);
                self.subscriptions.want(Feed::DesiredChanges);
                self.read_again_at = None;
                self.wait_for(Awaited::Feed(Feed::DesiredChanges), deadline, patience, reply);
            }
            Command::WatchMessages { deadline, patience, reply } => {
                self.subscriptions.want(Feed::CloudMessages);
                self.wait_for(Awaited::Feed(Feed::CloudMessages), deadline, patience, reply);
            }
            Command::WatchMethods { deadline, patience, reply } => {
                self.subscriptions.want(Feed::Methods);
                self.wait_for(Awaited::Feed(Feed::Methods), deadline, patience, reply);
            }
        }
    }

    /// An operation may go on: there is a connection, one is being made, or it may make one.
    fn may_connect(&mut self) -> bool {
        self.wanted |= self.shared.config.auto_connect;
        self.wanted
    }

    fn refuse_offline(&mut self, command: Command) {
        let error = Error::ConnectionFailed {
            step: Step::Mqtt,
            reason: "not connected, and auto_connect is off: call connect() first".to_owned(),
        };
        match command {
            Command::Send(_, ticket) => self.settle(ticket, Err(error)),
            Command::SendBatch(messages) => {
                for (_, ticket) in messages {
                    self.settle(ticket, Err(error.clone()));
                }
            }
            Command::Twin { reply, .. } => self.fail_request(reply, error),
            // Subscribed to with the next connection.
            Command::WatchDesired { reply, .. } => {
                self.subscriptions.want(Feed::TwinAnswers);
                self.subscriptions.want(Feed::DesiredChanges);
                reply.send(Err(error));
            }
            Command::WatchMessages { reply, .. } => {
                self.subscriptions.want(Feed::CloudMessages);
                reply.send(Err(error));
            }
            Command::WatchMethods { reply, .. } => {
                self.subscriptions.want(Feed::Methods);
                reply.send(Err(error));
            }
            Command::Respond { reply, .. } => reply.send(Err(error)),
            Command::Connect { .. }
            | Command::Disconnect { .. }
            | Command::Close { .. }
            | Command::Replaced
            | Command::Acknowledge(_) => {}
        }
    }

    fn accept(&mut self, message: Outgoing, ticket: Ticket) {
        self.note_deadline(ticket.deadline, ticket.patience);
        self.outbox.push_back((message.into_publish(), ticket));
    }

    pub(super) fn note_deadline(&mut self, deadline: Instant, patience: Duration) {
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        self.patience = Some(self.patience.map_or(patience, |shortest| shortest.min(patience)));
    }

    /// Tells a message's sender, and frees its room in the outbox.
    pub(super) fn settle(&mut self, ticket: Ticket, outcome: Result<(), Error>) {
        let counters = &self.shared.monitor.counters;
        if outcome.is_ok() {
            counters.messages_sent.add(1);
        } else {
            counters.messages_failed.add(1);
            self.count_failure();
        }
        self.shared.budget.give_back(ticket.size as usize);
        ticket.settle(outcome);
    }

    /// `close` tells how many did not make it.
    pub(super) fn count_failure(&mut self) {
        if let Some(closing) = &mut self.closing {
            closing.failed += 1;
        }
    }

    /// Whether every accepted operation has its outcome.
    pub(super) fn is_settled(&self) -> bool {
        self.outbox.is_empty()
            && self.unflushed.is_empty()
            && self.mqtt.in_flight() == 0
            && self.requests.is_empty()
            && self.methods.is_settled()
    }

    /// Ends the operations whose time is over. The earliest deadline is a lower bound that is corrected
    /// here, so that a steady stream of operations is looked through about once in a timeout, not each time.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        let known = self.why_no_answer(now);
        let timeout =
            |operation, after| Err(Error::RequestTimeout { operation, after, known: Some(known.clone()) });

        let mut expired: Vec<Ticket> = self.mqtt.abandon(|ticket| ticket.deadline <= now);
        let queued = split_off(&mut self.outbox, |(_, ticket)| ticket.deadline <= now);
        expired.extend(queued.into_iter().map(|(_, ticket)| ticket));
        let unflushed = split_off(&mut self.unflushed, |(_, _, ticket)| ticket.deadline <= now);
        expired.extend(unflushed.into_iter().map(|(_, _, ticket)| ticket));
        for ticket in expired {
            let after = ticket.patience;
            self.settle(ticket, timeout("send_message", after));
        }

        for (reply, request, after) in self.requests.expire(now) {
            if let Err(error) = timeout(request.operation(), after) {
                self.fail_request(reply, error);
            }
        }

        self.expire_waiting(now);
        self.earliest = self.earliest_deadline();
        self.patience = self.shortest_patience();
    }

    fn earliest_deadline(&self) -> Option<Instant> {
        let queued = self.outbox.iter().map(|(_, ticket)| ticket.deadline);
        let flushing = self.unflushed.iter().map(|(_, _, ticket)| ticket.deadline);
        let in_flight = self.mqtt.tokens().map(|ticket| ticket.deadline);
        let waiting = self.waiting.iter().map(|waiting| waiting.deadline);
        queued.chain(flushing).chain(in_flight).chain(waiting).chain(self.requests.deadline()).min()
    }

    fn shortest_patience(&self) -> Option<Duration> {
        let queued = self.outbox.iter().map(|(_, ticket)| ticket.patience);
        let in_flight = self.mqtt.tokens().map(|ticket| ticket.patience);
        let waiting = self.waiting.iter().map(|waiting| waiting.patience);
        queued.chain(in_flight).chain(waiting).chain(self.requests.patience()).min()
    }

    /// Ends everything that has no outcome yet with `error`.
    pub(super) fn fail_all(&mut self, error: &Error) {
        let mut tickets = self.mqtt.abandon(|_| true);
        tickets.extend(self.unflushed.drain(..).map(|(_, _, ticket)| ticket));
        tickets.extend(self.outbox.drain(..).map(|(_, ticket)| ticket));
        for ticket in tickets {
            self.settle(ticket, Err(error.clone()));
        }
        let requests: Vec<_> = self.requests.drain().collect();
        for reply in requests {
            self.fail_request(reply, error.clone());
        }
        for Waiting { reply, .. } in self.waiting.drain(..) {
            reply.send(Err(error.clone()));
        }
        for _ in 0..self.methods.fail(error) {
            self.count_failure();
        }
        (self.earliest, self.patience) = (None, None);
    }

    /// The hub forgot the session: what was unacknowledged goes out again as new, before anything younger,
    /// or fails, as the caller chose.
    pub(super) fn session_lost(&mut self) {
        let unacknowledged: Vec<_> = self.mqtt.take_unacknowledged().collect();
        match self.shared.config.lost_session {
            LostSession::Resend => {
                self.shared.monitor.counters.messages_resent.add(unacknowledged.len() as u64);
                self.requeue(unacknowledged);
            }
            LostSession::Fail => {
                let reason = "the hub forgot the session; it may or may not have the message".to_owned();
                for (_, ticket) in unacknowledged {
                    self.settle(ticket, Err(Error::ConnectionLost { reason: reason.clone() }));
                }
            }
        }
    }

    /// Puts messages back in front of the outbox, in their order.
    pub(super) fn requeue(&mut self, messages: Vec<(Publish, Ticket)>) {
        for message in messages.into_iter().rev() {
            self.outbox.push_front(message);
        }
    }

    /// The connection ended: whatever was on its way waits for the next one, or has failed with it.
    /// `written` says how many bytes the stream took.
    pub(super) fn disconnected(&mut self, reason: &str, written: u64) {
        self.mqtt.disconnected();
        self.shared.monitor.under_way.set(None);
        let mut cut_off = Vec::new();
        for (end, publish, ticket) in std::mem::take(&mut self.unflushed) {
            if end > written {
                cut_off.push((publish, ticket));
            } else {
                // The hub may have it, and at most once is the promise of QoS 0.
                let reason = format!("{reason}; the message may or may not have left");
                self.settle(ticket, Err(Error::ConnectionLost { reason }));
            }
        }
        self.requeue(cut_off);
        for _ in 0..self.methods.fail(&Error::ConnectionLost { reason: reason.to_owned() }) {
            self.count_failure();
        }
        // A comparison belongs to its connection's subscription: read before that, it could miss a change.
        self.requests.forget(|reply| !reply.is_asked());
        self.read_again_at = None;
        self.subscribe_again_at = None;
        for (reply, error) in self.requests.connection_lost(reason) {
            self.fail_request(reply, error);
        }
        self.subscriptions.disconnected();
        self.desired.disconnected();
        // They cannot be acknowledged any more, and the hub delivers them again.
        self.shared.messages.retain(|message| message.delivery.is_none());
    }
}

/// Takes out what `late` picks and leaves the rest in its order.
fn split_off<T>(queue: &mut VecDeque<T>, late: impl FnMut(&T) -> bool) -> VecDeque<T> {
    let (late, rest) = std::mem::take(queue).into_iter().partition(late);
    *queue = rest;
    late
}
