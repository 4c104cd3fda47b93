//! A message on its way out, and who is told what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::Error;
use crate::reply::Reply;
use azmqtt_mqtt::{Publish, QoS};
use azmqtt_net::sync::Mutex;

/// A message ready for the wire. Whoever builds it has checked the service's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The whole topic, property bag included.
    pub topic: String,
    /// The body.
    pub payload: Bytes,
    /// At most once or at least once; IoT Hub knows no QoS 2.
    pub qos: QoS,
}

impl Outgoing {
    pub(super) fn size(&self) -> u32 {
        // A packet has at most 256 MiB, and the service takes a thousandth of that.
        u32::try_from(self.topic.len() + self.payload.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn into_publish(self) -> Publish {
        Publish::new(self.topic, self.qos, self.payload)
    }
}

/// What travels with a message until its outcome is known.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// How long the caller was ready to wait.
    pub timeout: Duration,
    /// What the message takes of the outbox, in bytes; see [`Outgoing::size`].
    pub size: u32,
    /// When it was last encoded, by the task's [`Ticks`](super::histogram::Ticks); 0 before. It and the size are small
    /// because thousands of tickets are in flight, and each is moved for every message.
    pub sent: u32,
    pub owner: Owner,
}

/// Who is told.
#[derive(Debug)]
pub(crate) enum Owner {
    One(Reply<()>),
    Member(Member),
}

impl Ticket {
    pub(super) fn settle(self, outcome: Result<(), Error>) {
        match self.owner {
            Owner::One(reply) => reply.send(outcome),
            Owner::Member(member) => member.settle(outcome),
        }
    }
}

/// The messages of one `send_messages` call: counted, not answered one by one.
#[derive(Debug, Default)]
pub struct Batch {
    outstanding: AtomicUsize,
    acknowledged: AtomicUsize,
    first_error: Mutex<Option<Error>>,
    failed: AtomicBool,
    /// Whoever waits for `outstanding` to fall to `threshold`.
    waiter: Mutex<Option<Reply<()>>>,
    threshold: AtomicUsize,
}

impl Batch {
    /// Messages accepted and not yet settled.
    pub fn outstanding(&self) -> usize {
        self.outstanding.load(SeqCst)
    }

    /// Messages that the hub has.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(SeqCst)
    }

    /// Whether a message failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(SeqCst)
    }

    /// The first failure.
    pub fn first_error(&self) -> Option<Error> {
        self.first_error.lock().clone()
    }

    /// Answers `reply` once at most `bound` messages are outstanding. One waiter at a time: a new one
    /// takes the place of the old one, which is told [`Error::ClientClosed`].
    pub fn when_at_most(&self, bound: usize, reply: Reply<()>) {
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

    fn settle(&self, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => {
                self.acknowledged.fetch_add(1, SeqCst);
            }
            Err(error) => {
                self.first_error.lock().get_or_insert(error);
                self.failed.store(true, SeqCst);
            }
        }
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
pub(crate) struct Member(Option<Arc<Batch>>);

impl Member {
    pub(super) fn of(batch: &Arc<Batch>) -> Self {
        batch.outstanding.fetch_add(1, SeqCst);
        Self(Some(Arc::clone(batch)))
    }

    fn settle(mut self, outcome: Result<(), Error>) {
        if let Some(batch) = self.0.take() {
            batch.settle(outcome);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(batch) = self.0.take() {
            batch.settle(Err(Error::ClientClosed));
        }
    }
}
