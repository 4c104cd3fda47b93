//! How many entries an answer with a rate may have: a number per second, with a burst of one second's entries.

use std::time::Duration;

use tokio::time::Instant;

const NANOS: u128 = 1_000_000_000;

/// What a reader with a rate may still get.
#[derive(Debug)]
pub(super) struct Allowance {
    per_second: u64,
    /// Entries; negative after a page that exceeded the allowance.
    left: i128,
    /// When it last grew.
    at: Instant,
}

impl Allowance {
    /// Starts with one second's entries.
    pub(super) fn new(per_second: u64, now: Instant) -> Self {
        let per_second = per_second.max(1);
        Self { per_second, left: per_second.into(), at: now }
    }

    /// How many entries the reader may get now.
    pub(super) fn at(&mut self, now: Instant) -> u64 {
        let per_second = u128::from(self.per_second);
        let passed = now.saturating_duration_since(self.at).as_nanos();
        let grown = per_second * passed / NANOS;
        self.left += i128::try_from(grown).unwrap_or(i128::from(u64::MAX));
        let most = i128::from(self.per_second);
        if self.left >= most {
            (self.left, self.at) = (most, now);
        } else {
            // Time that is not yet worth an entry is not lost.
            let worth = u64::try_from(grown * NANOS / per_second).unwrap_or(u64::MAX);
            self.at += Duration::from_nanos(worth);
        }
        u64::try_from(self.left).unwrap_or_default()
    }

    /// Notes that the reader got this many.
    pub(super) fn spend(&mut self, entries: u64) {
        self.left -= i128::from(entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_the_time_and_never_beyond_a_second() {
        let start = Instant::now();
        let after = |millis: u64| start + Duration::from_millis(millis);
        let mut allowance = Allowance::new(100, start);
        assert_eq!(allowance.at(start), 100);
        allowance.spend(130);
        assert_eq!(allowance.at(after(100)), 0, "20 are owed");
        assert_eq!(allowance.at(after(500)), 20);
        assert_eq!(allowance.at(after(505)), 20);
        assert_eq!(allowance.at(after(510)), 21);
        let mut often = Allowance::new(75, start);
        often.spend(75);
        for millis in 0..50 {
            often.at(after(millis * 20));
        }
        assert_eq!(often.at(after(999)), 74, "no part of an entry is lost");
        assert_eq!(allowance.at(after(60_000)), 100);
        // The largest rate does not overflow.
        let mut endless = Allowance::new(u64::MAX, start);
        endless.spend(u64::MAX);
        assert_eq!(endless.at(after(1000)), u64::MAX);
    }
}
