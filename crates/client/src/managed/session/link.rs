//! How far the current connection is.

use std::time::{Duration, Instant};

use azmqtt_net::ClockOffset;
use azmqtt_net::deadlines::later;

/// What is known of the current connection, or of the last one.
#[derive(Debug)]
pub(super) struct Link {
    /// Counts the connections that the broker accepted.
    pub(super) number: u64,
    pub(super) phase: Phase,
    /// What the opening of the stream said about this machine's clock.
    pub(super) clock: Option<ClockOffset>,
    /// Bytes that the stream has taken.
    pub(super) written: u64,
    /// How many of them have left for the socket.
    pub(super) flushed: u64,
    /// Whether the stream is being read.
    pub(super) listening: bool,
    /// Messages found no room: the broker keeps them, and sends them again on another connection.
    pub(super) left_to_the_broker: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is no connection.
    Offline,
    /// CONNECT is out.
    Connecting {
        /// When its answer is due.
        connack: Instant,
        /// When the credential in it is to be renewed; `None` without enhanced authentication.
        renewal: Option<Lease>,
        /// Challenges so far.
        rounds: u8,
    },
    /// The broker accepted.
    Connected { since: Instant, renewal: Renewal },
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

impl Link {
    pub(super) fn new() -> Self {
        Self {
            number: 0,
            phase: Phase::Offline,
            clock: None,
            written: 0,
            flushed: 0,
            listening: true,
            left_to_the_broker: false,
        }
    }

    /// CONNECT goes out on a fresh stream.
    pub(super) fn begin(&mut self, connack: Instant, renewal: Option<Lease>, clock: Option<ClockOffset>) {
        let phase = Phase::Connecting { connack, renewal, rounds: 0 };
        *self = Self { number: self.number, phase, clock, ..Self::new() };
    }

    /// The broker accepted. The lease of the credential that it has accepted with that.
    pub(super) fn accepted(&mut self, now: Instant) -> Option<Lease> {
        let lease = match self.phase {
            Phase::Connecting { renewal, .. } => renewal,
            Phase::Offline | Phase::Connected { .. } => None,
        };
        let renewal = lease.map_or(Renewal::None, |lease| Renewal::Due(lease.renew_at));
        self.phase = Phase::Connected { since: now, renewal };
        self.number += 1;
        lease
    }

    pub(super) fn ended(&mut self) {
        self.phase = Phase::Offline;
        self.left_to_the_broker = false;
    }

    /// Since when the broker has accepted.
    pub(super) fn accepted_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connected { since, .. } => Some(since),
            Phase::Offline | Phase::Connecting { .. } => None,
        }
    }

    pub(super) fn renewal(&self) -> Renewal {
        match self.phase {
            Phase::Connected { renewal, .. } => renewal,
            Phase::Offline | Phase::Connecting { .. } => Renewal::None,
        }
    }

    pub(super) fn set_renewal(&mut self, next: Renewal) {
        if let Phase::Connected { renewal, .. } = &mut self.phase {
            *renewal = next;
        }
    }

    /// A re-authentication is tried again after `wait`.
    pub(super) fn renew_after(&mut self, wait: Duration, now: Instant) {
        self.set_renewal(Renewal::Due(Some(later(now, wait))));
    }

    /// When the phase wants to be looked at.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Offline => None,
            Phase::Connecting { connack, .. } => Some(connack),
            Phase::Connected { renewal, .. } => match renewal {
                Renewal::None | Renewal::Asking => None,
                Renewal::Due(at) => at,
                Renewal::Sent(exchange) | Renewal::Challenged(exchange) => Some(exchange.until),
            },
        }
    }
}
