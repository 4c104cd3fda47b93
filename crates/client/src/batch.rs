//! Many messages that are counted together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use crate::reply::{Closed, Reply};
use azmqtt_net::sync::Mutex;

/// The messages of one call: counted, not answered one by one.
#[derive(Debug)]
pub struct Batch<E: Closed> {
    outstanding: AtomicUsize,
    acknowledged: AtomicUsize,
    first_error: Mutex<Option<E>>,
    failed: AtomicBool,
    refused: AtomicUsize,
    first_refusal: Mutex<Option<E>>,
    /// Whoever waits for `outstanding` to fall to `threshold`.
    waiter: Mutex<Option<Reply<(), E>>>,
    threshold: AtomicUsize,
}

impl<E: Closed> Default for Batch<E> {
    fn default() -> Self {
        Self {
            outstanding: AtomicUsize::new(0),
            acknowledged: AtomicUsize::new(0),
            first_error: Mutex::default(),
            failed: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            first_refusal: Mutex::default(),
            waiter: Mutex::default(),
            threshold: AtomicUsize::new(0),
        }
    }
}

impl<E: Closed + Clone> Batch<E> {
    /// Messages accepted and not yet settled.
    pub fn outstanding(&self) -> usize {
        self.outstanding.load(SeqCst)
    }

    /// Messages that the server has.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(SeqCst)
    }

    /// Whether a message failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(SeqCst)
    }

    /// The first failure.
    pub fn first_error(&self) -> Option<E> {
        self.first_error.lock().clone()
    }

    /// Messages that the server refused, and why it refused the first of them. That is an outcome, not a failure: the
    /// others go on.
    pub fn refused(&self) -> (usize, Option<E>) {
        (self.refused.load(SeqCst), self.first_refusal.lock().clone())
    }

    /// Answers `reply` once at most `bound` messages are outstanding. One waiter at a time: a new one
    /// takes the place of the old one, which is told [`Closed::closed`].
    pub fn when_at_most(&self, bound: usize, reply: Reply<(), E>) {
        let mut waiter = self.waiter.lock();
        self.threshold.store(bound, SeqCst);
        let replaced = waiter.replace(reply);
        // A member that settled before it could see the threshold has left its mark in `outstanding`.
        let ready = if self.outstanding() <= bound { waiter.take() } else { None };
        drop(waiter);
        // Not under the lock: a reply runs code from elsewhere.
        drop(replaced);
        if let Some(reply) = ready {
            reply.send(Ok(()));
        }
    }

    fn settle(&self, outcome: Result<(), E>) {
        match outcome {
            Ok(()) => {
                self.acknowledged.fetch_add(1, SeqCst);
            }
            Err(error) => {
                self.first_error.lock().get_or_insert(error);
                self.failed.store(true, SeqCst);
            }
        }
        self.settled();
    }

    fn refuse(&self, error: E) {
        self.refused.fetch_add(1, SeqCst);
        self.first_refusal.lock().get_or_insert(error);
        self.settled();
    }

    fn settled(&self) {
        let left = self.outstanding.fetch_sub(1, SeqCst) - 1;
        if left == self.threshold.load(SeqCst) {
            let mut waiter = self.waiter.lock();
            // The waiter may have changed since, and with it the threshold.
            let reached = self.outstanding() <= self.threshold.load(SeqCst);
            let ready = if reached { waiter.take() } else { None };
            drop(waiter);
            if let Some(reply) = ready {
                reply.send(Ok(()));
            }
        }
    }
}

/// A message's place in a batch; it settles exactly once, at the latest when it is dropped.
#[derive(Debug)]
pub struct Member<E: Closed + Clone>(Option<Arc<Batch<E>>>);

impl<E: Closed + Clone> Member<E> {
    /// The next place.
    pub fn of(batch: &Arc<Batch<E>>) -> Self {
        batch.outstanding.fetch_add(1, SeqCst);
        Self(Some(Arc::clone(batch)))
    }

    /// The outcome is known.
    pub fn settle(mut self, outcome: Result<(), E>) {
        if let Some(batch) = self.0.take() {
            batch.settle(outcome);
        }
    }

    /// The server refused this one: see [`Batch::refused`].
    pub fn refuse(mut self, error: E) {
        if let Some(batch) = self.0.take() {
            batch.refuse(error);
        }
    }
}

impl<E: Closed + Clone> Drop for Member<E> {
    fn drop(&mut self) {
        if let Some(batch) = self.0.take() {
            batch.settle(Err(E::closed()));
        }
    }
}
