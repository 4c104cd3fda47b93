//! What the handles ask of the task.

use std::sync::Arc;
use std::time::Instant;

use super::error::Error;
use super::inlets::Inlet;
use super::message::{Delivery, Owner, Published, Received, Ticket};
use super::shared::Shared;
use super::subscription::Subscription;
use crate::lasting::times::Time;
use crate::mailbox::Mailbox;
use crate::reply::Reply;
use azmqtt_mqtt::{Publish, ReasonCode};

/// Commands on their way.
pub(super) type Commands = Mailbox<Command>;

/// What the application asks of the connection task.
#[derive(Debug)]
pub(crate) enum Command {
    Connect {
        time: Time,
        reply: Reply<()>,
    },
    Close {
        deadline: Instant,
        reply: Reply<usize>,
    },
    Publish(Publish, Ticket),
    PublishMany(Vec<(Publish, Ticket)>),
    Subscribe {
        wanted: Subscription,
        time: Time,
        reply: Reply<Vec<ReasonCode>>,
    },
    Unsubscribe {
        filters: Vec<String>,
        time: Time,
        reply: Reply<Vec<ReasonCode>>,
    },
    Request(Box<Request>),
    /// Another client of the process has connected as this one's client identifier.
    Replaced,
    /// The receivers are done with these.
    Done(Vec<Delivery>),
    /// A receiver is gone, with these in its hands.
    Leave(Arc<Inlet>, Vec<Received>),
}

/// A message that wants another one in return.
#[derive(Debug)]
pub(crate) struct Request {
    /// Without a packet identifier, response topic and correlation data.
    pub(super) publish: Publish,
    /// `None` for one of the client's own.
    pub(super) response_topic: Option<String>,
    /// What it takes of the outbox.
    pub(super) size: u32,
    pub(super) time: Time,
    pub(super) reply: Reply<Received>,
}

impl Command {
    /// Answers a command with an error.
    pub(super) fn reject(self, shared: &Shared, error: &Error) {
        match self {
            Self::Connect { reply, .. } => reply.send(Err(error.clone())),
            Self::Close { reply, .. } => reply.send(Ok(0)),
            Self::Publish(_, ticket) => shared.settle(ticket, Err(error.clone())),
            Self::PublishMany(messages) => {
                for (_, ticket) in messages {
                    shared.settle(ticket, Err(error.clone()));
                }
            }
            Self::Subscribe { reply, .. } | Self::Unsubscribe { reply, .. } => reply.send(Err(error.clone())),
            Self::Request(request) => {
                shared.budget.give_back(request.size as usize);
                request.reply.send(Err(error.clone()));
            }
            Self::Done(_) | Self::Leave(..) | Self::Replaced => {}
        }
    }
}

impl Shared {
    /// Tells a message's sender, and frees its room in the outbox. That of a request is freed with its answer.
    pub(super) fn settle(&self, ticket: Ticket, outcome: Result<Published, Error>) {
        self.budget.give_back(ticket.size as usize);
        match (ticket.owner, outcome) {
            (Owner::One(reply), outcome) => reply.send(outcome),
            (Owner::Member(member), Err(error @ Error::PublishRefused { .. })) => member.refuse(error),
            (Owner::Member(member), outcome) => member.settle(outcome.map(|_| ())),
            (Owner::Request(_), _) => {}
        }
    }
}
