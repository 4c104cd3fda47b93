//! What the calls that send many messages have in common: an iterable of Python's is pulled, with waits for room.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::errors::{Fails, Failure};
use super::waiter;
use azmqtt_client::Bulk;
use azmqtt_client::bulk::TakesMany;

/// Sends everything that `messages` yields and waits for the last acknowledgement. Meanwhile `progress` is called now
/// and then, without arguments.
pub(super) fn run<C: TakesMany<Error: Fails>>(
    bulk: &Bulk<C>,
    messages: &Bound<'_, PyIterator>,
    progress: Option<&Bound<'_, PyAny>>,
    push: impl Fn(&Bound<'_, PyAny>) -> PyResult<bool>,
) -> PyResult<()> {
    let py = messages.py();
    let report = || progress.map_or(Ok(()), |progress| progress.call0().map(drop));
    let pulled = loop {
        match pull(messages, &push).and_then(|more| report().map(|()| more)) {
            // An iterable without Python code of its own gives signals no other chance.
            Ok(true) => {
                py.check_signals()?;
                waiter::wait_with(py, |reply| bulk.when_room(reply), report)?;
            }
            Ok(false) => break Ok(()),
            // An interrupt waits for nothing.
            Err(error) if !error.is_instance_of::<PyException>(py) => return Err(error),
            Err(error) => break Err(error),
        }
    };
    // What was accepted is accounted for, whatever stopped the iterable.
    let settled = waiter::wait_with(py, |reply| bulk.when_settled(reply), report);
    pulled?;
    settled
}

/// Pulls messages and passes them on until the iterator ends (`False`) or it is time to wait for room or to give way
/// to others (`True`).
pub(super) fn pull(
    messages: &Bound<'_, PyIterator>,
    push: impl Fn(&Bound<'_, PyAny>) -> PyResult<bool>,
) -> PyResult<bool> {
    for message in messages.clone() {
        if push(&message?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes one message; whether it is time to wait for room. After a failure no message is made.
pub(super) fn push<C: TakesMany<Error: Into<Failure>>>(
    py: Python<'_>,
    bulk: &Bulk<C>,
    make: impl FnOnce() -> PyResult<C::Message>,
) -> PyResult<bool> {
    if let Some(error) = bulk.failure() {
        return Err(error.into().raise(py));
    }
    Ok(bulk.push(make()?))
}
