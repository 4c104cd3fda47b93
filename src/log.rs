//! What happens to connections, on its way to Python's `logging`. A Python thread takes it from here: the runtime's
//! never waits for a log handler.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;

use super::errors::Failure;
use super::waiter;
use azmqtt_client::Reply;
use azmqtt_device::{Event, LogEntry};

/// Client, what happened, its reason or request id, the step that failed, and its seconds or status.
type Entry = (String, &'static str, Option<String>, Option<String>, f64);

/// The events of every client of this process that is logged.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Log(Arc<azmqtt_device::Log>);

impl Log {
    pub(super) fn inner(&self) -> &Arc<azmqtt_device::Log> {
        &self.0
    }
}

#[pymethods]
impl Log {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    /// Whether details are wanted too, from now on.
    fn set_details(&self, wanted: bool) {
        self.0.set_details(wanted);
    }

    /// Waits for entries and takes them all, with how many found no room before them; none after the end.
    fn take(&self, py: Python<'_>) -> PyResult<(u64, Vec<Entry>)> {
        // The end of the log counts as an outcome too.
        waiter::wait_without_signals(py, None, |reply: Reply<(), Failure>| {
            self.0.entries().when_ready(reply);
        })?;
        let entries = self.0.entries().take(usize::MAX);
        Ok((self.0.left_out(), entries.into_iter().map(entry).collect()))
    }

    /// Ends the log: what waits can still be taken.
    fn close(&self) {
        self.0.close();
    }
}

fn entry(LogEntry { client, event }: LogEntry) -> Entry {
    let (what, text, step, number) = match event {
        Event::State(change) => (change.state.as_str(), change.reason, None, 0.0),
        Event::Retry { reason, step, after } => {
            ("retry", Some(reason), step.map(|step| step.to_string()), rounded(after))
        }
        Event::Renewed => ("renewed", None, None, 0.0),
        Event::Unmatched { request_id, status } => ("unmatched", Some(request_id), None, f64::from(status)),
    };
    (client.as_ref().to_owned(), what, text, step, number)
}

fn rounded(span: Duration) -> f64 {
    (span.as_secs_f64() * 1000.0).round() / 1000.0
}
