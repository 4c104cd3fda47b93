//! A message as Python sees it, in both directions. Its properties are read when they are asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::core::BrokerCore;
use super::outgoing::{self, Fields, TopicLimits, quality};
use azmqtt_client::{Delivery, Received};
use azmqtt_mqtt::{Level, Properties, PropertiesBuilder, Property, Publish, QoS};

/// A message.
#[pyclass(frozen, module = "azmqtt._core")]
pub(crate) struct MqttMessage {
    /// None of it is a part of a read buffer: the application may keep it for long.
    publish: Publish,
    /// Whether the kind of payload alone has made the properties.
    implied: bool,
    acknowledgement: Option<Acknowledgement>,
}

/// What the application acknowledges itself.
struct Acknowledgement {
    core: Arc<BrokerCore>,
    delivery: Delivery,
    done: AtomicBool,
}

impl MqttMessage {
    /// A message that came in; with `core` the application acknowledges it itself.
    pub(super) fn received(message: Received, core: Option<&Arc<BrokerCore>>) -> Self {
        let Received { publish, delivery, .. } = message;
        let acknowledgement = core.zip(delivery).map(|(core, delivery)| Acknowledgement {
            core: Arc::clone(core),
            delivery,
            done: AtomicBool::new(false),
        });
        Self { publish, implied: false, acknowledgement }
    }

    /// A message that was seen on its way.
    pub(crate) fn seen(publish: Publish) -> Self {
        Self { publish, implied: false, acknowledgement: None }
    }

    /// Its properties without the subscription identifiers that it came with [MQTT-3.3.4-6].
    fn to_publish(&self) -> PyResult<Properties> {
        let properties = &self.publish.properties;
        if !properties.has(Property::SubscriptionIdentifier) {
            return Ok(properties.clone());
        }
        let builder = PropertiesBuilder::from(properties).without(Property::SubscriptionIdentifier);
        builder.build().map_err(|error| crate::errors::value_error(&error))
    }

    /// The message to be published.
    pub(super) fn outgoing(&self, py: Python<'_>, limits: TopicLimits, level: Level) -> PyResult<Publish> {
        let Publish { topic, payload, qos, retain, .. } = &self.publish;
        outgoing::check_topic(py, topic, limits)?;
        let left_out = self.implied && level != Level::Mqtt5;
        let properties = if left_out { Properties::default() } else { self.to_publish()? };
        Ok(Publish { retain: *retain, properties, ..Publish::new(topic.clone(), *qos, payload.clone()) })
    }
}

#[pymethods]
impl MqttMessage {
    #[new]
    #[pyo3(signature = (topic, payload = None, *, qos = None, retain = false, user_properties = None, content_type = None,
                        response_topic = None, correlation_data = None, message_expiry = None, payload_format = None,
                        json_default = None))]
    #[expect(clippy::too_many_arguments, reason = "the fields of a message")]
    fn new<'py>(
        py: Python<'py>,
        topic: &Bound<'py, PyAny>,
        payload: Option<&Bound<'py, PyAny>>,
        qos: Option<&Bound<'py, PyAny>>,
        retain: bool,
        user_properties: Option<Bound<'py, PyAny>>,
        content_type: Option<Bound<'py, PyAny>>,
        response_topic: Option<Bound<'py, PyAny>>,
        correlation_data: Option<Bound<'py, PyAny>>,
        message_expiry: Option<Bound<'py, PyAny>>,
        payload_format: Option<Bound<'py, PyAny>>,
        json_default: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        static FIELDS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let text = outgoing::topic(topic, TopicLimits { bytes: 65_535, levels: 65_535 })?;
        let given =
            (user_properties, content_type, response_topic, correlation_data, message_expiry, payload_format);
        let fields = FIELDS.import(py, "azmqtt._mqtt.properties", "fields")?.call1(given)?;
        let fields: Option<Fields<'_>> = fields.extract()?;
        let empty = PyBytes::new(py, b"").into_any();
        let qos = qos.map_or(Ok(QoS::AtLeastOnce), |qos| quality("qos", qos))?;
        let implied = fields.is_none();
        let payload = payload.unwrap_or(&empty);
        let json_default = json_default.map(Bound::as_unbound);
        let publish = outgoing::message(text, payload, json_default, qos, retain, fields, Level::Mqtt5)?;
        Ok(Self { publish, implied, acknowledgement: None })
    }

    #[getter]
    fn topic(&self) -> &str {
        &self.publish.topic
    }

    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.publish.payload)
    }

    /// The payload as text in UTF-8.
    fn text(&self) -> PyResult<&str> {
        std::str::from_utf8(&self.publish.payload)
            .map_err(|error| PyValueError::new_err(format!("the payload is not UTF-8: {error}")))
    }

    /// The payload read as JSON.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        LOADS.import(py, "json", "loads")?.call1((self.payload(py),))
    }

    #[getter]
    fn qos(&self) -> u8 {
        self.publish.qos as u8
    }

    #[getter]
    fn retain(&self) -> bool {
        self.publish.retain
    }

    #[getter]
    fn duplicate(&self) -> bool {
        self.publish.dup
    }

    /// Pairs of names and values, a new list each time.
    #[getter]
    fn user_properties<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for pair in self.publish.properties.user_properties() {
            list.append(pair)?;
        }
        Ok(list)
    }

    #[getter]
    fn content_type(&self) -> Option<&str> {
        self.publish.properties.content_type()
    }

    #[getter]
    fn response_topic(&self) -> Option<&str> {
        self.publish.properties.response_topic()
    }

    #[getter]
    fn correlation_data<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.publish.properties.correlation_data().map(|data| PyBytes::new(py, data))
    }

    /// Seconds that were left when it came in.
    #[getter]
    fn message_expiry(&self) -> Option<u32> {
        self.publish.properties.message_expiry()
    }

    #[getter]
    fn payload_format(&self) -> Option<u8> {
        self.publish.properties.payload_format().map(u8::from)
    }

    #[getter]
    fn subscription_identifiers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.publish.properties.subscription_identifiers().collect::<Vec<_>>())
    }

    /// Acknowledges a message of a client that leaves that to the application.
    fn ack(&self) -> PyResult<()> {
        let Some(Acknowledgement { core, delivery, done }) = &self.acknowledgement else {
            if self.publish.qos == QoS::AtMostOnce {
                return Ok(());
            }
            return Err(PyRuntimeError::new_err(
                "the client acknowledges messages automatically: create it with ack=\"manual\" to use ack()",
            ));
        };
        let client = core.client()?;
        if !done.swap(true, Ordering::Relaxed) {
            client.acknowledge(vec![*delivery]);
        }
        Ok(())
    }

    fn __len__(&self) -> usize {
        self.publish.payload.len()
    }

    /// A message with an empty payload is a message all the same.
    #[expect(clippy::unused_self, reason = "Python's protocol")]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let Publish { topic, payload, qos, retain, .. } = &self.publish;
        let topic = PyString::new(py, topic).repr()?;
        let length = payload.len();
        let retain = if *retain { ", retained" } else { "" };
        Ok(format!("MqttMessage({topic}, {length} bytes, qos={}{retain})", *qos as u8))
    }
}
