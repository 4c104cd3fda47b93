//! What happened, on its way to the application.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use azmqtt_mqtt::Publish;
use azmqtt_net::sync::{Condvar, Mutex};

/// Messages and answers that may wait; past that the broker is not listened to.
const MAX_EVENTS: usize = 4096;
/// Their size in bytes, past which the broker is not listened to either.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Something that happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which one, counted from 1.
    pub connection: u64,
    /// What.
    pub kind: EventKind,
}

/// What can happen. A `mid` is the number under which the application handed something over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The broker accepted.
    Connected {
        /// Whether it remembers the session.
        session_present: bool,
    },
    /// The broker refused with this return code, 1 to 5 (§3.2.2.3). That was the connection's end.
    Refused(u8),
    /// A QoS 0 message left for the socket.
    Written(u16),
    /// The broker has a QoS 1 message.
    Acknowledged(u16),
    /// The answer to a subscription, in the order of its filters: the granted QoS or 128 each.
    Subscribed(u16, Vec<u8>),
    /// The answer to the end of a subscription.
    Unsubscribed(u16),
    /// A message came in; one of QoS 1 wants to be acknowledged.
    Message(Publish),
    /// A message was dropped: its topic cannot be one (§4.7, §1.5.3).
    BadTopic,
    /// The connection is over.
    Ended(End),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As asked for: DISCONNECT is written.
    Disconnected,
    /// The broker or the network ended it.
    Lost(String),
    /// The broker was silent for too long.
    Silent,
    /// The broker broke the protocol.
    Protocol(String),
}

impl EventKind {
    fn size(&self) -> usize {
        match self {
            Self::Message(publish) => publish.topic.len() + publish.payload.len(),
            _ => 0,
        }
    }
}

/// The queue. The task never waits on it: it stops reading while 4,096 events or 16 MiB wait.
#[derive(Debug, Default)]
pub struct Events {
    inner: Mutex<Inner>,
    some: Condvar,
    room: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Event>,
    bytes: usize,
    /// Somebody wants a wait to end.
    nudged: bool,
    /// The task stopped reading.
    paused: bool,
    waker: Option<Waker>,
}

/// Called when there is something to take.
struct Waker(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waker")
    }
}

impl Events {
    /// Takes up to `max` events, oldest first; waits up to `limit` for the first. Says whether the wait was cut short by
    /// [`Self::nudge`].
    pub fn take(&self, max: usize, limit: Duration) -> (Vec<Event>, bool) {
        let until = Instant::now() + limit;
        let mut inner = self.inner.lock();
        while inner.events.is_empty() {
            if std::mem::take(&mut inner.nudged) {
                return (Vec::new(), true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return (Vec::new(), false);
            }
            inner = self.some.wait_timeout(inner, left);
        }
        let count = inner.events.len().min(max);
        let taken: Vec<Event> = inner.events.drain(..count).collect();
        inner.bytes -= taken.iter().map(|event| event.kind.size()).sum::<usize>();
        let resume = inner.paused && !inner.is_full();
        if resume {
            inner.paused = false;
        }
        drop(inner);
        if resume {
            self.room.notify_one();
        }
        (taken, false)
    }

    /// Ends a wait in [`Self::take`], or the next one.
    pub fn nudge(&self) {
        let mut inner = self.inner.lock();
        inner.nudged = true;
        let waker = inner.waker.take();
        drop(inner);
        self.some.notify_all();
        if let Some(waker) = waker {
            waker.0();
        }
    }

    /// Calls `waker` when a [`Self::take`] would not wait, for callers that cannot block their thread. One of them waits
    /// at a time: another takes its place, and it is told to look again.
    pub fn when_some(&self, waker: impl FnOnce() + Send + 'static) {
        let waker = Waker(Box::new(waker));
        let mut inner = self.inner.lock();
        let due =
            if inner.nudged || !inner.events.is_empty() { Some(waker) } else { inner.waker.replace(waker) };
        drop(inner);
        if let Some(due) = due {
            due.0();
        }
    }

    pub(super) fn push(&self, event: Event) {
        let mut inner = self.inner.lock();
        inner.bytes += event.kind.size();
        inner.events.push_back(event);
        let waker = inner.waker.take();
        drop(inner);
        self.some.notify_one();
        if let Some(waker) = waker {
            waker.0();
        }
    }

    /// Whether reading should stop. If so, [`Self::room`] resolves when there is room again.
    pub(super) fn is_full(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.paused = inner.is_full();
        inner.paused
    }

    pub(super) async fn room(&self) {
        self.room.notified().await;
    }
}

impl Inner {
    fn is_full(&self) -> bool {
        self.events.len() >= MAX_EVENTS || self.bytes >= MAX_BYTES
    }
}
