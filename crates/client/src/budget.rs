//! How much may wait to be acknowledged, counted where it is accepted.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::limits::OutboxLimits;

/// There is no room: what waits or is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Messages and requests.
    pub messages: usize,
    /// Their size in bytes.
    pub bytes: usize,
}

/// The outbox's bounds, shared by the callers who fill it and the task that empties it.
#[derive(Debug)]
pub struct Budget {
    limits: OutboxLimits,
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Budget {
    /// With nothing in it.
    pub fn new(limits: OutboxLimits) -> Self {
        Self { limits, messages: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// Takes room for one message of `size` bytes. An empty outbox takes a message of any size, because
    /// the service's own limit has been checked already.
    pub fn take(&self, size: usize) -> Result<(), Full> {
        let messages = self.messages.fetch_add(1, Relaxed);
        let bytes = self.bytes.fetch_add(size, Relaxed);
        let full = messages >= self.limits.messages || bytes.saturating_add(size) > self.limits.bytes;
        if full && messages > 0 {
            self.give_back(size);
            return Err(Full { messages, bytes });
        }
        Ok(())
    }

    /// Gives the room of one message back.
    pub fn give_back(&self, size: usize) {
        self.messages.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(size, Relaxed);
    }

    /// Messages and bytes that are taken.
    pub fn used(&self) -> (usize, usize) {
        (self.messages.load(Relaxed), self.bytes.load(Relaxed))
    }
}
