//! The way from the handles to the task: a queue that is taken whole.

use std::time::Instant;

use crate::error::Error;
use crate::inbox::Delivery;
use crate::message::{Outgoing, Ticket};
use crate::reply::Reply;
use crate::session::methods::MethodCall;
use crate::session::requests::{ReportedPatch, Request, TwinDocument};
use crate::shared::Shared;
use azmqtt_client::lasting::times::Time;
use bytes::Bytes;

/// What the application asks of the connection task.
#[derive(Debug)]
pub(crate) enum Command {
    Connect {
        time: Time,
        reply: Reply<()>,
    },
    Disconnect {
        deadline: Instant,
        reply: Reply<()>,
    },
    Close {
        deadline: Instant,
        reply: Reply<usize>,
    },
    Send(Outgoing, Ticket),
    SendBatch(Vec<(Outgoing, Ticket)>),
    Twin {
        request: Request,
        deadline: Instant,
        started: Instant,
        reply: TwinReply,
    },
    WatchDesired {
        time: Time,
        reply: Reply<()>,
    },
    WatchMessages {
        time: Time,
        reply: Reply<()>,
    },
    WatchMethods {
        time: Time,
        reply: Reply<()>,
    },
    Respond {
        call: MethodCall,
        status: i32,
        body: Bytes,
        reply: Reply<()>,
    },
    Acknowledge(Vec<Delivery>),
    /// Another client of the process has this one's place.
    Replaced,
}

/// Who asked for a twin request.
#[derive(Debug)]
pub(super) enum TwinReply {
    Get(Reply<TwinDocument>),
    /// With what the patch takes of the outbox, in bytes.
    Patch(Reply<ReportedPatch>, usize),
}

impl TwinReply {
    /// What the request takes of the outbox, in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Patch(_, size) => *size,
            Self::Get(_) => 0,
        }
    }

    pub(super) fn fail(self, error: Error) {
        match self {
            Self::Get(reply) => reply.send(Err(error)),
            Self::Patch(reply, _) => reply.send(Err(error)),
        }
    }
}

/// Commands on their way.
pub(super) type Commands = azmqtt_client::mailbox::Mailbox<Command>;

impl Command {
    /// Answers a command that came after the end.
    pub(super) fn reject(self, shared: &Shared) {
        let budget = &shared.budget;
        match self {
            Self::Connect { reply, .. }
            | Self::WatchDesired { reply, .. }
            | Self::WatchMessages { reply, .. }
            | Self::WatchMethods { reply, .. }
            | Self::Respond { reply, .. } => {
                reply.send(Err(shared.closed()));
            }
            // Closed is as disconnected as can be.
            Self::Disconnect { reply, .. } => reply.send(Ok(())),
            Self::Close { reply, .. } => reply.send(Ok(0)),
            Self::Send(_, ticket) => {
                budget.give_back(ticket.size as usize);
                ticket.owner.settle(Err(shared.closed()));
            }
            Self::SendBatch(messages) => {
                for (_, ticket) in messages {
                    budget.give_back(ticket.size as usize);
                    ticket.owner.settle(Err(shared.closed()));
                }
            }
            Self::Twin { reply, .. } => {
                budget.give_back(reply.size());
                reply.fail(shared.closed());
            }
            Self::Acknowledge(_) | Self::Replaced => {}
        }
    }
}
