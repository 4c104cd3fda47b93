//! What the application wants of the connection.

use std::time::Instant;

use crate::reply::Reply;

/// Where the session is headed.
#[derive(Debug)]
pub(super) enum Goal {
    /// Nobody asked for a connection, or nothing since came of it.
    Rest,
    /// A connection is to be kept up.
    Connected,
    /// It is to end for now, once nothing is under way.
    Leave(Leaving),
    /// It is to end for good, once nothing is under way.
    Close(Box<Closing>),
}

/// A wish to disconnect.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) deadline: Instant,
    pub(super) replies: Vec<Reply<()>>,
}

/// However a wish to disconnect ends, there was no connection at its end, or somebody wanted one more.
impl Drop for Leaving {
    fn drop(&mut self) {
        for reply in self.replies.drain(..) {
            reply.send(Ok(()));
        }
    }
}

/// The last wishes.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) deadline: Instant,
    /// Messages and requests that failed since, for whatever reason.
    pub(super) failed: usize,
    pub(super) replies: Vec<Reply<usize>>,
    /// A connection still makes sense. What a disconnect left behind goes nowhere without one.
    pub(super) wanted: bool,
    /// A wish to disconnect before, which ends with this one.
    pub(super) _leaving: Option<Leaving>,
}

impl Goal {
    pub(super) fn wants_connection(&self) -> bool {
        match self {
            Self::Rest => false,
            Self::Connected | Self::Leave(_) => true,
            Self::Close(closing) => closing.wanted,
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// When it is to be reached at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Rest | Self::Connected => None,
            Self::Leave(leaving) => Some(leaving.deadline),
            Self::Close(closing) => Some(closing.deadline),
        }
    }
}
