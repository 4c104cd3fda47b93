//! Credential callbacks: Python functions that a device's credentials call, for a signature or for a new token.
//!
//! The runtime's thread puts a call into a queue and goes on; a thread of Python's takes it out, calls the function and
//! puts the answer in. Whoever does not want to wait any longer drops the call's future.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::sync::oneshot;

use super::core::span;
use super::waiter;
use azmqtt_device::{BoxFuture, Reply, Signer, TokenSource};
use azmqtt_dialect::SasToken;
use azmqtt_net::sync::Mutex;

/// Python's end: it takes calls and answers them.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct CredentialCallback {
    shared: Arc<Shared>,
    name: String,
}

/// The credentials' end: when the last one is dropped, no more calls come.
struct Caller {
    shared: Arc<Shared>,
    name: String,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Call>,
    /// Taken out and not yet answered.
    taken: Option<Call>,
    /// Of the next call.
    number: u64,
    /// Answered when there is a call, or the end.
    waiter: Option<Reply<()>>,
    closed: bool,
}

struct Call {
    number: u64,
    data: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Vec<u8>, String>;

impl Shared {
    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        // Whoever called is told by the loss of the sender.
        state.waiting.clear();
        state.taken = None;
        let waiter = state.waiter.take();
        drop(state);
        tell(waiter);
    }

    fn call(&self, data: &[u8]) -> oneshot::Receiver<Answer> {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        if !state.closed {
            // Behind a function that hangs, only those wait that somebody still waits for.
            state.waiting.retain(|call| !call.answer.is_closed());
            let number = state.number;
            state.number += 1;
            state.waiting.push_back(Call { number, data: data.to_vec(), answer });
            let waiter = state.waiter.take();
            drop(state);
            tell(waiter);
        }
        receiver
    }

    /// Takes the first call that somebody waits for.
    fn take(&self) -> Option<(u64, Vec<u8>)> {
        let mut state = self.state.lock();
        loop {
            let call = state.waiting.pop_front()?;
            if !call.answer.is_closed() {
                let taken = (call.number, call.data.clone());
                state.taken = Some(call);
                return Some(taken);
            }
        }
    }

    /// Answers `reply` when there is a call, or the end.
    fn when_ready(&self, reply: Reply<()>) {
        let mut state = self.state.lock();
        let waiter =
            if state.closed || !state.waiting.is_empty() { Some(reply) } else { state.waiter.replace(reply) };
        drop(state);
        tell(waiter);
    }
}

impl CredentialCallback {
    /// Something to make signatures with.
    pub(super) fn signer(&self) -> Arc<dyn Signer> {
        self.caller()
    }

    /// Something to get tokens from.
    pub(super) fn token_source(&self) -> Arc<dyn TokenSource> {
        self.caller()
    }

    fn caller(&self) -> Arc<Caller> {
        Arc::new(Caller { shared: Arc::clone(&self.shared), name: self.name.clone() })
    }
}

#[pymethods]
impl CredentialCallback {
    /// `name` is what errors call the function.
    #[new]
    fn new(name: String) -> Self {
        Self { shared: Arc::default(), name }
    }

    /// Waits for at most `timeout` seconds for the next call: its number and its data, `None` if there is none.
    fn take<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Option<(u64, Bound<'py, PyBytes>)>> {
        let deadline = Instant::now() + span("timeout", timeout)?;
        let mut taken = self.shared.take();
        if taken.is_none() {
            waiter::wait_without_signals(py, Some(deadline), |reply| self.shared.when_ready(reply))?;
            taken = self.shared.take();
        }
        Ok(taken.map(|(number, data)| (number, PyBytes::new(py, &data))))
    }

    /// Answers the call that was taken last.
    fn answer(&self, number: u64, value: &[u8]) {
        self.settle(number, Ok(value.to_vec()));
    }

    /// Says why there is no answer to the call that was taken last.
    fn fail(&self, number: u64, reason: String) {
        self.settle(number, Err(reason));
    }

    /// No more calls: a running `take` returns.
    fn close(&self) {
        self.shared.close();
    }

    #[getter]
    fn closed(&self) -> bool {
        self.shared.state.lock().closed
    }
}

impl CredentialCallback {
    fn settle(&self, number: u64, answer: Answer) {
        let taken = self.shared.state.lock().taken.take_if(|call| call.number == number);
        if let Some(call) = taken {
            // Nobody may wait for it any more.
            let _ = call.answer.send(answer);
        }
    }
}

/// Outside of the lock.
fn tell(waiter: Option<Reply<()>>) {
    if let Some(waiter) = waiter {
        waiter.send(Ok(()));
    }
}

impl Caller {
    async fn call(&self, data: &[u8]) -> Answer {
        let answer = self.shared.call(data);
        answer.await.unwrap_or_else(|_| Err("the client is closed".to_owned()))
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Signer for Caller {
    fn sign<'a>(&'a self, data: &'a [u8]) -> BoxFuture<'a, Answer> {
        Box::pin(self.call(data))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl TokenSource for Caller {
    fn token(&self) -> BoxFuture<'_, Result<SasToken, String>> {
        Box::pin(async {
            let text = self.call(&[]).await?;
            let text = String::from_utf8(text).map_err(|_| "the token is not UTF-8".to_owned())?;
            SasToken::from_pasted(&text).map_err(|error| error.to_string())
        })
    }

    fn name(&self) -> &str {
        &self.name
    }
}
