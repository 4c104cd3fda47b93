//! A counter of the connection task's.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter with one writer, so that no read-modify-write is needed.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts on.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.get().wrapping_add(amount), Ordering::Relaxed);
    }

    /// Starts over from `amount`.
    #[inline]
    pub fn set(&self, amount: u64) {
        self.0.store(amount, Ordering::Relaxed);
    }

    /// The reading.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
