//! What the application wants of the connection.

use std::time::Instant;

use crate::lasting::goal::{self, Other};
use crate::managed::error::Error;

/// Where the session is headed.
pub(super) type Goal = goal::Goal<Ended, Error>;

/// It ended for a reason that the application is to judge: it goes on when it asks for a connection by name.
#[derive(Debug)]
pub(super) struct Ended(pub(super) Error);

impl Other for Ended {
    fn wants_connection(&self) -> bool {
        false
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}
