//! What came in and the application has not taken yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::Notify;

use crate::reply::{Closed, Over, Reply};
use azmqtt_net::sync::Mutex;

/// A queue from the connection task to the application. The task never waits on it: whoever owns the
/// source of the items bounds them (see [`Inbox::len`]).
#[derive(Debug)]
pub struct Inbox<T> {
    inner: Mutex<Inner<T>>,
    /// What an item takes of the bytes that may wait.
    weigh: fn(&T) -> usize,
    /// The task stopped reading until something is taken.
    paused: AtomicBool,
    taken: Notify,
}

/// Replies kept at once; the oldest of more is answered, so that waits that timed out do not pile up.
const MAX_WAITERS: usize = 256;

/// Bytes that may wait, whatever the number of items.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    bytes: usize,
    waiters: VecDeque<Reply<(), Over>>,
    closed: bool,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self::weighing(|_| 0)
    }
}

impl<T> Inbox<T> {
    /// A queue whose items weigh, in bytes.
    pub fn weighing(weigh: fn(&T) -> usize) -> Self {
        let inner = Inner { items: VecDeque::new(), bytes: 0, waiters: VecDeque::new(), closed: false };
        Self { inner: Mutex::new(inner), weigh, paused: AtomicBool::new(false), taken: Notify::new() }
    }

    /// Items waiting.
    pub fn len(&self) -> usize {
        self.inner.lock().items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes up to `max` items, oldest first.
    pub fn take(&self, max: usize) -> VecDeque<T> {
        let mut inner = self.inner.lock();
        let taken = if inner.items.len() <= max {
            inner.bytes = 0;
            std::mem::take(&mut inner.items)
        } else {
            let taken: VecDeque<T> = inner.items.drain(..max).collect();
            inner.bytes -= taken.iter().map(self.weigh).sum::<usize>();
            taken
        };
        drop(inner);
        if self.paused.swap(false, SeqCst) {
            self.taken.notify_one();
        }
        taken
    }

    /// Drops the items that `keep` refuses.
    pub fn retain(&self, keep: impl FnMut(&T) -> bool) {
        let mut inner = self.inner.lock();
        inner.items.retain(keep);
        inner.bytes = inner.items.iter().map(self.weigh).sum();
        drop(inner);
        if self.paused.swap(false, SeqCst) {
            self.taken.notify_one();
        }
    }

    /// Whether `limit` items wait, or [`MAX_BYTES`]. If so, [`Self::room`] resolves when some of them are taken.
    pub fn is_full(&self, limit: usize) -> bool {
        let has_room = || {
            let inner = self.inner.lock();
            inner.items.len() < limit && inner.bytes < MAX_BYTES
        };
        if has_room() {
            return false;
        }
        self.paused.store(true, SeqCst);
        // Taken between the two looks: nobody would tell.
        if has_room() {
            self.paused.store(false, SeqCst);
            return false;
        }
        true
    }

    /// Resolves when something was taken after [`Self::is_full`].
    pub async fn room(&self) {
        self.taken.notified().await;
    }

    /// Answers `reply` when there may be something to take, or with [`Closed::closed`] when there will
    /// never be. Several may wait, and an item wakes them all, because one that has gone away meanwhile
    /// must not keep it from the others: whoever finds nothing waits again.
    pub fn when_ready<E: Closed + 'static>(&self, reply: Reply<(), E>) {
        let mut inner = self.inner.lock();
        let outcome = if !inner.items.is_empty() {
            Ok(())
        } else if inner.closed {
            Err(E::closed())
        } else {
            // Waiters that went away are told apart only by answering them.
            let full = inner.waiters.len() >= MAX_WAITERS;
            let oldest = if full { inner.waiters.pop_front() } else { None };
            inner.waiters.push_back(reply.untyped());
            drop(inner);
            if let Some(oldest) = oldest {
                oldest.send(Ok(()));
            }
            return;
        };
        drop(inner);
        reply.send(outcome);
    }

    /// Adds an item, and wakes those who wait.
    pub fn push(&self, item: T) {
        self.push_within(item, usize::MAX);
    }

    /// The same for a queue that nobody bounds at its source: with `limit` items the oldest makes room. Whether one
    /// had to.
    pub fn push_within(&self, item: T, limit: usize) -> bool {
        let mut inner = self.inner.lock();
        let full = inner.items.len() >= limit;
        if full && let Some(oldest) = inner.items.pop_front() {
            inner.bytes -= (self.weigh)(&oldest);
        }
        inner.bytes += (self.weigh)(&item);
        inner.items.push_back(item);
        let waiters = std::mem::take(&mut inner.waiters);
        drop(inner);
        for reply in waiters {
            reply.send(Ok(()));
        }
        full
    }

    /// Adds an item that may be dropped. With `limit` items or more than `bytes` the oldest that `may_go` make room, or
    /// this one does. Says how many had to go.
    pub fn push_dropping(&self, item: T, limit: usize, bytes: usize, may_go: impl Fn(&T) -> bool) -> usize {
        let weight = (self.weigh)(&item);
        let mut inner = self.inner.lock();
        let mut dropped = 0;
        while !inner.items.is_empty()
            && (inner.items.len() >= limit || inner.bytes.saturating_add(weight) > bytes)
        {
            dropped += 1;
            let oldest = inner.items.iter().position(&may_go);
            let Some(oldest) = oldest.and_then(|oldest| inner.items.remove(oldest)) else { return dropped };
            inner.bytes -= (self.weigh)(&oldest);
        }
        drop(inner);
        self.push(item);
        dropped
    }

    /// Nothing will come any more; what waits can still be taken.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let waiters = std::mem::take(&mut inner.waiters);
        drop(inner);
        for reply in waiters {
            reply.send(Err(Over));
        }
    }
}
