//! What each command does.

use std::time::{Duration, Instant};

use super::goal::{Closing, Goal};
use super::state::Session;
use super::subscriptions::{Ask, Caller, What};
use crate::managed::commands::{Command, Time};
use crate::managed::error::Error;
use crate::managed::message::Ticket;
use crate::reply::Reply;
use azmqtt_mqtt::Publish;
use azmqtt_net::Step;

impl Session {
    /// Takes commands in; `None` means that every handle is gone.
    pub(crate) fn handle_all(&mut self, commands: Option<Vec<Command>>, now: Instant) {
        match commands {
            None => self.close(now, None),
            Some(commands) => commands.into_iter().for_each(|command| self.handle(command, now)),
        }
    }

    /// Takes a command in.
    pub(crate) fn handle(&mut self, command: Command, now: Instant) {
        match command {
            Command::Close { deadline, reply } => self.close(deadline, Some(reply)),
            Command::Done(deliveries) => self.done(&deliveries, now),
            Command::Leave(inlet, held) => self.receiver_left(&inlet, held, now),
            command if self.goal.is_closing() => command.reject(&self.shared, &Error::Closed),
            Command::Connect { time, reply } => {
                // Who asks by name has been told why it ended.
                self.goal = Goal::Connected;
                self.hurry = true;
                if self.link.accepted_at().is_some() {
                    return reply.send(Ok(()));
                }
                self.note(time);
                self.waiting.push((time, reply));
            }
            command => match self.may_connect() {
                Ok(()) => self.accept(command, now),
                Err(error) => command.reject(&self.shared, &error),
            },
        }
    }

    fn accept(&mut self, command: Command, now: Instant) {
        match command {
            Command::Publish(publish, ticket) => self.accept_message(publish, ticket),
            Command::PublishMany(messages) => {
                for (publish, ticket) in messages {
                    self.accept_message(publish, ticket);
                }
            }
            Command::Subscribe { wanted, time, reply } => {
                self.ask(What::Subscribe(wanted), time, Caller::Application(reply));
            }
            Command::Unsubscribe { filters, time, reply } => {
                self.ask(What::Unsubscribe(filters), time, Caller::Application(reply));
            }
            Command::Request(request) => self.request(*request, now),
            Command::Connect { .. } | Command::Close { .. } | Command::Done(_) | Command::Leave(..) => {}
        }
    }

    /// An operation may go on: there is a connection, one is being made, or it may make one.
    fn may_connect(&mut self) -> Result<(), Error> {
        match &self.goal {
            Goal::Ended(error) => return Err(error.clone()),
            Goal::Rest if !self.shared.config.auto_connect => {
                let reason = "not connected, and auto_connect is off: call connect() first".to_owned();
                return Err(Error::ConnectionFailed { step: Step::Mqtt, reason, code: None });
            }
            Goal::Rest => self.goal = Goal::Connected,
            Goal::Connected | Goal::Close(_) => {}
        }
        Ok(())
    }

    fn accept_message(&mut self, publish: Publish, ticket: Ticket) {
        self.note(Time { deadline: ticket.deadline, timeout: ticket.timeout });
        self.outbox.queued.push_back((publish, ticket));
    }

    pub(super) fn ask(&mut self, what: What, time: Time, caller: Caller) {
        self.note(time);
        self.subscriptions.queue(Ask { what, time: Some(time), caller });
    }

    pub(super) fn close(&mut self, deadline: Instant, reply: Option<Reply<usize>>) {
        let mut closing = match std::mem::replace(&mut self.goal, Goal::Rest) {
            Goal::Close(closing) => closing,
            goal => {
                let wanted = goal.wants_connection();
                Box::new(Closing { deadline, failed: 0, replies: Vec::new(), wanted })
            }
        };
        closing.deadline = closing.deadline.min(deadline);
        closing.replies.extend(reply);
        self.goal = Goal::Close(closing);
    }

    /// Remembers when an operation runs out of time.
    pub(super) fn note(&mut self, Time { deadline, timeout }: Time) {
        let earlier = |known: Option<Instant>| known.map_or(deadline, |known| known.min(deadline));
        let shorter = |known: Option<Duration>| known.map_or(timeout, |known| known.min(timeout));
        self.earliest = Some(earlier(self.earliest));
        self.shortest_timeout = Some(shorter(self.shortest_timeout));
    }
}
