//! What the application wants of the connection.

use std::time::Instant;

use crate::reply::{Closed, Reply};

/// Where a session is headed. `O` is what only some kinds of clients know.
#[derive(Debug)]
pub enum Goal<O, E: Closed> {
    /// Nobody asked for a connection, or nothing since came of it.
    Rest,
    /// A connection is to be kept up.
    Connected,
    /// What only some kinds of clients know.
    Other(O),
    /// It is to end for good, once nothing is under way.
    Close(Box<Closing<O, E>>),
}

/// What only some kinds of clients want.
pub trait Other {
    /// Whether a connection is wanted for it.
    fn wants_connection(&self) -> bool;

    /// When it is to be reached at the latest.
    fn deadline(&self) -> Option<Instant>;
}

/// The last wishes.
#[derive(Debug)]
pub struct Closing<O, E: Closed> {
    deadline: Instant,
    /// Messages and requests that failed since, for whatever reason.
    failed: usize,
    replies: Vec<Reply<usize, E>>,
    /// A connection still makes sense. What a disconnect left behind goes nowhere without one.
    wanted: bool,
    /// What was wanted before, which ends with this.
    _before: Goal<O, E>,
}

impl<O: Other, E: Closed> Goal<O, E> {
    /// Whether a connection is wanted.
    pub fn wants_connection(&self) -> bool {
        match self {
            Self::Rest => false,
            Self::Connected => true,
            Self::Other(other) => other.wants_connection(),
            Self::Close(closing) => closing.wanted,
        }
    }

    /// Whether the client is to end.
    pub fn is_closing(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// Whether the client is to end now; `is_settled` if nothing is under way.
    pub fn should_close(&self, now: Instant, is_settled: impl FnOnce() -> bool) -> bool {
        match self {
            Self::Close(closing) => !closing.wanted || closing.deadline <= now || is_settled(),
            Self::Rest | Self::Connected | Self::Other(_) => false,
        }
    }

    /// When it is to be reached at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Rest | Self::Connected => None,
            Self::Other(other) => other.deadline(),
            Self::Close(closing) => Some(closing.deadline),
        }
    }

    /// The client is to end, at `deadline` or an earlier one that was asked for before. With `needed`, a connection makes sense
    /// even if none was wanted.
    pub fn close(&mut self, deadline: Instant, reply: Option<Reply<usize, E>>, needed: bool) {
        let mut closing = match std::mem::replace(self, Self::Rest) {
            Self::Close(closing) => closing,
            before => {
                let wanted = before.wants_connection();
                Box::new(Closing { deadline, failed: 0, replies: Vec::new(), wanted, _before: before })
            }
        };
        closing.deadline = closing.deadline.min(deadline);
        closing.replies.extend(reply);
        closing.wanted |= needed;
        *self = Self::Close(closing);
    }

    /// There will be no connection: `next` is the goal instead, unless the client is to end anyway.
    pub fn give_up(&mut self, next: Self) {
        match self {
            Self::Close(closing) => closing.wanted = false,
            Self::Rest | Self::Connected | Self::Other(_) => *self = next,
        }
    }

    /// Messages or requests have failed: whoever closes the client is told how many.
    pub fn count_failures(&mut self, count: usize) {
        if let Self::Close(closing) = self {
            closing.failed += count;
        }
    }

    /// The client has ended: answers those who have closed it.
    pub fn closed(&mut self) {
        if let Self::Close(closing) = self {
            for reply in closing.replies.drain(..) {
                reply.send(Ok(closing.failed));
            }
        }
    }
}
