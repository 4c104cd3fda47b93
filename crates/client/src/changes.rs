//! The changes of a connection's state, one after the other.

use std::sync::Arc;

use crate::inbox::Inbox;
use crate::reply::{Closed, Reply};
use crate::stream::Stream;
use crate::watch::StateChange;

/// Receives the changes of a connection's state from when it is made. Nobody is asked for them, and each has all of them. They
/// end with [`State::Closed`](crate::State::Closed).
#[derive(Debug)]
pub struct StateChanges {
    inbox: Arc<Inbox<StateChange>>,
    stream: Stream<StateChange>,
}

impl StateChanges {
    /// What comes into `inbox`.
    pub fn of(inbox: Arc<Inbox<StateChange>>) -> Self {
        Self { inbox, stream: Stream::default() }
    }

    /// Takes the next change if one waits.
    pub fn take(&self) -> Option<StateChange> {
        let (change, _) = self.stream.take(&self.inbox, |_| None, |_| ())?;
        Some(change)
    }

    /// Answers `reply` when it is worth trying [`Self::take`] again; the key is for [`Self::forget`].
    pub fn listen<E: Closed + 'static>(&self, reply: Reply<(), E>) -> usize {
        self.stream.listen(&self.inbox, reply)
    }

    /// Takes a wait back.
    pub fn forget(&self, key: usize) {
        self.stream.forget(key);
    }
}
