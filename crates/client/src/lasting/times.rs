//! When operations run out of time.

use std::time::{Duration, Instant};

use azmqtt_net::deadlines::later;

/// When an operation is to be over, and how long it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// When it is to be over.
    pub deadline: Instant,
    /// How long it had.
    pub timeout: Duration,
}

impl Time {
    /// Of an operation that begins at `now`.
    pub fn from(now: Instant, timeout: Duration) -> Self {
        Self { deadline: later(now, timeout), timeout }
    }

    /// Of an operation that begins now.
    pub fn within(timeout: Duration) -> Self {
        Self::from(Instant::now(), timeout)
    }
}

/// The times of all operations that are under way, at a glance. Both are bounds that are corrected once the earlier one is
/// over, so that a steady stream of operations is looked through about once in a timeout, not each time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Not later than the earliest deadline of any operation.
    pub earliest: Option<Instant>,
    /// Not longer than the shortest time that any operation had.
    pub shortest: Option<Duration>,
}

impl Times {
    /// An operation begins.
    pub fn note(&mut self, Time { deadline, timeout }: Time) {
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        self.shortest = Some(self.shortest.map_or(timeout, |shortest| shortest.min(timeout)));
    }

    /// Whether an operation may have run out of time: all are to be looked through.
    pub fn is_over(&self, now: Instant) -> bool {
        self.earliest.is_some_and(|earliest| earliest <= now)
    }
}

/// Of the operations that are left.
impl FromIterator<Time> for Times {
    fn from_iter<I: IntoIterator<Item = Time>>(operations: I) -> Self {
        let mut times = Self::default();
        operations.into_iter().for_each(|time| times.note(time));
        times
    }
}
