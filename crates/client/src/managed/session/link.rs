//! How far the current connection is, and the re-authentication on it.

use std::time::Instant;

use crate::lasting::link;

/// What is known of the current connection, or of the last one.
pub(super) type Link = link::Link<Renewal>;
/// How far a connection is.
pub(super) type Phase = link::Phase<Renewal>;

/// The authentication of CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// Of the credential in it; `None` without enhanced authentication.
    pub(super) lease: Option<Lease>,
    /// Challenges so far.
    pub(super) rounds: u8,
}

/// How long a credential is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    /// When the next one is to be asked for, if ever.
    pub(super) renew_at: Option<Instant>,
    /// Until when it is valid, in seconds of Unix time.
    pub(super) expiry: Option<u64>,
}

/// How far a re-authentication is (MQTT 5 §4.12.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// The connection has no enhanced authentication.
    None,
    /// To be begun at this time, if ever.
    Due(Option<Instant>),
    /// The authenticator makes a credential.
    Asking,
    /// AUTH is out, and the broker is to answer until then.
    Sent(Exchange),
    /// The authenticator answers a challenge.
    Challenged(Exchange),
}

/// A re-authentication under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exchange {
    /// When it is to be over.
    pub(super) until: Instant,
    /// Challenges so far.
    pub(super) rounds: u8,
    /// Of the credential that is shown.
    pub(super) lease: Lease,
}

impl link::Renewal for Renewal {
    type Shown = Shown;

    fn of(Shown { lease, .. }: Shown) -> Self {
        lease.map_or(Self::None, |lease| Self::Due(lease.renew_at))
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::None | Self::Asking => None,
            Self::Due(at) => *at,
            Self::Sent(exchange) | Self::Challenged(exchange) => Some(exchange.until),
        }
    }
}
