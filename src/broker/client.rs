//! `_core.BrokerClient`: every operation in its blocking and its asyncio form, side by side.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pyo3::IntoPyObjectExt;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::core::BrokerCore;
use super::errors::raise;
use super::message::MqttMessage;
use super::options::{Made, Options};
use super::outgoing::{self, Fields, quality};
use super::publishing::Publishing;
use crate::core::Seconds;
use crate::log::Log;
use crate::outcome::Outcome;
use crate::{bridge, stats, waiter};
use azmqtt_client::{Client, Error, Reply, Subscription};
use azmqtt_mqtt::{Publish, RetainHandling, SubscribeFilter};

/// One client of a broker.
#[pyclass(frozen, module = "azmqtt._core")]
pub(crate) struct BrokerClient {
    core: Arc<BrokerCore>,
    /// For what is not JSON. It may lead back to the client, which the garbage collector must see.
    json_default: Option<Py<PyAny>>,
}

impl BrokerClient {
    pub(crate) fn core(&self) -> &Arc<BrokerCore> {
        &self.core
    }

    fn message(
        &self,
        topic: &Bound<'_, PyAny>,
        payload: &Bound<'_, PyAny>,
        qos: &Bound<'_, PyAny>,
        retain: bool,
        fields: Option<Fields<'_>>,
    ) -> PyResult<Publish> {
        let topic = outgoing::topic_of(&self.core.topics, topic, self.core.topic_limits)?;
        let qos = quality("qos", qos)?;
        outgoing::message(
            topic,
            payload,
            self.json_default.as_ref(),
            qos,
            retain,
            fields,
            self.core.config().level,
        )
    }
}

#[pymethods]
impl BrokerClient {
    #[new]
    fn new(options: Options<'_>) -> PyResult<Self> {
        let Made { config, hostname, topics, timeout, json_default } = options.build()?;
        Ok(Self { core: Arc::new(BrokerCore::new(config, hostname, topics, timeout)), json_default })
    }

    /// For the garbage collector.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.json_default.as_ref().map_or(Ok(()), |default| visit.call(default))
    }

    fn connect(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        let (client, timeout) = (self.core.client_to_connect(py)?, self.core.timeout(timeout)?);
        waiter::wait(py, |reply| client.connect(timeout, reply))
    }

    fn connect_async<'py>(&self, py: Python<'py>, timeout: Option<Seconds>) -> PyResult<Bound<'py, PyAny>> {
        let (client, timeout) = (self.core.client_to_connect(py)?, self.core.timeout(timeout)?);
        bridge::submit(py, |reply| client.connect(timeout, reply))
    }

    fn close(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<usize> {
        let (client, timeout) = (self.core.client()?, self.core.timeout(timeout)?);
        waiter::wait(py, |reply| client.close(timeout, reply))
    }

    fn close_async<'py>(&self, py: Python<'py>, timeout: Option<Seconds>) -> PyResult<Bound<'py, PyAny>> {
        let (client, timeout) = (self.core.client()?, self.core.timeout(timeout)?);
        bridge::submit(py, |reply| client.close(timeout, reply))
    }

    /// Ends the connection without waiting for anything, for a client that nobody has any more.
    fn abandon(&self) {
        if let Some(client) = self.core.client_if_alive() {
            client.close(Duration::ZERO, Reply::ignore());
        }
    }

    /// Publishes a message; `fields` are its properties, if any is given. Returns the reason code.
    #[expect(clippy::too_many_arguments, reason = "as PUBLISH has fields")]
    fn publish(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyAny>,
        payload: &Bound<'_, PyAny>,
        qos: &Bound<'_, PyAny>,
        retain: bool,
        fields: Option<Fields<'_>>,
        timeout: Option<Seconds>,
    ) -> PyResult<u8> {
        let (client, timeout) = (self.core.client_for_call(py)?, self.core.timeout(timeout)?);
        let message = self.message(topic, payload, qos, retain, fields)?;
        waiter::wait(py, |reply| client.publish(message, timeout, reply))
            .map(|published| published.code as u8)
    }

    #[expect(clippy::too_many_arguments, reason = "as PUBLISH has fields")]
    fn publish_async<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyAny>,
        payload: &Bound<'py, PyAny>,
        qos: &Bound<'py, PyAny>,
        retain: bool,
        fields: Option<Fields<'py>>,
        timeout: Option<Seconds>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let timeout = self.core.timeout(timeout)?;
        let message = self.message(topic, payload, qos, retain, fields)?;
        bridge::submit_many(py, &*self.core, |client, reply| client.publish(message, timeout, reply))
    }

    /// A call to `publish_many`: `Publishing.run` is its blocking form.
    fn publishing(&self, qos: &Bound<'_, PyAny>, timeout: Option<Seconds>) -> PyResult<Publishing> {
        self.core.client_for_call(qos.py())?;
        Publishing::new(&self.core, self.json_default.as_ref(), qos, timeout)
    }

    /// Asks for filters, each with the same options; returns the code of each.
    #[expect(clippy::too_many_arguments, reason = "as a subscription has options")]
    fn subscribe(
        &self,
        py: Python<'_>,
        filters: Vec<String>,
        qos: &Bound<'_, PyAny>,
        no_local: bool,
        retain_as_published: bool,
        retain_handling: u8,
        identifier: Option<u32>,
        timeout: Option<Seconds>,
    ) -> PyResult<Vec<u16>> {
        let (client, timeout) = (self.core.client_for_call(py)?, self.core.timeout(timeout)?);
        let filters = asked(filters, qos, no_local, retain_as_published, retain_handling)?;
        let wanted = Subscription { filters, identifier };
        let codes = waiter::wait(py, |reply| client.subscribe(wanted, timeout, reply))?;
        Ok(codes.into_iter().map(|code| u16::from(code as u8)).collect())
    }

    #[expect(clippy::too_many_arguments, reason = "as a subscription has options")]
    fn subscribe_async<'py>(
        &self,
        py: Python<'py>,
        filters: Vec<String>,
        qos: &Bound<'py, PyAny>,
        no_local: bool,
        retain_as_published: bool,
        retain_handling: u8,
        identifier: Option<u32>,
        timeout: Option<Seconds>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (client, timeout) = (self.core.client_for_call(py)?, self.core.timeout(timeout)?);
        let filters = asked(filters, qos, no_local, retain_as_published, retain_handling)?;
        let wanted = Subscription { filters, identifier };
        bridge::submit(py, |reply| client.subscribe(wanted, timeout, reply))
    }

    fn unsubscribe(
        &self,
        py: Python<'_>,
        filters: Vec<String>,
        timeout: Option<Seconds>,
    ) -> PyResult<Vec<u16>> {
        let (client, timeout) = (self.core.client_for_call(py)?, self.core.timeout(timeout)?);
        let codes = waiter::wait(py, |reply| client.unsubscribe(filters, timeout, reply))?;
        Ok(codes.into_iter().map(|code| u16::from(code as u8)).collect())
    }

    fn unsubscribe_async<'py>(
        &self,
        py: Python<'py>,
        filters: Vec<String>,
        timeout: Option<Seconds>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (client, timeout) = (self.core.client_for_call(py)?, self.core.timeout(timeout)?);
        bridge::submit(py, |reply| client.unsubscribe(filters, timeout, reply))
    }

    /// Publishes a request and waits for the message that answers it.
    #[expect(clippy::too_many_arguments, reason = "as PUBLISH has fields")]
    fn request(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyAny>,
        payload: &Bound<'_, PyAny>,
        qos: &Bound<'_, PyAny>,
        fields: Option<Fields<'_>>,
        response_topic: Option<String>,
        timeout: Option<Seconds>,
    ) -> PyResult<MqttMessage> {
        let (client, timeout) = (self.core.client_for_call(py)?, self.core.timeout(timeout)?);
        let message = self.message(topic, payload, qos, false, fields)?;
        let reply = waiter::wait(py, |reply| client.request(message, response_topic, timeout, reply))?;
        Ok(MqttMessage::received(reply, None))
    }

    #[expect(clippy::too_many_arguments, reason = "as PUBLISH has fields")]
    fn request_async<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyAny>,
        payload: &Bound<'py, PyAny>,
        qos: &Bound<'py, PyAny>,
        fields: Option<Fields<'py>>,
        response_topic: Option<String>,
        timeout: Option<Seconds>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let timeout = self.core.timeout(timeout)?;
        let message = self.message(topic, payload, qos, false, fields)?;
        bridge::submit_many(py, &*self.core, |client, reply| {
            client.request(message, response_topic, timeout, reply);
        })
    }

    /// Where the connection stands.
    #[getter]
    fn state(&self) -> &'static str {
        self.core.client_if_alive().map_or("disconnected", |client| client.state().as_str())
    }

    /// What ended the last connection or attempt.
    #[getter]
    fn last_error(&self) -> Option<String> {
        self.core.client_if_alive().and_then(Client::last_error)
    }

    /// Why nothing can be asked of the client any more, once it is closed.
    #[getter]
    fn closed_error(&self, py: Python<'_>) -> PyErr {
        raise(py, &self.core.client_if_alive().map_or(Error::Closed, Client::closed))
    }

    /// Everything that is counted or measured, by its name. Round trips are tuples, in seconds.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let read = self.core.seen()?.stats();
        stats::stats(py, read.counts(), read.connected_since, read.token_expiry, read.round_trips())
    }

    /// Puts what happens to the connection from now on into `log`, under the name `client`; once.
    fn log_to(&self, log: &Log, client: &str) {
        if let Some(alive) = self.core.client_if_alive()
            && !self.core.logged.swap(true, Ordering::Relaxed)
        {
            alive.log_to(log.inner(), client.into());
        }
    }

    #[getter]
    fn hostname(&self) -> &str {
        &self.core.hostname
    }

    #[getter]
    fn client_id(&self) -> &str {
        self.core.client_id()
    }
}

fn asked(
    filters: Vec<String>,
    qos: &Bound<'_, PyAny>,
    no_local: bool,
    retain_as_published: bool,
    retain_handling: u8,
) -> PyResult<Vec<SubscribeFilter>> {
    let qos = quality("qos", qos)?;
    let retain_handling = match retain_handling {
        0 => RetainHandling::Always,
        1 => RetainHandling::IfNew,
        _ => RetainHandling::Never,
    };
    let filter = |filter| SubscribeFilter { filter, qos, no_local, retain_as_published, retain_handling };
    Ok(filters.into_iter().map(filter).collect())
}

impl From<azmqtt_client::Published> for Outcome {
    fn from(published: azmqtt_client::Published) -> Self {
        Self::Code(published.code as u8)
    }
}

impl From<Vec<azmqtt_mqtt::ReasonCode>> for Outcome {
    fn from(codes: Vec<azmqtt_mqtt::ReasonCode>) -> Self {
        Self::Codes(codes.into_iter().map(|code| u16::from(code as u8)).collect())
    }
}

impl From<azmqtt_client::Received> for Outcome {
    fn from(message: azmqtt_client::Received) -> Self {
        Self::Message(Box::new(message))
    }
}

/// A message as Python sees it, for the bridge.
pub(crate) fn reply_into_python(
    py: Python<'_>,
    message: azmqtt_client::Received,
) -> PyResult<Bound<'_, PyAny>> {
    MqttMessage::received(message, None).into_bound_py_any(py)
}
