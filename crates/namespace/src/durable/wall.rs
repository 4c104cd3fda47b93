//! Times that outlast a restart.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(pub u64);

impl Wall {
    /// Now.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// The moment of an instant.
    pub fn of(at: Instant) -> Self {
        let (now, Self(wall)) = (Instant::now(), Self::now());
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match at.checked_duration_since(now) {
            Some(later) => Self(wall.saturating_add(millis(later))),
            None => Self(wall.saturating_sub(millis(now.saturating_duration_since(at)))),
        }
    }

    /// The instant of this moment, where `now` is that of `wall`. One from before the machine has started is `now`, where
    /// the system knows no such instants.
    pub fn instant(self, now: Instant, wall: Self) -> Instant {
        match self.0.checked_sub(wall.0) {
            Some(later) => now.checked_add(Duration::from_millis(later)).unwrap_or(now),
            None => now.checked_sub(Duration::from_millis(wall.0 - self.0)).unwrap_or(now),
        }
    }
}
