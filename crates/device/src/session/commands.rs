//! What each command does.

use std::time::Instant;

use super::goal::Goal;
use super::requests::Request;
use super::state::Session;
use super::subscriptions::Feed;
use super::waiting::Awaited;
use crate::commands::{Command, TwinReply};
use crate::error::{Error, Step};
use crate::message::{Outgoing, Ticket};
use azmqtt_client::lasting::times::Time;

impl Session {
    /// Takes a command in.
    pub(super) fn take_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Close { deadline, reply } => self.close(deadline, Some(reply)),
            Command::Acknowledge(deliveries) => self.acknowledge(&deliveries, now),
            Command::Replaced => self.replaced(now),
            Command::Respond { call, status, body, reply } => self.respond(&call, status, body, reply),
            command if self.goal.is_closing() => command.reject(&self.shared),
            Command::Disconnect { deadline, reply } => self.leave(deadline, reply),
            Command::Connect { time, reply } => {
                // Who asks last is heard.
                self.goal = Goal::Connected;
                self.hurry = true;
                // The hub may have changed its mind since.
                self.twin.compare_soon();
                self.wait_for(Awaited::Everything, time, reply);
            }
            command if !self.may_connect() => self.refuse_offline(command),
            Command::Send(message, ticket) => self.accept(message, ticket),
            Command::SendBatch(messages) => {
                for (message, ticket) in messages {
                    self.accept(message, ticket);
                }
            }
            Command::Twin { request, deadline, started, reply } => {
                self.ask_twin(request, deadline, started, reply);
            }
            Command::WatchDesired { time, reply } => {
                // The comparison after each reconnect needs the answers too.
                self.subscriptions.want(Feed::TwinAnswers);
                self.subscriptions.want(Feed::DesiredChanges);
                self.twin.compare_soon();
                self.wait_for(Awaited::Feed(Feed::DesiredChanges), time, reply);
            }
            Command::WatchMessages { time, reply } => {
                self.subscriptions.want(Feed::CloudMessages);
                self.wait_for(Awaited::Feed(Feed::CloudMessages), time, reply);
            }
            Command::WatchMethods { time, reply } => {
                self.subscriptions.want(Feed::Methods);
                self.wait_for(Awaited::Feed(Feed::Methods), time, reply);
            }
        }
    }

    /// An operation may go on: there is a connection, one is being made, or it may make one.
    fn may_connect(&mut self) -> bool {
        if matches!(self.goal, Goal::Rest) && self.shared.config.auto_connect {
            self.goal = Goal::Connected;
        }
        self.goal.wants_connection()
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
        self.times.note(ticket.time());
        self.outbox.queued.push_back((message.into_publish(), ticket));
    }

    fn ask_twin(&mut self, request: Request, deadline: Instant, started: Instant, reply: TwinReply) {
        self.subscriptions.want(Feed::TwinAnswers);
        self.times.note(Time { deadline, timeout: deadline.saturating_duration_since(started) });
        self.twin.ask(request, started, deadline, reply);
    }
}
