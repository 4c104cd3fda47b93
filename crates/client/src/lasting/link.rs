//! How far the current connection is.

use std::fmt::Debug;
use std::time::Instant;

use crate::connection::Progress;
use azmqtt_net::ClockOffset;

/// What is known of the current connection, or of the last one. `R` is how far the renewal of its credential is.
#[derive(Debug)]
pub struct Link<R: Renewal> {
    /// Counts the connections that the server accepted; deliveries of an old one cannot be acknowledged on a new one.
    pub number: u64,
    /// How far it is.
    pub phase: Phase<R>,
    /// What the opening of the stream said about this machine's clock.
    pub clock: Option<ClockOffset>,
    /// Bytes that the stream has taken.
    pub written: u64,
    /// How many of them have left for the socket.
    pub flushed: u64,
    /// Whether the stream is being read.
    pub listening: bool,
    /// Messages found no room: the server keeps them, and sends them again on another connection.
    pub left_behind: bool,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy)]
pub enum Phase<R: Renewal> {
    /// There is no connection.
    Offline,
    /// CONNECT is out.
    Connecting {
        /// When its answer is due.
        connack: Instant,
        /// What was shown in it.
        shown: R::Shown,
    },
    /// The server accepted.
    Connected {
        /// When.
        since: Instant,
        /// How far the renewal of the credential is.
        renewal: R,
    },
}

/// How far the renewal of a credential is.
pub trait Renewal: Copy + Debug {
    /// What is known of the credential that is shown in CONNECT.
    type Shown: Copy + Debug;

    /// The server accepted the credential.
    fn of(shown: Self::Shown) -> Self;

    /// When it wants to be looked at.
    fn deadline(&self) -> Option<Instant>;
}

impl<R: Renewal> Link<R> {
    /// Without a connection.
    pub fn new() -> Self {
        Self {
            number: 0,
            phase: Phase::Offline,
            clock: None,
            written: 0,
            flushed: 0,
            listening: true,
            left_behind: false,
        }
    }

    /// CONNECT goes out on a fresh stream.
    pub fn begin(&mut self, connack: Instant, shown: R::Shown, clock: Option<ClockOffset>) {
        let phase = Phase::Connecting { connack, shown };
        *self = Self { number: self.number, phase, clock, ..Self::new() };
    }

    /// The server accepted, and with the connection what was shown: this.
    pub fn accepted(&mut self, now: Instant) -> Option<R::Shown> {
        let Phase::Connecting { shown, .. } = self.phase else { return None };
        self.phase = Phase::Connected { since: now, renewal: R::of(shown) };
        self.number += 1;
        Some(shown)
    }

    /// There is no connection any more.
    pub fn ended(&mut self) {
        self.phase = Phase::Offline;
        self.left_behind = false;
    }

    /// Since when the server has accepted.
    pub fn accepted_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connected { since, .. } => Some(since),
            Phase::Offline | Phase::Connecting { .. } => None,
        }
    }

    /// How far the renewal of the credential is, once the server has accepted.
    pub fn renewal(&self) -> Option<R> {
        match self.phase {
            Phase::Connected { renewal, .. } => Some(renewal),
            Phase::Offline | Phase::Connecting { .. } => None,
        }
    }

    /// The renewal of the credential has come further.
    pub fn set_renewal(&mut self, next: R) {
        if let Phase::Connected { renewal, .. } = &mut self.phase {
            *renewal = next;
        }
    }

    /// Bytes went out.
    pub fn transferred(&mut self, progress: Progress) {
        (self.written, self.flushed) = (progress.written, progress.flushed);
    }

    /// When the phase wants to be looked at.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Offline => None,
            Phase::Connecting { connack, .. } => Some(*connack),
            Phase::Connected { renewal, .. } => renewal.deadline(),
        }
    }
}

impl<R: Renewal> Default for Link<R> {
    fn default() -> Self {
        Self::new()
    }
}
