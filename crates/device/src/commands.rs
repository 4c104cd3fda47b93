//! The way from the handles to the task: a queue that is taken whole.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::Error;
use crate::inbox::Delivery;
use crate::message::{Outgoing, Ticket};
use crate::reply::Reply;
use crate::session::methods::MethodCall;
use crate::session::requests::{ReportedPatch, Request, TwinDocument};
use crate::shared::Shared;
use azmqtt_net::sync::{Mutex, MutexGuard};

/// What the application asks of the connection task.
#[derive(Debug)]
pub(super) enum Command {
    Connect {
        deadline: Instant,
        timeout: Duration,
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
        deadline: Instant,
        timeout: Duration,
        reply: Reply<()>,
    },
    WatchMessages {
        deadline: Instant,
        timeout: Duration,
        reply: Reply<()>,
    },
    WatchMethods {
        deadline: Instant,
        timeout: Duration,
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

/// Commands on their way. Pushing never waits; the task takes everything at once.
#[derive(Debug, Default)]
pub(super) struct Commands {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    commands: Vec<Command>,
    /// The task knows that there are commands.
    told: bool,
    /// Every handle is gone.
    abandoned: bool,
    /// The task is gone.
    closed: bool,
}

impl Queue {
    fn take(&mut self) -> Vec<Command> {
        self.told = false;
        std::mem::take(&mut self.commands)
    }
}

impl Commands {
    /// Adds a command, with `wake` for now, otherwise for when the task looks; it comes back when there is no
    /// task any more.
    #[expect(clippy::result_large_err, reason = "the command itself, on its way back to be refused")]
    pub(super) fn push(&self, command: Command, wake: bool) -> Result<(), Command> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(command);
        }
        queue.commands.push(command);
        if wake {
            self.tell(queue);
        }
        Ok(())
    }

    /// Tells the task of what was pushed without waking it.
    pub(super) fn wake(&self) {
        let queue = self.queue.lock();
        if !queue.commands.is_empty() {
            self.tell(queue);
        }
    }

    fn tell(&self, mut queue: MutexGuard<'_, Queue>) {
        let told = std::mem::replace(&mut queue.told, true);
        drop(queue);
        if !told {
            self.arrived.notify_one();
        }
    }

    /// Nobody will push any more.
    pub(super) fn abandon(&self) {
        self.queue.lock().abandoned = true;
        self.arrived.notify_one();
    }

    /// Waits for commands and takes them all; `None` when every handle is gone. Cancelled, it has taken none.
    pub(super) async fn take(&self) -> Option<Vec<Command>> {
        loop {
            match self.take_now() {
                Some(commands) if commands.is_empty() => self.arrived.notified().await,
                commands => return commands,
            }
        }
    }

    /// Takes what is there; `None` when every handle is gone and there is nothing.
    pub(super) fn take_now(&self) -> Option<Vec<Command>> {
        let mut queue = self.queue.lock();
        if queue.commands.is_empty() && queue.abandoned { None } else { Some(queue.take()) }
    }

    /// Takes what is there, and refuses everything from now on.
    pub(super) fn close(&self) -> Vec<Command> {
        let mut queue = self.queue.lock();
        queue.closed = true;
        queue.take()
    }
}

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
                ticket.settle(Err(shared.closed()));
            }
            Self::SendBatch(messages) => {
                for (_, ticket) in messages {
                    budget.give_back(ticket.size as usize);
                    ticket.settle(Err(shared.closed()));
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
