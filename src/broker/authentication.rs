//! Enhanced authentication by what Python has: the core asks, and a thread of Python's answers.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::sync::Notify;

use crate::calls::Calls;
use crate::core::span;
use azmqtt_client::{Authenticator, Credential, Purpose};
use azmqtt_net::BoxFuture;

/// What Python is asked.
#[derive(Clone)]
enum Question {
    /// For what an authentication begins with.
    Begin(Purpose),
    /// For the answer to a challenge.
    Challenge(Bytes),
}

/// Python's end: it takes calls and answers them. Shows no secret.
#[pyclass(frozen, module = "azmqtt._core")]
pub(crate) struct AuthenticationCalls {
    shared: Arc<Shared>,
    method: String,
    name: String,
    waits: bool,
}

#[derive(Default)]
struct Shared {
    calls: Calls<Question, Credential>,
    /// There is something new.
    changed: Notify,
}

/// The client's end: when the last one is dropped, no more calls come.
struct Caller {
    shared: Arc<Shared>,
    method: String,
    name: String,
    waits: bool,
}

impl AuthenticationCalls {
    pub(super) fn authenticator(&self) -> Arc<dyn Authenticator> {
        Arc::new(Caller {
            shared: Arc::clone(&self.shared),
            method: self.method.clone(),
            name: self.name.clone(),
            waits: self.waits,
        })
    }
}

#[pymethods]
impl AuthenticationCalls {
    /// `name` is what errors call it; `waits` is whether 0x18 in answer to a renewal means to try again later.
    #[new]
    fn new(method: String, name: String, waits: bool) -> Self {
        Self { shared: Arc::default(), method, name, waits }
    }

    /// Waits for at most `timeout` seconds for the next call: its number, what is asked (`connect`, `renew` or
    /// `challenge`), and the data of a challenge. `None` if there is none.
    #[expect(clippy::type_complexity, reason = "a tuple of Python's")]
    fn take<'py>(
        &self,
        py: Python<'py>,
        timeout: f64,
    ) -> PyResult<Option<(u64, &'static str, Option<Bound<'py, PyBytes>>)>> {
        let taken = self.shared.calls.take(py, Instant::now() + span("timeout", timeout)?)?;
        Ok(taken.map(|(number, question)| match question {
            Question::Begin(Purpose::Connect) => (number, "connect", None),
            Question::Begin(Purpose::Renew) => (number, "renew", None),
            Question::Challenge(data) => (number, "challenge", Some(PyBytes::new(py, &data))),
        }))
    }

    /// Answers the call that was taken last: the data, in how many seconds to ask for the next, and until when this one
    /// is valid, in Unix seconds.
    fn answer(
        &self,
        number: u64,
        data: &[u8],
        renew_after: Option<f64>,
        expiry: Option<u64>,
    ) -> PyResult<()> {
        let renew_after = renew_after.map(|seconds| span("renew_after", seconds)).transpose()?;
        let credential = Credential { data: Bytes::copy_from_slice(data), renew_after, expiry, doubts: None };
        self.shared.calls.settle(number, Ok(credential));
        Ok(())
    }

    /// Says why there is no answer to the call that was taken last.
    fn fail(&self, number: u64, reason: String) {
        self.shared.calls.settle(number, Err(reason));
    }

    /// There is something new to authenticate with.
    fn changed(&self) {
        self.shared.changed.notify_one();
    }

    /// No more calls: a running `take` returns.
    fn close(&self) {
        self.shared.calls.close();
    }

    #[getter]
    fn closed(&self) -> bool {
        self.shared.calls.is_closed()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.shared.calls.close();
    }
}

impl Authenticator for Caller {
    fn method(&self) -> &str {
        &self.method
    }

    fn begin(&self, purpose: Purpose) -> BoxFuture<'_, Result<Credential, String>> {
        Box::pin(self.shared.calls.call(Question::Begin(purpose)))
    }

    fn challenge(&self, data: Bytes) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async { Ok(self.shared.calls.call(Question::Challenge(data)).await?.data) })
    }

    fn wait_allowed(&self) -> bool {
        self.waits
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.changed.notified())
    }

    fn name(&self) -> &str {
        &self.name
    }
}
