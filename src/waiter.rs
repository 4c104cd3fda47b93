//! Blocking calls: the thread waits detached from Python and looks for signals now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::errors;
use super::greenlets::Greenlets;
use azmqtt_device::{Error, Reply};
use azmqtt_net::sync::{Condvar, Mutex};

/// How long Ctrl-C or Jupyter's Interrupt may go unnoticed.
const TICK: Duration = Duration::from_millis(50);

/// How long a thread sleeps that no signal is for.
const LONGEST: Duration = Duration::from_secs(3600);

type Outcome<T> = Result<T, Error>;

/// Where the outcome is handed from the runtime's thread to the caller's.
struct Slot<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

struct State<T> {
    outcome: Option<Outcome<T>>,
    /// Tells greenlets, which do not wait for `ready`.
    waker: Option<Box<dyn FnOnce() + Send>>,
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self { state: Mutex::new(State { outcome: None, waker: None }), ready: Condvar::new() }
    }

    fn fill(&self, outcome: Outcome<T>) {
        let mut state = self.state.lock();
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        match waker {
            None => self.ready.notify_one(),
            Some(waker) => waker(),
        }
    }

    fn take(&self) -> Option<Outcome<T>> {
        self.state.lock().outcome.take()
    }

    /// Waits up to `time` for the outcome.
    fn wait(&self, time: Duration) -> Option<Outcome<T>> {
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
pub(super) fn wait<T: Send + 'static>(py: Python<'_>, start: impl FnOnce(Reply<T>)) -> PyResult<T> {
    ended(py, wait_in_steps(py, &WITH_SIGNALS, None, start, || Ok(()))?)
}

/// The same, with something to be done meanwhile, every 50 ms; its error ends the wait.
pub(super) fn wait_with<T: Send + 'static>(
    py: Python<'_>,
    start: impl FnOnce(Reply<T>),
    meanwhile: impl FnMut() -> PyResult<()>,
) -> PyResult<T> {
    let steps = Steps { thread: TICK, greenlet: TICK };
    ended(py, wait_in_steps(py, &steps, None, start, meanwhile)?)
}

fn ended<T>(py: Python<'_>, outcome: Option<Outcome<T>>) -> PyResult<T> {
    match outcome {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(errors::raise(py, &error)),
        // Without a deadline the wait ends with an outcome only.
        None => Err(errors::raise(py, &Error::ClientClosed)),
    }
}

/// The same for threads that no signal is for, those of the package: they sleep as long as nothing comes.
pub(super) fn wait_without_signals<T: Send + 'static>(
    py: Python<'_>,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T>),
) -> PyResult<Option<Outcome<T>>> {
    let steps = Steps { thread: LONGEST, greenlet: LONGEST };
    wait_in_steps(py, &steps, deadline, start, || Ok(()))
}

/// Starts an operation and waits for its outcome until `deadline`; `None` when that came first. An error is
/// one that a signal handler raised, `KeyboardInterrupt` for one.
pub(super) fn wait_until<T: Send + 'static>(
    py: Python<'_>,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T>),
) -> PyResult<Option<Outcome<T>>> {
    wait_in_steps(py, &WITH_SIGNALS, deadline, start, || Ok(()))
}

fn wait_in_steps<T: Send + 'static>(
    py: Python<'_>,
    steps: &Steps,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T>),
    mut meanwhile: impl FnMut() -> PyResult<()>,
) -> PyResult<Option<Outcome<T>>> {
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
