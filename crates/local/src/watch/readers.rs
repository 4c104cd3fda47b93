//! The readers of a ring, who wait until it grows.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Wakes the readers of a ring. Without readers, an entry costs one load.
#[derive(Debug, Default)]
pub struct Readers {
    count: AtomicUsize,
    grown: Notify,
}

impl Readers {
    /// Wakes all readers. The ring's lock must have been held for the new entry: a reader that joins too late to be counted
    /// here finds the entry when it reads.
    pub fn wake(&self) {
        if self.count.load(Ordering::Relaxed) > 0 {
            self.grown.notify_waiters();
        }
    }

    /// Counts a reader, before it reads for the first time.
    pub(super) fn join(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Ends at the next entry, from this call on. For readers that have joined.
    pub(super) fn grown(&self) -> Notified<'_> {
        self.grown.notified()
    }
}
