//! What a connection task shows of itself: where its connection stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;

use crate::inbox::Inbox;
use crate::watch::{Event, StateChange, Watchers};
use azmqtt_net::ConnectProgress;
use azmqtt_net::sync::Mutex;

pub use crate::watch::State;

/// Written by the connection task, read from any thread.
#[derive(Debug, Default)]
pub struct Monitor {
    state: AtomicU8,
    /// Those who watch it.
    pub watchers: Watchers,
    /// Which step of an attempt to connect is under way.
    pub connect_progress: Arc<ConnectProgress>,
    standing: Mutex<Standing>,
}

/// What changes once in a while.
#[derive(Debug, Default)]
struct Standing {
    last_error: Option<String>,
    connected_since: Option<SystemTime>,
    token_expiry: Option<u64>,
}

impl Monitor {
    /// Where the connection stands.
    pub fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Ordering::Acquire))]
    }

    /// Goes to another state, for a reason if there is one, and tells those who watch; the state before.
    pub fn set_state(&self, state: State, reason: Option<&str>) -> State {
        let mut previous = state;
        self.watchers.tell(|watched| {
            previous = State::ALL[usize::from(self.state.swap(state as u8, Ordering::AcqRel))];
            if state == previous {
                return None;
            }
            let at = SystemTime::now();
            self.standing.lock().connected_since = (state == State::Connected).then_some(at);
            watched
                .then(|| Event::State(StateChange { state, previous, reason: reason.map(str::to_owned), at }))
        });
        previous
    }

    /// A queue of the changes of the state from now on. It ends with [`State::Closed`]; past [`MAX_STATE_CHANGES`] it keeps the
    /// newest.
    ///
    /// [`MAX_STATE_CHANGES`]: crate::watch::MAX_STATE_CHANGES
    pub fn state_changes(&self) -> Arc<Inbox<StateChange>> {
        self.watchers.states(|| self.state() == State::Closed)
    }

    /// What ended the last connection or attempt, while there is no other.
    pub fn last_error(&self) -> Option<String> {
        self.standing.lock().last_error.clone()
    }

    /// Notes what ended a connection or an attempt.
    pub fn set_last_error(&self, error: Option<String>) {
        self.standing.lock().last_error = error;
    }

    /// Since when the connection stands.
    pub fn connected_since(&self) -> Option<SystemTime> {
        self.standing.lock().connected_since
    }

    /// Until when the current token is valid, in seconds of Unix time; `None` without one.
    pub fn token_expiry(&self) -> Option<u64> {
        self.standing.lock().token_expiry
    }

    /// Notes until when the current token is valid, in seconds of Unix time.
    pub fn set_token_expiry(&self, expiry: Option<u64>) {
        self.standing.lock().token_expiry = expiry;
    }
}
