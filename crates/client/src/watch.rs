//! What happens to a connection, told to those who watch it.
//!
//! Watchers are called by the connection task, one event after the other. None of them can hold it up: each puts
//! what it wants into a queue of its own, which drops its oldest entries when nobody takes them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use crate::inbox::Inbox;
use azmqtt_net::Step;
use azmqtt_net::sync::Mutex;

/// Changes of the state that may wait for one watcher; of more the newest are kept.
pub const MAX_STATE_CHANGES: usize = 1024;
/// Events that may wait to be logged, for all clients together; of more the newest are kept.
pub const MAX_LOG_ENTRIES: usize = 4096;

/// Where a client's connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Not connected, and not trying.
    Disconnected,
    /// The first attempt is under way.
    Connecting,
    /// Accepted by the server.
    Connected,
    /// Lost or not reachable; the next attempt waits or is under way.
    Reconnecting,
    /// Closed for good.
    Closed,
}

impl State {
    pub(crate) const ALL: [Self; 5] =
        [Self::Disconnected, Self::Connecting, Self::Connected, Self::Reconnecting, Self::Closed];

    /// The name that Python shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Closed => "closed",
        }
    }
}

/// The connection went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Where it stands now.
    pub state: State,
    /// Where it stood before; always another one.
    pub previous: State,
    /// What ended the connection or the attempt, when something did.
    pub reason: Option<String>,
    /// When.
    pub at: SystemTime,
}

/// Something that an operator may want to know. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The state changed.
    State(StateChange),
    /// A connection was lost, refused, or could not be made; the next attempt begins in a while.
    Retry {
        /// What happened.
        reason: String,
        /// The step at which a connection could not be made, if it is that.
        step: Option<Step>,
        /// How long the wait is.
        after: Duration,
    },
    /// A planned reconnect with a new token is done.
    Renewed,
    /// An answer came in that belongs to no request that is open. A detail: told only to those who ask for them.
    Unmatched {
        /// As the server wrote it.
        request_id: String,
        /// The answer's status.
        status: u16,
    },
}

impl Event {
    fn is_detail(&self) -> bool {
        matches!(self, Self::Unmatched { .. })
    }
}

/// An event with whom it happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The client, as it is called in the log.
    pub client: Arc<str>,
    /// What happened.
    pub event: Event,
}

/// Where the events of any number of clients wait to be logged.
#[derive(Debug, Default)]
pub struct Log {
    entries: Inbox<LogEntry>,
    details: AtomicBool,
    left_out: AtomicU64,
}

impl Log {
    /// What waits.
    pub fn entries(&self) -> &Inbox<LogEntry> {
        &self.entries
    }

    /// How many entries found no room since the last look.
    pub fn left_out(&self) -> u64 {
        self.left_out.swap(0, Ordering::Relaxed)
    }

    /// Whether details are wanted too, from now on.
    pub fn set_details(&self, wanted: bool) {
        self.details.store(wanted, Ordering::Relaxed);
    }

    /// Ends the log: what waits can still be taken.
    pub fn close(&self) {
        self.entries.close();
    }

    fn add(&self, client: &Arc<str>, event: &Event) {
        if event.is_detail() && !self.details.load(Ordering::Relaxed) {
            return;
        }
        let entry = LogEntry { client: Arc::clone(client), event: event.clone() };
        if self.entries.push_within(entry, MAX_LOG_ENTRIES) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

enum Watcher {
    /// Changes of the state, for as long as somebody holds the queue.
    States(Weak<Inbox<StateChange>>),
    /// Everything, under the client's name.
    Log(Arc<Log>, Arc<str>),
}

impl Watcher {
    /// Whether it may be told more.
    fn is_there(&self) -> bool {
        match self {
            Self::States(inbox) => inbox.strong_count() > 0,
            Self::Log(..) => true,
        }
    }

    fn tell(&self, event: &Event) {
        match (self, event) {
            (Self::States(inbox), Event::State(change)) => {
                let Some(inbox) = inbox.upgrade() else { return };
                inbox.push_within(change.clone(), MAX_STATE_CHANGES);
                if change.state == State::Closed {
                    inbox.close();
                }
            }
            (Self::States(_), _) => {}
            (Self::Log(log, client), event) => log.add(client, event),
        }
    }
}

/// Those who watch one connection.
#[derive(Default)]
pub struct Watchers(Mutex<Vec<Watcher>>);

impl Watchers {
    /// Tells everybody of what `happen` does, in the order in which it is done. Nothing is described when nobody
    /// watches.
    pub fn tell(&self, happen: impl FnOnce(bool) -> Option<Event>) {
        let mut watchers = self.0.lock();
        watchers.retain(Watcher::is_there);
        if let Some(event) = happen(!watchers.is_empty()) {
            watchers.iter().for_each(|watcher| watcher.tell(&event));
        }
    }

    /// Makes a queue of the changes of the state from now on. It ends with [`State::Closed`], at once if that was
    /// before.
    pub fn states(&self, closed: impl FnOnce() -> bool) -> Arc<Inbox<StateChange>> {
        let inbox = Arc::new(Inbox::default());
        let mut watchers = self.0.lock();
        watchers.retain(Watcher::is_there);
        if closed() {
            inbox.close();
        } else {
            watchers.push(Watcher::States(Arc::downgrade(&inbox)));
        }
        inbox
    }

    /// Puts every event into `log` from now on, under the name `client`.
    pub fn log(&self, log: &Arc<Log>, client: Arc<str>) {
        self.0.lock().push(Watcher::Log(Arc::clone(log), client));
    }
}

impl std::fmt::Debug for Watchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watchers")
    }
}
