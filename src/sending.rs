//! Many messages by one call: pulled from an iterable of Python's, sent by [`Bulk`].

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::core::{Core, Seconds};
use super::json_text::JsonDefault;
use super::payloads::Payloads;
use super::{bridge, many, outgoing};
use azmqtt_device::Bulk;
use azmqtt_net::sync::Mutex;

/// One call to `send_messages`.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Sending {
    core: Arc<Core>,
    bulk: Arc<Bulk>,
    payloads: Mutex<Payloads>,
    json_default: Option<Py<PyAny>>,
}

impl Sending {
    pub(super) fn new(
        py: Python<'_>,
        core: &Arc<Core>,
        json_default: JsonDefault<'_>,
        timeout: Option<Seconds>,
    ) -> PyResult<Self> {
        let device = core.device_for_call(py)?.clone();
        let bulk = Arc::new(Bulk::new(device, core.timeout(timeout)?));
        let json_default = json_default.map(|default| default.clone_ref(py));
        Ok(Self { core: Arc::clone(core), bulk, payloads: Mutex::default(), json_default })
    }
}

#[pymethods]
impl Sending {
    /// Sends everything that `messages` yields and waits for the last acknowledgement. Meanwhile `progress` is called
    /// now and then, without arguments.
    fn run(&self, messages: &Bound<'_, PyIterator>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        many::run(&self.bulk, messages, progress, |message| self.push(message))
    }

    /// Pulls messages and passes them on until the iterator ends (`False`) or it is time to wait for room or
    /// to give way to others (`True`).
    fn pull(&self, messages: &Bound<'_, PyIterator>) -> PyResult<bool> {
        many::pull(messages, |message| self.push(message))
    }

    /// Takes one message; whether it is time to wait for room.
    fn push(&self, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        many::push(message.py(), &self.bulk, || {
            let default = self.json_default.as_ref();
            outgoing::message(message, &self.core.topic, default, |payload| {
                self.payloads.lock().copy(payload)
            })
        })
    }

    /// A future that is done when there is room for more.
    fn room_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        bridge::submit(py, |reply| self.bulk.when_room(reply))
    }

    /// A future that is done when every message has its outcome.
    fn settled_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        bridge::submit(py, |reply| self.bulk.when_settled(reply))
    }

    /// How many messages the hub has so far.
    #[getter]
    fn acknowledged(&self) -> usize {
        self.bulk.acknowledged()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.core.device_if_alive().is_none() {
            // After a fork the task is the parent's, and its locks may be held for ever in this copy.
            std::mem::forget(Arc::clone(&self.bulk));
        }
    }
}
