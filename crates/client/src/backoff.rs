//! How long to wait before the next attempt.

use std::time::{Duration, Instant};

use crate::limits::RetryPolicy;

/// A connection that lived this long was a good one: the next loss starts over with short waits. Shorter
/// lives keep their count, so that two clients with one identity, or a server that accepts and then closes,
/// do not spin.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// Exponential backoff with full jitter.
#[derive(Debug)]
pub struct Backoff {
    policy: RetryPolicy,
    attempt: u32,
}

impl Backoff {
    /// With no attempt made.
    pub fn new(policy: RetryPolicy) -> Self {
        Self { policy, attempt: 0 }
    }

    /// A connection that was accepted at `since` has ended.
    pub fn connection_ended(&mut self, since: Instant, now: Instant) {
        if now.saturating_duration_since(since) >= STABLE_AFTER {
            self.attempt = 0;
        }
    }

    /// The wait before the next attempt; `random` is uniform over all values.
    pub fn next(&mut self, random: u32) -> Duration {
        let doubled = self.policy.base.saturating_mul(1u32.checked_shl(self.attempt).unwrap_or(u32::MAX));
        self.attempt = self.attempt.saturating_add(1).min(31);
        doubled.min(self.policy.max).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// A random number from the operating system; on its failure 2³¹, the middle, because a wait without
/// jitter is better than none.
pub fn random() -> u32 {
    getrandom::u32().unwrap_or(1 << 31)
}
