//! Iterators' positions in what comes to a client of a broker.

use std::sync::Arc;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

use super::core::BrokerCore;
use super::errors::raise;
use super::message::MqttMessage;
use crate::errors::{Failure, of_any};
use crate::events::Position;
use azmqtt_client::{Receiver, Reply};
use azmqtt_net::BoxFuture;

/// Messages, all of them or those of a filter. Nobody is asked for them.
pub(crate) struct Messages {
    core: Arc<BrokerCore>,
    receiver: Arc<Receiver>,
}

impl Messages {
    pub(crate) fn new(py: Python<'_>, core: &Arc<BrokerCore>, filter: Option<&str>) -> PyResult<Self> {
        let receiver = core.client_for_call(py)?.receiver(filter).map_err(|error| raise(py, &error))?;
        Ok(Self { core: Arc::clone(core), receiver: Arc::new(receiver) })
    }
}

impl Position for Messages {
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.core.client()?;
        let Some(message) = self.receiver.take() else { return Ok(None) };
        let by_hand = self.core.config().manual_acknowledge.then_some(&self.core);
        MqttMessage::received(message, by_hand).into_bound_py_any(py).map(Some)
    }

    fn listen(&self, reply: Reply<(), Failure>) -> PyResult<usize> {
        self.core.client()?;
        Ok(self.receiver.listen(reply))
    }

    fn forget(&self, key: usize) {
        self.receiver.forget(key);
    }

    /// There is nothing to subscribe to, but what waits at the broker comes with a connection.
    fn subscribed(&self, reply: Reply<(), Failure>) -> PyResult<()> {
        let client = self.core.client()?;
        if self.core.config().auto_connect {
            client.connect(self.core.timeout, of_any(reply));
        } else {
            reply.send(Ok(()));
        }
        Ok(())
    }

    /// One attempt: whatever is asked of the client later connects as well.
    fn keep_subscribed(&self, mut failed: Box<dyn FnMut(Failure) + Send>) -> BoxFuture<'static, ()> {
        let (reply, outcome) = Reply::channel();
        drop(self.subscribed(reply));
        Box::pin(async move {
            if let Ok(Err(error)) = outcome.await {
                failed(error);
            }
        })
    }

    fn done(&self) {
        if self.core.client_if_alive().is_some() {
            self.receiver.done();
        }
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        if self.core.client_if_alive().is_none() {
            // After a fork the message is the parent's to acknowledge, and locks may be held for ever in this copy.
            std::mem::forget(Arc::clone(&self.receiver));
        }
    }
}
