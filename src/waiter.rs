//! Blocking calls: the thread waits detached from Python and looks for signals now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::errors::Fails;
use super::greenlets::Greenlets;
use azmqtt_client::Reply;
use azmqtt_net::sync::{Condvar, Mutex};

/// How long Ctrl-C or Jupyter's Interrupt may go unnoticed.
const TICK: Duration = Duration::from_millis(50);

/// How long a thread sleeps that no signal is for.
const LONGEST: Duration = Duration::from_secs(3600);

/// Where the outcome is handed from the runtime's thread to the caller's.
struct Slot<T, E> {
    state: Mutex<State<T, E>>,
    ready: Condvar,
}

struct State<T, E> {
    outcome: Option<Result<T, E>>,
    /// Tells greenlets, which do not wait for `ready`.
    waker: Option<Box<dyn FnOnce() + Send>>,
}

impl<T, E> Slot<T, E> {
    fn new() -> Self {
        Self { state: Mutex::new(State { outcome: None, waker: None }), ready: Condvar::new() }
    }

    fn fill(&self, outcome: Result<T, E>) {
        let mut state = self.state.lock();
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        match waker {
            None => self.ready.notify_one(),
            Some(waker) => waker(),
        }
    }

    fn take(&self) -> Option<Result<T, E>> {
        self.state.lock().outcome.take()
    }

    /// Waits up to `time` for the outcome.
    fn wait(&self, time: Duration) -> Option<Result<T, E>> {
        let guard = self.state.lock();
        let (mut guard, _) = self.ready.wait_timeout_while(guard, time, |state| state.outcome.is_none());
        guard.outcome.take()
    }
}

/// How long a wait lasts before something else is looked at.
struct Steps {
    thread: Duration,
    greenlet: Duration,
}

/// Signals are looked for by threads; greenlets have them from their hub.
const WITH_SIGNALS: Steps = Steps { thread: TICK, greenlet: LONGEST };

/// Starts an operation and waits for its outcome. The operation has a deadline of its own.
pub(super) fn wait<T: Send + 'static, E: Fails>(
    py: Python<'_>,
    start: impl FnOnce(Reply<T, E>),
) -> PyResult<T> {
    ended(py, wait_in_steps(py, &WITH_SIGNALS, None, start, || Ok(()))?)
}

/// The same, with something to be done meanwhile, every 50 ms; its error ends the wait.
pub(super) fn wait_with<T: Send + 'static, E: Fails>(
    py: Python<'_>,
    start: impl FnOnce(Reply<T, E>),
    meanwhile: impl FnMut() -> PyResult<()>,
) -> PyResult<T> {
    let steps = Steps { thread: TICK, greenlet: TICK };
    ended(py, wait_in_steps(py, &steps, None, start, meanwhile)?)
}

fn ended<T, E: Fails>(py: Python<'_>, outcome: Option<Result<T, E>>) -> PyResult<T> {
    match outcome {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(error.into().raise(py)),
        // Without a deadline the wait ends with an outcome only.
        None => Err(E::closed().into().raise(py)),
    }
}

/// The same for threads that no signal is for, those of the package: they sleep as long as nothing comes.
pub(super) fn wait_without_signals<T: Send + 'static, E: Fails>(
    py: Python<'_>,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T, E>),
) -> PyResult<Option<Result<T, E>>> {
    let steps = Steps { thread: LONGEST, greenlet: LONGEST };
    wait_in_steps(py, &steps, deadline, start, || Ok(()))
}

/// Starts an operation and waits for its outcome until `deadline`; `None` when that came first. An error is
/// one that a signal handler raised, `KeyboardInterrupt` for one.
pub(super) fn wait_until<T: Send + 'static, E: Fails>(
    py: Python<'_>,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T, E>),
) -> PyResult<Option<Result<T, E>>> {
    wait_in_steps(py, &WITH_SIGNALS, deadline, start, || Ok(()))
}

fn wait_in_steps<T: Send + 'static, E: Fails>(
    py: Python<'_>,
    steps: &Steps,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T, E>),
    mut meanwhile: impl FnMut() -> PyResult<()>,
) -> PyResult<Option<Result<T, E>>> {
    let slot = Arc::new(Slot::new());
    let writer = Arc::clone(&slot);
    start(Reply::new(move |outcome| writer.fill(outcome)));
    // What is refused at once need not detach.
    if let Some(outcome) = slot.take() {
        return Ok(Some(outcome));
    }
    let left = |step: Duration| {
        deadline.map_or(step, |deadline| deadline.saturating_duration_since(Instant::now()).min(step))
    };
    let greenlets = Greenlets::here(py)?;
    if let Some(greenlets) = &greenlets {
        slot.state.lock().waker = Some(Box::new(greenlets.waker()));
    }
    loop {
        let outcome = match &greenlets {
            None => py.detach(|| slot.wait(left(steps.thread))),
            Some(greenlets) => {
                // The outcome may have come before the waker was there.
                if slot.state.lock().outcome.is_none() {
                    greenlets.wait(left(steps.greenlet))?;
                }
                slot.take()
            }
        };
        if outcome.is_some() {
            return Ok(outcome);
        }
        py.check_signals()?;
        meanwhile()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(None);
        }
    }
}
