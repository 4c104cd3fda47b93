//! How far the current connection is, and the planned reconnect with a new token.

use std::time::{Duration, Instant};

use azmqtt_client::lasting::link;

/// What is known of the current connection, or of the last one.
pub(super) type Link = link::Link<Renewal>;
/// How far a connection is.
pub(super) type Phase = link::Phase<Renewal>;

/// How long what is under way may delay a planned reconnect.
pub(super) const DRAIN: Duration = Duration::from_secs(2);

/// How far the planned reconnect with a new token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// To be begun at this time, if ever.
    Due(Option<Instant>),
    /// The next connection is being opened beside this one.
    Opening,
    /// It is open: nothing more is sent here, and what is under way may finish until then.
    Draining(Instant),
}

impl link::Renewal for Renewal {
    /// When the token is to be renewed.
    type Shown = Option<Instant>;

    fn of(renew_at: Option<Instant>) -> Self {
        Self::Due(renew_at)
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Opening => None,
            Self::Due(at) => *at,
            Self::Draining(until) => Some(*until),
        }
    }
}
