//! Which handlers have something to do: one queue, for the threads that run the handlers of every client.
//!
//! The runtime's thread puts a key in; a thread of Python's takes it out and calls the handlers. As long as any thread
//! works, the last one that waits is a reserve: it is woken only when keys stall ([`STALL`], [`SLOW`]), because
//! the handlers that run may be about to end, and a burst of quick ones needs no further thread. Whoever takes a key is
//! told how many threads are wanted in its place.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::core::span;
use super::errors::Failure;
use super::{runtime, waiter};
use azmqtt_client::Reply;
use azmqtt_client::reply::afterwards;
use azmqtt_net::sync::Mutex;

/// The reserve is woken when no thread has come for a key for so long,
const STALL: Duration = Duration::from_millis(2);
/// or when a key has waited for so long behind others.
const SLOW: Duration = Duration::from_millis(20);

/// The queue.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Wakeups(Arc<Shared>);

/// The runtime's side of it. No Python in here.
#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    ready: VecDeque<Entry>,
    /// Threads that wait, the last one first.
    waiters: Vec<(u64, Reply<(), Failure>)>,
    next_waiter: u64,
    /// Threads that have taken a key and not come back.
    running: usize,
    /// There are as many threads as there may be: the reserve works, too.
    full: bool,
    /// When a thread last came for a key.
    last_taken: Option<Instant>,
    /// A task looks after keys that stall.
    watched: bool,
    /// Threads that are to go.
    superfluous: usize,
    closed: bool,
}

struct Entry {
    key: u64,
    since: Instant,
    error: Option<Failure>,
}

/// A key that was taken.
struct Taken {
    entry: Entry,
    /// Threads to be started, so that one waits and none stalls.
    wanted: usize,
}

impl State {
    /// Whether every thread seems to be blocked.
    fn is_stuck(&self) -> bool {
        self.waited() >= STALL && self.last_taken.is_none_or(|at| at.elapsed() >= STALL)
    }

    fn has_stalled(&self) -> bool {
        self.is_stuck() || self.waited() >= SLOW
    }

    /// How long the first key has waited.
    fn waited(&self) -> Duration {
        self.ready.front().map_or(Duration::ZERO, |entry| entry.since.elapsed())
    }

    /// Whether a thread that waits may work, with `others` that go on waiting.
    fn may_begin(&self, others: usize) -> bool {
        self.running == 0 || others > 0 || self.full || self.has_stalled()
    }

    /// Whether the thread that asks is to go.
    fn dismisses(&mut self) -> bool {
        let is_superfluous = self.superfluous > 0;
        self.superfluous -= usize::from(is_superfluous);
        is_superfluous || self.closed
    }

    /// Takes the first key, on a thread that has worked until now or on one that has waited.
    fn take(&mut self, worked: bool) -> Option<Taken> {
        if self.superfluous > 0 || (!worked && !self.may_begin(self.waiters.len())) {
            return None;
        }
        let is_stuck = self.is_stuck();
        let entry = self.ready.pop_front()?;
        self.running += usize::from(!worked);
        self.last_taken = Some(Instant::now());
        let spare = self.waiters.len();
        let wanted = if is_stuck { self.ready.len().min(self.running) + 1 } else { 1 };
        Some(Taken { entry, wanted: wanted.saturating_sub(spare) })
    }
}

impl Shared {
    /// `key` has something to do, or `error` has happened to it.
    pub(super) fn push(self: &Arc<Self>, key: u64, error: Option<Failure>) {
        let mut state = self.0.lock();
        if state.closed {
            return;
        }
        state.ready.push_back(Entry { key, since: Instant::now(), error });
        let others = state.waiters.len().saturating_sub(1);
        let waiter = if state.may_begin(others) { state.waiters.pop() } else { None };
        if waiter.is_none() {
            self.watch(&mut state);
        }
        drop(state);
        if let Some((_, reply)) = waiter {
            afterwards(move || reply.send(Ok(())));
        }
    }

    /// Wakes the reserve when a key stalls.
    fn watch(self: &Arc<Self>, state: &mut State) {
        if state.watched || state.ready.is_empty() || state.waiters.is_empty() {
            return;
        }
        state.watched = true;
        let shared = Arc::clone(self);
        runtime::handle().spawn(async move {
            loop {
                tokio::time::sleep(STALL).await;
                let mut state = shared.0.lock();
                if state.ready.is_empty() || state.waiters.is_empty() {
                    state.watched = false;
                    return;
                }
                let waiter = if state.has_stalled() { state.waiters.pop() } else { None };
                drop(state);
                if let Some((_, reply)) = waiter {
                    reply.send(Ok(()));
                }
            }
        });
    }

    /// Answers `reply` when it is worth trying to take a key.
    fn wait(self: &Arc<Self>, id: u64, reply: Reply<(), Failure>) {
        let mut state = self.0.lock();
        if !state.closed
            && state.superfluous == 0
            && (state.ready.is_empty() || !state.may_begin(state.waiters.len()))
        {
            state.waiters.push((id, reply));
            return self.watch(&mut state);
        }
        drop(state);
        reply.send(Ok(()));
    }

    /// Takes a key, waiting for it until `deadline`; `None` also for a thread that is to go.
    fn take(
        self: &Arc<Self>,
        py: Python<'_>,
        worked: bool,
        deadline: Option<Instant>,
    ) -> PyResult<Option<Taken>> {
        let mut state = self.0.lock();
        let mut taken = state.take(worked);
        if taken.is_none() && worked {
            state.running -= 1;
        }
        while taken.is_none() && !state.dismisses() {
            let id = state.next_waiter;
            state.next_waiter += 1;
            drop(state);
            let waited = waiter::wait_without_signals(py, deadline, |reply| self.wait(id, reply));
            self.forget(id);
            let is_over = waited?.is_none();
            state = self.0.lock();
            taken = state.take(false);
            // The key for which this thread was woken may be there still.
            self.watch(&mut state);
            if is_over {
                break;
            }
        }
        Ok(taken)
    }

    fn forget(&self, id: u64) {
        let mut state = self.0.lock();
        let place = state.waiters.iter().position(|(other, _)| *other == id);
        // Dropping a reply answers it, which must not happen under the lock.
        let waiter = place.map(|place| state.waiters.remove(place));
        drop(state);
        drop(waiter);
    }

    /// Lets every thread that waits look again.
    fn wake_all(&self) {
        let waiters = std::mem::take(&mut self.0.lock().waiters);
        for (_, reply) in waiters {
            reply.send(Ok(()));
        }
    }
}

impl Wakeups {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

/// A key, the seconds that it has waited, what has happened to it, and how many threads are to be started.
type ForPython = (u64, f64, Option<PyErr>, usize);

#[pymethods]
impl Wakeups {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    /// Waits for the next key, for `timeout` seconds or for ever; `None` when there is none, for a thread that `dismiss`
    /// is about, and after `close`. `worked` says whether this thread comes back from a key.
    fn take(&self, py: Python<'_>, worked: bool, timeout: Option<f64>) -> PyResult<Option<ForPython>> {
        let deadline = timeout.map(|timeout| span("timeout", timeout)).transpose()?;
        let deadline = deadline.map(|timeout| Instant::now() + timeout);
        let taken = self.0.take(py, worked, deadline)?;
        let Some(Taken { entry, wanted }) = taken else { return Ok(None) };
        let error = entry.error.map(|error| error.raise(py));
        Ok(Some((entry.key, entry.since.elapsed().as_secs_f64(), error, wanted)))
    }

    /// `key` has something to do, now or in `delay` seconds.
    fn put(&self, key: u64, delay: f64) -> PyResult<()> {
        let delay = span("delay", delay)?;
        if delay == Duration::ZERO {
            self.0.push(key, None);
            return Ok(());
        }
        let shared = Arc::clone(&self.0);
        runtime::ensure()?.spawn(async move {
            tokio::time::sleep(delay).await;
            shared.push(key, None);
        });
        Ok(())
    }

    /// Since how many seconds `key` waits for a thread; 0 if it does not.
    fn waiting(&self, key: u64) -> f64 {
        let state = self.0.0.lock();
        let entry = state.ready.iter().find(|entry| entry.key == key);
        entry.map_or(0.0, |entry| entry.since.elapsed().as_secs_f64())
    }

    /// How many threads wait for a key.
    #[getter]
    fn idle(&self) -> usize {
        self.0.0.lock().waiters.len()
    }

    /// Whether there are as many threads as there may be.
    fn set_full(&self, full: bool) {
        self.0.0.lock().full = full;
    }

    /// How many threads are too many: `take` returns `None` to as many.
    fn dismiss(&self, superfluous: usize) {
        let mut state = self.0.0.lock();
        state.superfluous = superfluous;
        drop(state);
        if superfluous > 0 {
            self.0.wake_all();
        }
    }

    /// Ends the queue: what waits is forgotten.
    fn close(&self) {
        let mut state = self.0.0.lock();
        state.closed = true;
        state.ready.clear();
        drop(state);
        self.0.wake_all();
    }
}
