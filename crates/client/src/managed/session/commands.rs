//! What each command does.

use std::time::Instant;

use super::goal::{Ended, Goal};
use super::state::Session;
use super::subscriptions::{Ask, Caller, What};
use crate::lasting::times::Time;
use crate::managed::commands::Command;
use crate::managed::error::Error;
use crate::managed::message::Ticket;
use azmqtt_mqtt::Publish;
use azmqtt_net::Step;

impl Session {
    /// Takes a command in.
    pub(super) fn take_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Close { deadline, reply } => self.goal.close(deadline, Some(reply), false),
            Command::Done(deliveries) => self.done(&deliveries, now),
            Command::Replaced => self.replaced(now),
            Command::Leave(inlet, held) => self.receiver_left(&inlet, held, now),
            command if self.goal.is_closing() => command.reject(&self.shared, &self.shared.closed()),
            Command::Connect { time, reply } => {
                // Who asks by name has been told why it ended.
                self.goal = Goal::Connected;
                self.hurry = true;
                if self.link.accepted_at().is_some() {
                    return reply.send(Ok(()));
                }
                self.times.note(time);
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
            Command::Connect { .. }
            | Command::Close { .. }
            | Command::Done(_)
            | Command::Leave(..)
            | Command::Replaced => {}
        }
    }

    /// An operation may go on: there is a connection, one is being made, or it may make one.
    fn may_connect(&mut self) -> Result<(), Error> {
        match &self.goal {
            Goal::Other(Ended(error)) => return Err(error.clone()),
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
        self.times.note(ticket.time());
        self.outbox.queued.push_back((publish, ticket));
    }

    pub(super) fn ask(&mut self, what: What, time: Time, caller: Caller) {
        self.times.note(time);
        self.subscriptions.queue(Ask { what, time: Some(time), caller });
    }
}
