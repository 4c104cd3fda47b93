//! Calls of Python functions by the core: the runtime's thread puts a call into a queue and goes on; a thread of Python's
//! takes it out, calls the function and puts the answer in. Whoever does not want to wait any longer drops the call's
//! future.

use std::collections::VecDeque;
use std::time::Instant;

use pyo3::prelude::*;
use tokio::sync::oneshot;

use super::errors::Failure;
use super::waiter;
use azmqtt_client::Reply;
use azmqtt_net::sync::Mutex;

/// Questions `Q` on their way to Python, and their answers `A` on the way back.
pub(super) struct Calls<Q, A> {
    state: Mutex<State<Q, A>>,
}

struct State<Q, A> {
    waiting: VecDeque<Call<Q, A>>,
    /// Taken out and not yet answered.
    taken: Option<Call<Q, A>>,
    /// Of the next call.
    number: u64,
    /// Answered when there is a call, or the end.
    waiter: Option<Reply<(), Failure>>,
    closed: bool,
}

struct Call<Q, A> {
    number: u64,
    question: Q,
    answer: oneshot::Sender<Result<A, String>>,
}

impl<Q, A> Default for Calls<Q, A> {
    fn default() -> Self {
        let state = State { waiting: VecDeque::new(), taken: None, number: 0, waiter: None, closed: false };
        Self { state: Mutex::new(state) }
    }
}

impl<Q: Clone, A> Calls<Q, A> {
    /// No more calls: a wait for one ends.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        // Whoever called is told by the loss of the sender.
        state.waiting.clear();
        state.taken = None;
        let waiter = state.waiter.take();
        drop(state);
        tell(waiter);
    }

    /// Whether there are no more calls.
    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Asks, and waits for the answer.
    pub(super) async fn call(&self, question: Q) -> Result<A, String> {
        let answer = self.begin(question);
        answer.await.unwrap_or_else(|_| Err("the client is closed".to_owned()))
    }

    fn begin(&self, question: Q) -> oneshot::Receiver<Result<A, String>> {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        if !state.closed {
            // Behind a function that hangs, only those wait that somebody still waits for.
            state.waiting.retain(|call| !call.answer.is_closed());
            let number = state.number;
            state.number += 1;
            state.waiting.push_back(Call { number, question, answer });
            let waiter = state.waiter.take();
            drop(state);
            tell(waiter);
        }
        receiver
    }

    /// Waits until `deadline` for the next call: its number and its question, `None` if there is none.
    pub(super) fn take(&self, py: Python<'_>, deadline: Instant) -> PyResult<Option<(u64, Q)>> {
        let taken = self.first();
        if taken.is_some() {
            return Ok(taken);
        }
        waiter::wait_without_signals(py, Some(deadline), |reply| self.when_ready(reply))?;
        Ok(self.first())
    }

    /// Takes the first call that somebody waits for.
    fn first(&self) -> Option<(u64, Q)> {
        let mut state = self.state.lock();
        loop {
            let call = state.waiting.pop_front()?;
            if !call.answer.is_closed() {
                let taken = (call.number, call.question.clone());
                state.taken = Some(call);
                return Some(taken);
            }
        }
    }

    /// Answers `reply` when there is a call, or the end.
    fn when_ready(&self, reply: Reply<(), Failure>) {
        let mut state = self.state.lock();
        let waiter =
            if state.closed || !state.waiting.is_empty() { Some(reply) } else { state.waiter.replace(reply) };
        drop(state);
        tell(waiter);
    }

    /// Answers the call that was taken last.
    pub(super) fn settle(&self, number: u64, answer: Result<A, String>) {
        let taken = self.state.lock().taken.take_if(|call| call.number == number);
        if let Some(call) = taken {
            // Nobody may wait for it any more.
            let _ = call.answer.send(answer);
        }
    }
}

/// Outside of the lock.
fn tell(waiter: Option<Reply<(), Failure>>) {
    if let Some(waiter) = waiter {
        waiter.send(Ok(()));
    }
}
