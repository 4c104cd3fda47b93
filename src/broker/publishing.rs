//! Many messages by one call: pulled from an iterable of Python's, sent by [`Bulk`].

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::core::BrokerCore;
use super::errors::raise;
use super::outgoing::{Many, quality};
use crate::core::Seconds;
use crate::json_text::JsonDefault;
use crate::{bridge, many};
use azmqtt_client::{Bulk, Client};

/// One call to `publish_many`.
#[pyclass(frozen, module = "azmqtt._core")]
pub(crate) struct Publishing {
    core: Arc<BrokerCore>,
    bulk: Arc<Bulk<Client>>,
    many: Many,
}

impl Publishing {
    pub(super) fn new(
        core: &Arc<BrokerCore>,
        json_default: JsonDefault<'_>,
        qos: &Bound<'_, PyAny>,
        timeout: Option<Seconds>,
    ) -> PyResult<Self> {
        let client = core.client()?.clone();
        let bulk = Arc::new(Bulk::new(client, core.timeout(timeout)?));
        let json_default = json_default.map(|default| default.clone_ref(qos.py()));
        let many = Many::new(core.topic_limits, core.config().level, quality("qos", qos)?, json_default);
        Ok(Self { core: Arc::clone(core), bulk, many })
    }
}

#[pymethods]
impl Publishing {
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
        many::push(message.py(), &self.bulk, || self.many.message(message))
    }

    /// A future that is done when there is room for more.
    fn room_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        bridge::submit(py, |reply| self.bulk.when_room(reply))
    }

    /// A future that is done when every message has its outcome.
    fn settled_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        bridge::submit(py, |reply| self.bulk.when_settled(reply))
    }

    /// How many messages the broker has so far.
    #[getter]
    fn acknowledged(&self) -> usize {
        self.bulk.acknowledged()
    }

    /// How many messages the broker has refused, and the error for the first of them.
    #[getter]
    fn refused(&self, py: Python<'_>) -> (usize, Option<PyErr>) {
        let (count, first) = self.bulk.refused();
        (count, first.map(|error| raise(py, &error)))
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        if self.core.client_if_alive().is_none() {
            // After a fork the task is the parent's, and its locks may be held for ever in this copy.
            std::mem::forget(Arc::clone(&self.bulk));
        }
    }
}
