//! What came in for the application, shared by every receiver of it.
//!
//! Items are fetched from the inbox in batches and wait here, so that taking one costs a lock and no more,
//! and so that a receiver that is dropped halfway loses nothing: the next one goes on where it stopped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::acknowledge::{Acknowledgements, Place};
use crate::inbox::Inbox;
use crate::reply::{Closed, Over, Reply};
use azmqtt_net::sync::Mutex;

/// How many items are fetched at once.
const BATCH: usize = 256;

/// The items of one kind. What is to be acknowledged goes to a closure that is called under the lock, so that the order
/// holds across threads.
#[derive(Debug)]
pub struct Stream<T, D = ()> {
    local: Mutex<Local<T, D>>,
    listeners: Arc<Listeners>,
}

#[derive(Debug)]
struct Local<T, D> {
    items: VecDeque<T>,
    acknowledgements: Acknowledgements<D>,
}

impl<T, D> Default for Stream<T, D> {
    fn default() -> Self {
        let local = Local { items: VecDeque::new(), acknowledgements: Acknowledgements::default() };
        Self { local: Mutex::new(local), listeners: Arc::default() }
    }
}

impl<T, D: Copy> Stream<T, D> {
    /// Takes the next item, with its place if it wants to be acknowledged.
    pub fn take(
        &self,
        inbox: &Inbox<T>,
        delivery: impl FnOnce(&T) -> Option<D>,
        acknowledge: impl FnOnce(Vec<D>),
    ) -> Option<(T, Option<Place>)> {
        let mut local = self.local.lock();
        if local.items.is_empty() {
            // Before a pause, and at the latest after a batch.
            acknowledge(local.acknowledgements.flush());
            local.items = inbox.take(BATCH);
        }
        let item = local.items.pop_front()?;
        let place = delivery(&item).map(|delivery| local.acknowledgements.hand_over(delivery));
        let more = !local.items.is_empty();
        drop(local);
        if more {
            self.listeners.nudge();
        }
        Some((item, place))
    }

    /// Items that were fetched and wait here.
    pub fn waiting(&self) -> usize {
        self.local.lock().items.len()
    }

    /// Takes what was fetched and waits here.
    pub fn drain(&self) -> VecDeque<T> {
        std::mem::take(&mut self.local.lock().items)
    }

    /// The application is done with an item.
    pub fn done(&self, place: Place, acknowledge: impl FnOnce(Vec<D>)) {
        let mut local = self.local.lock();
        acknowledge(local.acknowledgements.done(place));
    }

    /// Acknowledges what the application is done with.
    pub fn flush(&self, acknowledge: impl FnOnce(Vec<D>)) {
        let mut local = self.local.lock();
        acknowledge(local.acknowledgements.flush());
    }

    /// Answers `reply` when it is worth trying [`Self::take`], or with [`Closed::closed`] when nothing
    /// will come any more. The key is for [`Self::forget`].
    pub fn listen<E: Closed + 'static>(&self, inbox: &Inbox<T>, reply: Reply<(), E>) -> usize {
        let (key, armed) = self.listeners.add(reply.untyped());
        if !self.local.lock().items.is_empty() {
            // Somebody else fetched a batch between the caller's look and now.
            self.listeners.nudge();
        }
        if !armed {
            let listeners = Arc::clone(&self.listeners);
            inbox.when_ready(Reply::new(move |outcome| listeners.wake_all(outcome)));
        }
        key
    }

    /// Takes a listener back. Its reply is dropped.
    pub fn forget(&self, key: usize) {
        drop(self.listeners.remove(key));
    }
}

/// Those who wait for an item. One reply at a time stands in the inbox for all of them, because it
/// cannot be taken back there.
#[derive(Debug, Default)]
struct Listeners {
    state: Mutex<Waiting>,
    /// How many wait, readable without the lock.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    replies: Vec<(usize, Reply<(), Over>)>,
    next: usize,
    armed: bool,
}

impl Listeners {
    /// Adds one; says whether a reply stands in the inbox already.
    fn add(&self, reply: Reply<(), Over>) -> (usize, bool) {
        let mut state = self.state.lock();
        let key = state.next;
        state.next = state.next.wrapping_add(1);
        state.replies.push((key, reply));
        self.count.store(state.replies.len(), Ordering::SeqCst);
        (key, std::mem::replace(&mut state.armed, true))
    }

    fn remove(&self, key: usize) -> Option<Reply<(), Over>> {
        let mut state = self.state.lock();
        let at = state.replies.iter().position(|(other, _)| *other == key)?;
        let (_, reply) = state.replies.swap_remove(at);
        self.count.store(state.replies.len(), Ordering::SeqCst);
        Some(reply)
    }

    /// The reply in the inbox was answered.
    fn wake_all(&self, outcome: Result<(), Over>) {
        self.state.lock().armed = false;
        self.call(outcome);
    }

    /// Items wait here: whoever listens may have one.
    fn nudge(&self) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.call(Ok(()));
        }
    }

    fn call(&self, outcome: Result<(), Over>) {
        let mut state = self.state.lock();
        let replies = std::mem::take(&mut state.replies);
        self.count.store(0, Ordering::SeqCst);
        drop(state);
        for (_, reply) in replies {
            reply.send(outcome);
        }
    }
}
