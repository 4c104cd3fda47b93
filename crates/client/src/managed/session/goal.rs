//! What the application wants of the connection.

use std::time::Instant;

use crate::managed::error::Error;
use crate::reply::Reply;

/// Where the session is headed.
#[derive(Debug)]
pub(super) enum Goal {
    /// Nobody asked for a connection, or nothing since came of it.
    Rest,
    /// A connection is to be kept up.
    Connected,
    /// It ended for a reason that the application is to judge: it goes on when it asks for a connection by name.
    Ended(Error),
    /// It is to end for good, once nothing is under way.
    Close(Box<Closing>),
}

/// The last wishes.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) deadline: Instant,
    /// Messages and requests that failed since, for whatever reason.
    pub(super) failed: usize,
    pub(super) replies: Vec<Reply<usize>>,
    /// A connection still makes sense.
    pub(super) wanted: bool,
}

impl Goal {
    pub(super) fn wants_connection(&self) -> bool {
        match self {
            Self::Rest | Self::Ended(_) => false,
            Self::Connected => true,
            Self::Close(closing) => closing.wanted,
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// When it is to be reached at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Close(closing) => Some(closing.deadline),
            Self::Rest | Self::Connected | Self::Ended(_) => None,
        }
    }
}
