//! What comes of showing enough.

use std::time::Duration;

use crate::broker::Identity;

/// A time that nobody lives to see.
pub const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A client that has shown who it is.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who.
    pub identity: Identity,
    /// For how long that holds.
    pub valid_for: Duration,
}
