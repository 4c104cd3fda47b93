//! What can go wrong between a client and its broker, by what the caller can do about it.

use crate::reply::Closed;

/// Why an operation did not succeed. No variant ever holds a password or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The client was closed, or is being closed.
    Closed,
}

impl Closed for Error {
    fn closed() -> Self {
        Self::Closed
    }
}
