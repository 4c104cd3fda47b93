//! One of the connections of a session, one after the other.

use crate::routing::SessionKey;

/// A connection; its session has one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection {
    pub(super) session: SessionKey,
    pub(super) number: u64,
}
