//! Many messages by one call: pulled from the application, pipelined, counted.
//!
//! Messages are passed on in chunks. Whoever makes them may stop to think in the middle of one, so a small task on the
//! device's runtime sends what waits for more than two milliseconds.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::handle::Device;
use crate::message::{Batch, Outgoing};
use crate::reply::Reply;
use azmqtt_net::sync::Mutex;

/// Messages that are passed on at once.
const CHUNK: usize = 256;

/// How long a message may wait for its chunk to fill.
const LINGER: Duration = Duration::from_millis(2);

/// How often a full outbox is looked at when it is others' messages that fill it.
const RETRY: Duration = Duration::from_millis(5);

/// The sending of many messages, with flow control: while it lasts, the application's other calls find room in the
/// outbox.
///
/// [`Bulk::send_all`] does all of it. Who cannot be a future calls [`Bulk::push`] for each message and, when that says
/// so, goes on when [`Bulk::when_room`] answers; [`Bulk::when_settled`] is the end. Dropping it sends no more; what the
/// outbox has accepted is still sent.
pub struct Bulk {
    staging: Arc<Staging>,
    flusher: JoinHandle<()>,
}

/// Messages pulled and not yet accepted by the outbox.
struct Staging {
    device: Device,
    batch: Arc<Batch>,
    timeout: Duration,
    /// How many may be outstanding: enough to keep the wire busy, and not the whole outbox, so that there is
    /// room for the application's other calls.
    share: usize,
    waiting: Mutex<Vec<Outgoing>>,
    /// The first message of a chunk waits.
    first: Notify,
}

impl Staging {
    /// Adds a message; says how many wait.
    fn add(&self, message: Outgoing) -> usize {
        let mut waiting = self.waiting.lock();
        waiting.push(message);
        let count = waiting.len();
        drop(waiting);
        if count == 1 {
            self.first.notify_one();
        }
        count
    }

    /// Passes on what the outbox has room for; says how many are left.
    fn flush(&self) -> usize {
        let mut waiting = self.waiting.lock();
        let room = self.share.saturating_sub(self.batch.outstanding()).min(waiting.len());
        if room > 0 {
            let mut rest = waiting.split_off(room);
            self.device.send_batch(&mut waiting, &self.batch, self.timeout);
            waiting.append(&mut rest);
        }
        waiting.len()
    }

    async fn flush_in_time(self: Arc<Self>) {
        loop {
            self.first.notified().await;
            tokio::time::sleep(LINGER).await;
            while !self.batch.has_failed() && self.flush() > 0 {
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// The outbox is full of others' messages: nobody tells when that changes.
    async fn retry_until_room(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.timeout;
        loop {
            tokio::time::sleep(RETRY).await;
            let left = self.flush();
            if left < CHUNK {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.full());
            }
        }
    }

    /// Passes on what is left, unless a message has failed.
    async fn flush_all(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.timeout;
        while self.flush() > 0 && !self.batch.has_failed() {
            if Instant::now() >= deadline {
                return Err(self.full());
            }
            tokio::time::sleep(RETRY).await;
        }
        Ok(())
    }

    fn full(&self) -> Error {
        let stats = self.device.stats();
        Error::OutboxFull { messages: stats.outstanding as usize, bytes: stats.outstanding_bytes as usize }
    }
}

impl Bulk {
    /// Begins; `timeout` is for each message, and for each wait for room in the outbox.
    pub fn new(device: Device, timeout: Duration) -> Self {
        let config = device.config();
        let share = (config.outbox.messages / 4 * 3).min(2 * usize::from(config.max_in_flight)).max(1);
        let runtime = device.runtime();
        let staging = Arc::new(Staging {
            device,
            share,
            batch: Arc::default(),
            timeout,
            waiting: Mutex::new(Vec::with_capacity(CHUNK)),
            first: Notify::new(),
        });
        let flusher = runtime.spawn(Arc::clone(&staging).flush_in_time());
        Self { staging, flusher }
    }

    /// Sends everything that `messages` yields and waits for the last outcome. It stops at the first failure, which it
    /// returns once every message that was accepted has its outcome.
    ///
    /// # Errors
    /// The first message's that failed, or [`Error::OutboxFull`] when others' messages left no room for the whole timeout.
    pub async fn send_all(&self, messages: impl IntoIterator<Item = Outgoing>) -> Result<(), Error> {
        for message in messages {
            if self.failure().is_some() {
                break;
            }
            if self.push(message) {
                let (reply, room) = Reply::channel();
                self.when_room(reply);
                room.await.unwrap_or(Err(Error::ClientClosed))?;
            }
        }
        let (reply, settled) = Reply::channel();
        self.when_settled(reply);
        settled.await.unwrap_or(Err(Error::ClientClosed))
    }

    /// Takes one message; whether it is time to wait for room.
    // Called for each message from another crate.
    #[inline]
    pub fn push(&self, message: Outgoing) -> bool {
        self.staging.add(message) >= CHUNK && self.staging.flush() > 0
    }

    /// The first failure, if there is one: no more messages are to be pushed.
    #[inline]
    pub fn failure(&self) -> Option<Error> {
        if self.staging.batch.has_failed() { self.staging.batch.first_error() } else { None }
    }

    /// How many messages the hub has so far.
    pub fn acknowledged(&self) -> usize {
        self.staging.batch.acknowledged()
    }

    /// Answers when it makes sense to push more: there is room, or a message failed; or with [`Error::OutboxFull`] when the
    /// outbox stayed full for the whole timeout.
    pub fn when_room(&self, reply: Reply<()>) {
        if self.staging.flush() == 0 {
            return reply.send(Ok(()));
        }
        let outstanding = self.staging.batch.outstanding();
        if outstanding > 0 {
            // Half of them gone is room worth a wake-up.
            return self.staging.batch.when_at_most(outstanding / 2, reply);
        }
        let staging = Arc::clone(&self.staging);
        self.staging.device.runtime().spawn(async move { reply.send(staging.retry_until_room().await) });
    }

    /// Answers when every message has its outcome, with the first failure if there is one.
    pub fn when_settled(&self, reply: Reply<()>) {
        let staging = Arc::clone(&self.staging);
        self.staging.device.runtime().spawn(async move {
            if let Err(full) = staging.flush_all().await {
                return reply.send(Err(full));
            }
            let batch = Arc::clone(&staging.batch);
            let settled = Reply::new(move |outcome: Result<(), Error>| {
                reply.send(outcome.and_then(|()| batch.first_error().map_or(Ok(()), Err)));
            });
            staging.batch.when_at_most(0, settled);
        });
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        self.flusher.abort();
    }
}

impl fmt::Debug for Bulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk").field("batch", &self.staging.batch).finish_non_exhaustive()
    }
}
