//! Many messages by one call: pulled from the application, pipelined, counted.
//!
//! Messages are passed on in chunks. Whoever makes them may stop to think in the middle of one, so a small task on the
//! client's runtime sends what waits for more than two milliseconds.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::batch::Batch;
use crate::reply::{Closed, Reply};
use azmqtt_net::sync::Mutex;

/// Messages that are passed on at once.
const CHUNK: usize = 256;

/// How long a message may wait for its chunk to fill.
const LINGER: Duration = Duration::from_millis(2);

/// How often a full outbox is looked at when it is others' messages that fill it.
const RETRY: Duration = Duration::from_millis(5);

/// A client that takes many messages at once. It is a handle: clones share the client.
pub trait TakesMany: Send + Sync + 'static {
    /// What is sent.
    type Message: Send + 'static;
    /// Why it was not.
    type Error: Closed + Clone + fmt::Debug + Send + 'static;

    /// Accepts as many of `messages`, front first, as its outbox has room for, and counts them in `batch`. What is left in
    /// `messages` was not accepted.
    fn send_batch(
        &self,
        messages: &mut Vec<Self::Message>,
        batch: &Arc<Batch<Self::Error>>,
        timeout: Duration,
    );

    /// How many may be outstanding: enough to keep the wire busy, and not the whole outbox, so that there is room for the
    /// application's other calls.
    fn share(&self) -> usize;

    /// The outbox has no room.
    fn outbox_full(&self) -> Self::Error;

    /// Where the client's tasks run.
    fn runtime(&self) -> Handle;
}

/// The sending of many messages, with flow control: while it lasts, the application's other calls find room in the
/// outbox.
///
/// [`Bulk::send_all`] does all of it. Who cannot be a future calls [`Bulk::push`] for each message and, when that says
/// so, goes on when [`Bulk::when_room`] answers; [`Bulk::when_settled`] is the end. Dropping it sends no more; what the
/// outbox has accepted is still sent.
pub struct Bulk<C: TakesMany> {
    staging: Arc<Staging<C>>,
    flusher: JoinHandle<()>,
}

/// Messages pulled and not yet accepted by the outbox.
struct Staging<C: TakesMany> {
    client: C,
    batch: Arc<Batch<C::Error>>,
    timeout: Duration,
    /// As of [`TakesMany::share`].
    share: usize,
    waiting: Mutex<Vec<C::Message>>,
    /// The first message of a chunk waits.
    first: Notify,
}

impl<C: TakesMany> Staging<C> {
    /// Adds a message; says how many wait.
    fn add(&self, message: C::Message) -> usize {
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
            self.client.send_batch(&mut waiting, &self.batch, self.timeout);
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
    async fn retry_until_room(&self) -> Result<(), C::Error> {
        let deadline = Instant::now() + self.timeout;
        loop {
            tokio::time::sleep(RETRY).await;
            let left = self.flush();
            if left < CHUNK {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.client.outbox_full());
            }
        }
    }

    /// Passes on what is left, unless a message has failed.
    async fn flush_all(&self) -> Result<(), C::Error> {
        let deadline = Instant::now() + self.timeout;
        while self.flush() > 0 && !self.batch.has_failed() {
            if Instant::now() >= deadline {
                return Err(self.client.outbox_full());
            }
            tokio::time::sleep(RETRY).await;
        }
        Ok(())
    }
}

impl<C: TakesMany> Bulk<C> {
    /// Begins; `timeout` is for each message, and for each wait for room in the outbox.
    pub fn new(client: C, timeout: Duration) -> Self {
        let (runtime, share) = (client.runtime(), client.share().max(1));
        let staging = Arc::new(Staging {
            client,
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
    /// The first message's that failed, or [`TakesMany::outbox_full`] when others' messages left no room for the whole timeout.
    pub async fn send_all(&self, messages: impl IntoIterator<Item = C::Message>) -> Result<(), C::Error> {
        for message in messages {
            if self.failure().is_some() {
                break;
            }
            if self.push(message) {
                let (reply, room) = Reply::channel();
                self.when_room(reply);
                room.await.unwrap_or(Err(C::Error::closed()))?;
            }
        }
        let (reply, settled) = Reply::channel();
        self.when_settled(reply);
        settled.await.unwrap_or(Err(C::Error::closed()))
    }

    /// Takes one message; whether it is time to wait for room.
    // Called for each message from another crate.
    #[inline]
    pub fn push(&self, message: C::Message) -> bool {
        self.staging.add(message) >= CHUNK && self.staging.flush() > 0
    }

    /// The first failure, if there is one: no more messages are to be pushed.
    #[inline]
    pub fn failure(&self) -> Option<C::Error> {
        if self.staging.batch.has_failed() { self.staging.batch.first_error() } else { None }
    }

    /// How many messages the server has so far.
    pub fn acknowledged(&self) -> usize {
        self.staging.batch.acknowledged()
    }

    /// How many messages the server has refused so far, and why it refused the first of them. The others go on.
    pub fn refused(&self) -> (usize, Option<C::Error>) {
        self.staging.batch.refused()
    }

    /// Answers when it makes sense to push more: there is room, or a message failed; or with [`TakesMany::outbox_full`] when the
    /// outbox stayed full for the whole timeout.
    pub fn when_room(&self, reply: Reply<(), C::Error>) {
        if self.staging.flush() == 0 {
            return reply.send(Ok(()));
        }
        let outstanding = self.staging.batch.outstanding();
        if outstanding > 0 {
            // Half of them gone is room worth a wake-up.
            return self.staging.batch.when_at_most(outstanding / 2, reply);
        }
        let staging = Arc::clone(&self.staging);
        self.staging.client.runtime().spawn(async move { reply.send(staging.retry_until_room().await) });
    }

    /// Answers when every message has its outcome, with the first failure if there is one.
    pub fn when_settled(&self, reply: Reply<(), C::Error>) {
        let staging = Arc::clone(&self.staging);
        self.staging.client.runtime().spawn(async move {
            if let Err(full) = staging.flush_all().await {
                return reply.send(Err(full));
            }
            let batch = Arc::clone(&staging.batch);
            let settled = Reply::new(move |outcome: Result<(), C::Error>| {
                reply.send(outcome.and_then(|()| batch.first_error().map_or(Ok(()), Err)));
            });
            staging.batch.when_at_most(0, settled);
        });
    }
}

impl<C: TakesMany> Drop for Bulk<C> {
    fn drop(&mut self) {
        self.flusher.abort();
    }
}

impl<C: TakesMany> fmt::Debug for Bulk<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk").field("batch", &self.staging.batch).finish_non_exhaustive()
    }
}
