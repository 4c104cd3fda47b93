//! Many messages by one call: pulled from an iterable, pipelined, counted.
//!
//! Messages are pulled in chunks. A generator may stop to think in the middle of one, so a small task on the
//! runtime sends what waits for more than [`LINGER`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::core::{Core, Seconds};
use super::{bridge, errors, outgoing, runtime, waiter};
use azmqtt_device::{Batch, Device, Error, Outgoing, Reply};

/// Messages that are passed on at once.
const CHUNK: usize = 256;

/// How long a message may wait for its chunk to fill.
const LINGER: Duration = Duration::from_millis(2);

/// How often a full outbox is looked at when it is others' messages that fill it.
const RETRY: Duration = Duration::from_millis(5);

/// One call to `send_messages`.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Sending {
    core: Arc<Core>,
    staging: Arc<Staging>,
    flusher: JoinHandle<()>,
}

/// Messages pulled and not yet accepted by the outbox.
struct Staging {
    device: Device,
    batch: Arc<Batch>,
    timeout: Duration,
    /// How many may be outstanding: enough to keep the wire busy, and not the whole outbox, so that there is
    /// room for the application's other calls.
    share: usize,
    waiting: Mutex<Vec<Outgoing>>,
    /// The first message of a chunk waits.
    first: Notify,
}

impl Staging {
    /// Adds a message; says how many wait.
    fn add(&self, message: Outgoing) -> usize {
        let mut waiting = self.lock();
        waiting.push(message);
        let count = waiting.len();
        drop(waiting);
        if count == 1 {
            self.first.notify_one();
        }
        count
    }

    /// Passes on what the outbox has room for; says how many are left.
    fn flush(&self) -> usize {
        let mut waiting = self.lock();
        let room = self.share.saturating_sub(self.batch.outstanding()).min(waiting.len());
        if room > 0 {
            let mut rest = waiting.split_off(room);
            self.device.send_batch(&mut waiting, &self.batch, self.timeout);
            waiting.append(&mut rest);
        }
        waiting.len()
    }

    async fn flush_in_time(self: Arc<Self>) {
        loop {
            self.first.notified().await;
            tokio::time::sleep(LINGER).await;
            while !self.batch.has_failed() && self.flush() > 0 {
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    fn full(&self) -> Error {
        let stats = self.device.stats();
        Error::OutboxFull { messages: stats.outstanding as usize, bytes: stats.outstanding_bytes as usize }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Outgoing>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sending {
    pub(super) fn new(py: Python<'_>, core: &Arc<Core>, timeout: Option<Seconds>) -> PyResult<Self> {
        let device = core.device_for_call(py)?.clone();
        let config = device.config();
        let share = (config.outbox.messages / 4 * 3).min(2 * usize::from(config.max_in_flight)).max(1);
        let staging = Arc::new(Staging {
            device,
            share,
            batch: Arc::default(),
            timeout: core.timeout(timeout)?,
            waiting: Mutex::new(Vec::with_capacity(CHUNK)),
            first: Notify::new(),
        });
        let flusher = runtime::ensure()?.spawn(Arc::clone(&staging).flush_in_time());
        Ok(Self { core: Arc::clone(core), staging, flusher })
    }

    /// Answers when it makes sense to pull more: there is room, or the outbox stayed full for the whole
    /// timeout, or a message failed.
    fn when_room(&self, reply: Reply<()>) {
        if self.staging.flush() == 0 {
            return reply.send(Ok(()));
        }
        let outstanding = self.staging.batch.outstanding();
        if outstanding > 0 {
            // Half of them gone is room worth a wake-up.
            return self.staging.batch.when_at_most(outstanding / 2, reply);
        }
        self.retry_until_room(reply);
    }

    /// The outbox is full of others' messages: nobody tells when that changes.
    fn retry_until_room(&self, reply: Reply<()>) {
        let staging = Arc::clone(&self.staging);
        let Ok(runtime) = runtime::ensure() else { return drop(reply) };
        runtime.spawn(async move {
            let deadline = Instant::now() + staging.timeout;
            let left = loop {
                tokio::time::sleep(RETRY).await;
                let left = staging.flush();
                if left < CHUNK || Instant::now() >= deadline {
                    break left;
                }
            };
            if left < CHUNK {
                reply.send(Ok(()));
            } else {
                reply.send(Err(staging.full()));
            }
        });
    }

    /// Answers when every message has its outcome, with the first failure if there is one.
    fn when_settled(&self, reply: Reply<()>) {
        let staging = Arc::clone(&self.staging);
        let Ok(runtime) = runtime::ensure() else { return drop(reply) };
        runtime.spawn(async move {
            let deadline = Instant::now() + staging.timeout;
            while staging.flush() > 0 && staging.batch.first_error().is_none() {
                if Instant::now() >= deadline {
                    return reply.send(Err(staging.full()));
                }
                tokio::time::sleep(RETRY).await;
            }
            let batch = Arc::clone(&staging.batch);
            let settled = Reply::new(move |outcome: Result<(), Error>| {
                reply.send(outcome.and_then(|()| batch.first_error().map_or(Ok(()), Err)));
            });
            staging.batch.when_at_most(0, settled);
        });
    }
}

#[pymethods]
impl Sending {
    /// Sends everything that `messages` yields and waits for the last acknowledgement. Meanwhile `progress` is called
    /// now and then, without arguments.
    fn run(&self, messages: &Bound<'_, PyIterator>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let py = messages.py();
        let report = || progress.map_or(Ok(()), |progress| progress.call0().map(drop));
        let pulled = loop {
            match self.pull(messages).and_then(|more| report().map(|()| more)) {
                // An iterable without Python code of its own gives signals no other chance.
                Ok(true) => {
                    py.check_signals()?;
                    waiter::wait_with(py, |reply| self.when_room(reply), report)?;
                }
                Ok(false) => break Ok(()),
                // An interrupt waits for nothing.
                Err(error) if !error.is_instance_of::<PyException>(py) => return Err(error),
                Err(error) => break Err(error),
            }
        };
        // What was accepted is accounted for, whatever stopped the iterable.
        let settled = waiter::wait_with(py, |reply| self.when_settled(reply), report);
        pulled?;
        settled
    }

    /// Pulls messages and passes them on until the iterator ends (`False`) or it is time to wait for room or
    /// to give way to others (`True`).
    fn pull(&self, messages: &Bound<'_, PyIterator>) -> PyResult<bool> {
        for message in messages.clone() {
            if self.push(&message?)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes one message; whether it is time to wait for room.
    fn push(&self, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        if self.staging.batch.has_failed()
            && let Some(error) = self.staging.batch.first_error()
        {
            return Err(errors::raise(message.py(), &error));
        }
        let message = outgoing::message(message, &self.core.topic)?;
        if self.staging.add(message) < CHUNK {
            return Ok(false);
        }
        Ok(self.staging.flush() > 0)
    }

    /// A future that is done when there is room for more.
    fn room_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        bridge::submit(py, |reply| self.when_room(reply))
    }

    /// A future that is done when every message has its outcome.
    fn settled_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        bridge::submit(py, |reply| self.when_settled(reply))
    }

    /// How many messages the hub has so far.
    #[getter]
    fn acknowledged(&self) -> usize {
        self.staging.batch.acknowledged()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.core.device_if_alive().is_some() {
            self.flusher.abort();
        }
    }
}
