//! What came in for the application, shared by everybody who iterates over it.
//!
//! Items are fetched from the core in batches and wait here, so that taking one costs a lock and no more,
//! and so that an iterator that is dropped halfway loses nothing: the next one goes on where it stopped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::acknowledge::Acknowledgements;
use azmqtt_device::{Delivery, Device, Error, Inbox, Reply};
use azmqtt_net::sync::Mutex;

/// How many items are fetched at once.
const BATCH: usize = 256;

/// An item's place in the order of acknowledgements.
pub(super) type Place = u64;

/// The items of one kind.
pub(super) struct Stream<T> {
    local: Mutex<Local<T>>,
    listeners: Arc<Listeners>,
}

struct Local<T> {
    items: VecDeque<T>,
    acknowledgements: Acknowledgements,
}

impl<T> Default for Stream<T> {
    fn default() -> Self {
        let local = Local { items: VecDeque::new(), acknowledgements: Acknowledgements::default() };
        Self { local: Mutex::new(local), listeners: Arc::default() }
    }
}

impl<T> Stream<T> {
    /// Takes the next item, with its place if it wants to be acknowledged.
    pub(super) fn take(
        &self,
        device: &Device,
        inbox: &Inbox<T>,
        delivery: impl FnOnce(&T) -> Option<Delivery>,
    ) -> Option<(T, Option<Place>)> {
        let mut local = self.local.lock();
        if local.items.is_empty() {
            // Before a pause, and at the latest after a batch.
            local.acknowledgements.flush(device);
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
    pub(super) fn waiting(&self) -> usize {
        self.local.lock().items.len()
    }

    /// The application is done with an item.
    pub(super) fn done(&self, device: &Device, place: Place) {
        self.local.lock().acknowledgements.done(device, place);
    }

    /// Acknowledges what the application is done with.
    pub(super) fn flush(&self, device: &Device) {
        self.local.lock().acknowledgements.flush(device);
    }

    /// Answers `reply` when it is worth trying [`Self::take`], or with [`Error::ClientClosed`] when nothing
    /// will come any more. The key is for [`Self::forget`].
    pub(super) fn listen(&self, inbox: &Inbox<T>, reply: Reply<()>) -> usize {
        let (key, armed) = self.listeners.add(reply);
        if !self.local.lock().items.is_empty() {
            // Somebody else fetched a batch between the caller's look and now.
            self.listeners.nudge();
        }
        if !armed {
            let listeners = Arc::clone(&self.listeners);
            inbox.when_ready(Reply::new(move |outcome| listeners.wake_all(&outcome)));
        }
        key
    }

    /// Takes a listener back. Its reply is dropped.
    pub(super) fn forget(&self, key: usize) {
        drop(self.listeners.remove(key));
    }
}

/// Those who wait for an item. One reply at a time stands in the core's inbox for all of them, because it
/// cannot be taken back there.
#[derive(Default)]
struct Listeners {
    state: Mutex<Waiting>,
    /// How many wait, readable without the lock.
    count: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    replies: Vec<(usize, Reply<()>)>,
    next: usize,
    armed: bool,
}

impl Listeners {
    /// Adds one; says whether a reply stands in the inbox already.
    fn add(&self, reply: Reply<()>) -> (usize, bool) {
        let mut state = self.state.lock();
        let key = state.next;
        state.next = state.next.wrapping_add(1);
        state.replies.push((key, reply));
        self.count.store(state.replies.len(), Ordering::SeqCst);
        (key, std::mem::replace(&mut state.armed, true))
    }

    fn remove(&self, key: usize) -> Option<Reply<()>> {
        let mut state = self.state.lock();
        let at = state.replies.iter().position(|(other, _)| *other == key)?;
        let (_, reply) = state.replies.swap_remove(at);
        self.count.store(state.replies.len(), Ordering::SeqCst);
        Some(reply)
    }

    /// The reply in the inbox was answered.
    fn wake_all(&self, outcome: &Result<(), Error>) {
        self.state.lock().armed = false;
        self.call(outcome);
    }

    /// Items wait here: whoever listens may have one.
    fn nudge(&self) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.call(&Ok(()));
        }
    }

    fn call(&self, outcome: &Result<(), Error>) {
        let mut state = self.state.lock();
        let replies = std::mem::take(&mut state.replies);
        self.count.store(0, Ordering::SeqCst);
        drop(state);
        for (_, reply) in replies {
            reply.send(outcome.clone());
        }
    }
}
