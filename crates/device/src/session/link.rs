//! How far the current connection is.

use std::time::{Duration, Instant};

use azmqtt_net::ClockOffset;
use azmqtt_net::deadlines::later;

/// How long what is under way may delay a planned reconnect.
const DRAIN: Duration = Duration::from_secs(2);

/// What is known of the current connection, or of the last one.
#[derive(Debug)]
pub(super) struct Link {
    /// Counts the connections that the hub accepted; deliveries of an old one cannot be acknowledged on a new one.
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
    /// The hub sends cloud messages at QoS 0, which can be held back by not reading only.
    pub(super) flooded: bool,
    /// QoS 1 messages found no room.
    pub(super) left_to_the_hub: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// There is no connection.
    Offline,
    /// CONNECT is out.
    Connecting {
        /// When its answer is due.
        connack: Instant,
        /// When the token is to be renewed.
        renew_at: Option<Instant>,
    },
    /// The hub accepted.
    Connected { since: Instant, renewal: Renewal },
}

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

impl Link {
    pub(super) fn new() -> Self {
        Self {
            number: 0,
            phase: Phase::Offline,
            clock: None,
            written: 0,
            flushed: 0,
            listening: true,
            flooded: false,
            left_to_the_hub: false,
        }
    }

    /// CONNECT goes out on a fresh stream.
    pub(super) fn begin(&mut self, connack: Instant, renew_at: Option<Instant>, clock: Option<ClockOffset>) {
        let phase = Phase::Connecting { connack, renew_at };
        *self = Self { number: self.number, phase, clock, ..Self::new() };
    }

    /// The hub accepted.
    pub(super) fn accepted(&mut self, now: Instant) {
        let renew_at = match self.phase {
            Phase::Connecting { renew_at, .. } => renew_at,
            Phase::Offline | Phase::Connected { .. } => None,
        };
        self.phase = Phase::Connected { since: now, renewal: Renewal::Due(renew_at) };
        self.number += 1;
    }

    pub(super) fn ended(&mut self) {
        self.phase = Phase::Offline;
        (self.flooded, self.left_to_the_hub) = (false, false);
    }

    /// Since when the hub has accepted.
    pub(super) fn accepted_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connected { since, .. } => Some(since),
            Phase::Offline | Phase::Connecting { .. } => None,
        }
    }

    pub(super) fn renewal(&self) -> Option<Renewal> {
        match self.phase {
            Phase::Connected { renewal, .. } => Some(renewal),
            Phase::Offline | Phase::Connecting { .. } => None,
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.renewal(), Some(Renewal::Draining(_)))
    }

    pub(super) fn set_renewal(&mut self, next: Renewal) {
        if let Phase::Connected { renewal, .. } = &mut self.phase {
            *renewal = next;
        }
    }

    /// The next connection is open.
    pub(super) fn next_is_open(&mut self, now: Instant) {
        self.set_renewal(Renewal::Draining(now + DRAIN));
    }

    /// The next connection could not be opened: it is tried again after `wait`.
    pub(super) fn next_failed(&mut self, wait: Duration, now: Instant) {
        self.set_renewal(Renewal::Due(Some(later(now, wait))));
    }

    /// When the phase wants to be looked at.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Offline | Phase::Connected { renewal: Renewal::Opening, .. } => None,
            Phase::Connecting { connack, .. } => Some(connack),
            Phase::Connected { renewal: Renewal::Due(at), .. } => at,
            Phase::Connected { renewal: Renewal::Draining(until), .. } => Some(until),
        }
    }
}
