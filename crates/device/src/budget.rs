//! How much may wait to be acknowledged, counted where it is accepted.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::config::OutboxLimits;
use crate::error::Error;

/// The outbox's bounds, shared by the callers who fill it and the task that empties it.
#[derive(Debug)]
pub(super) struct Budget {
    limits: OutboxLimits,
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limits: OutboxLimits) -> Self {
        Self { limits, messages: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// Takes room for one message of `size` bytes. An empty outbox takes a message of any size, because
    /// the service's own limit has been checked already.
    pub(super) fn take(&self, size: usize) -> Result<(), Error> {
        let messages = self.messages.fetch_add(1, Relaxed);
        let bytes = self.bytes.fetch_add(size, Relaxed);
        let full = messages >= self.limits.messages || bytes.saturating_add(size) > self.limits.bytes;
        if full && messages > 0 {
            self.give_back(size);
            return Err(Error::OutboxFull { messages, bytes });
        }
        Ok(())
    }

    pub(super) fn give_back(&self, size: usize) {
        self.messages.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(size, Relaxed);
    }

    pub(super) fn used(&self) -> (usize, usize) {
        (self.messages.load(Relaxed), self.bytes.load(Relaxed))
    }
}
