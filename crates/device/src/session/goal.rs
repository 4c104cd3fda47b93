//! What the application wants of the connection.

use std::time::Instant;

use crate::error::Error;
use crate::reply::Reply;
use azmqtt_client::lasting::goal::{self, Other};

/// Where the session is headed.
pub(super) type Goal = goal::Goal<Leaving, Error>;

/// A wish to disconnect: the connection is to end for now, once nothing is under way.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) deadline: Instant,
    pub(super) replies: Vec<Reply<()>>,
}

impl Other for Leaving {
    /// Up to the end.
    fn wants_connection(&self) -> bool {
        true
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}

/// However a wish to disconnect ends, there was no connection at its end, or somebody wanted one more.
impl Drop for Leaving {
    fn drop(&mut self) {
        for reply in self.replies.drain(..) {
            reply.send(Ok(()));
        }
    }
}
