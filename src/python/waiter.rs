//! Blocking calls: the thread waits detached from Python and looks for signals now and then.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::errors;
use crate::device::{Error, Reply};

/// How long Ctrl-C or Jupyter's Interrupt may go unnoticed.
const TICK: Duration = Duration::from_millis(50);

/// How long a thread sleeps that no signal is for.
const LONGEST: Duration = Duration::from_secs(3600);

type Outcome<T> = Result<T, Error>;

/// Where the outcome is handed from the runtime's thread to the caller's.
struct Slot<T> {
    outcome: Mutex<Option<Outcome<T>>>,
    ready: Condvar,
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Outcome<T>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits up to `time` for the outcome.
    fn wait(&self, time: Duration) -> Option<Outcome<T>> {
        let guard = self.lock();
        let (mut guard, _) = self
            .ready
            .wait_timeout_while(guard, time, |outcome| outcome.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        guard.take()
    }
}

/// Starts an operation and waits for its outcome. The operation has a deadline of its own.
pub(super) fn wait<T: Send + 'static>(py: Python<'_>, start: impl FnOnce(Reply<T>)) -> PyResult<T> {
    wait_with(py, start, || Ok(()))
}

/// The same, with something to be done meanwhile, every 50 ms; its error ends the wait.
pub(super) fn wait_with<T: Send + 'static>(
    py: Python<'_>,
    start: impl FnOnce(Reply<T>),
    meanwhile: impl FnMut() -> PyResult<()>,
) -> PyResult<T> {
    match wait_until_with(py, None, start, meanwhile)? {
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
    wait_in_steps(py, LONGEST, deadline, start, || Ok(()))
}

/// Starts an operation and waits for its outcome until `deadline`; `None` when that came first. An error is
/// one that a signal handler raised, `KeyboardInterrupt` for one.
pub(super) fn wait_until<T: Send + 'static>(
    py: Python<'_>,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T>),
) -> PyResult<Option<Outcome<T>>> {
    wait_until_with(py, deadline, start, || Ok(()))
}

fn wait_until_with<T: Send + 'static>(
    py: Python<'_>,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T>),
    meanwhile: impl FnMut() -> PyResult<()>,
) -> PyResult<Option<Outcome<T>>> {
    wait_in_steps(py, TICK, deadline, start, meanwhile)
}

fn wait_in_steps<T: Send + 'static>(
    py: Python<'_>,
    step: Duration,
    deadline: Option<Instant>,
    start: impl FnOnce(Reply<T>),
    mut meanwhile: impl FnMut() -> PyResult<()>,
) -> PyResult<Option<Outcome<T>>> {
    let slot = Arc::new(Slot { outcome: Mutex::new(None), ready: Condvar::new() });
    let writer = Arc::clone(&slot);
    start(Reply::new(move |outcome| {
        *writer.lock() = Some(outcome);
        writer.ready.notify_one();
    }));
    // What is refused at once need not detach.
    if let Some(outcome) = slot.lock().take() {
        return Ok(Some(outcome));
    }
    loop {
        let time =
            deadline.map_or(step, |deadline| deadline.saturating_duration_since(Instant::now()).min(step));
        if let Some(outcome) = py.detach(|| slot.wait(time)) {
            return Ok(Some(outcome));
        }
        py.check_signals()?;
        meanwhile()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(None);
        }
    }
}
