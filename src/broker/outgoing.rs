//! What is published, from Python's objects.

use bytes::Bytes;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyInt, PyString, PyTuple};

use super::message::MqttMessage;
use crate::convert;
use crate::json_text::JsonDefault;
use crate::outgoing::Body;
use crate::payloads::Payloads;
use azmqtt_mqtt::{Level, Properties, PropertiesBuilder, Publish, QoS, Text};
use azmqtt_net::sync::Mutex;

/// Topics of a broker.
#[derive(Clone, Copy)]
pub(super) struct TopicLimits {
    /// In bytes.
    pub(super) bytes: usize,
    /// Levels.
    pub(super) levels: usize,
}

/// The properties of a message, as Python passes them: all of them, where one is given.
#[derive(FromPyObject)]
pub(super) struct Fields<'py>(
    /// User properties.
    Option<Bound<'py, PyAny>>,
    /// Content type.
    Option<String>,
    /// Response topic.
    Option<String>,
    /// Correlation data.
    Option<Bound<'py, PyBytes>>,
    /// Message expiry, in seconds.
    Option<u32>,
    /// Payload format.
    Option<bool>,
);

impl<'py> Fields<'py> {
    /// Python has checked their types and their lengths.
    pub(super) fn new(
        user_properties: Option<Bound<'py, PyAny>>,
        content_type: Option<String>,
        response_topic: Option<String>,
        correlation_data: Option<Bound<'py, PyBytes>>,
        message_expiry: Option<u32>,
        payload_format: Option<bool>,
    ) -> Self {
        Self(user_properties, content_type, response_topic, correlation_data, message_expiry, payload_format)
    }

    /// Appends those that are given, with content type and format of the kind of payload where they are not.
    fn build(self, kind: Option<&'static str>) -> PyResult<Properties> {
        let Self(user, content_type, response_topic, correlation_data, message_expiry, payload_format) = self;
        let mut builder = PropertiesBuilder::new();
        if let Some(format) = payload_format.or(kind.map(|_| true)) {
            builder = builder.payload_format(format);
        }
        if let Some(seconds) = message_expiry {
            builder = builder.message_expiry(seconds);
        }
        if let Some(content_type) = content_type.as_deref().or(kind) {
            builder = builder.content_type(content_type);
        }
        if let Some(topic) = response_topic {
            builder = builder.response_topic(&topic);
        }
        if let Some(data) = correlation_data {
            builder = builder.correlation_data(data.as_bytes());
        }
        if let Some(user) = user {
            for (name, value) in user_properties("user_properties", &user)? {
                builder = builder.user_property(&name, &value);
            }
        }
        builder.build().map_err(|error| crate::errors::value_error(&error))
    }
}

/// Pairs of names and values.
pub(super) fn user_properties(field: &str, given: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    static PAIRS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    PAIRS.import(given.py(), "azmqtt._mqtt.properties", "pairs")?.call1((field, given))?.extract()
}

/// A payload, and the content type that goes with the kind of object it came from.
fn payload(
    object: &Bound<'_, PyAny>,
    default: JsonDefault<'_>,
    copy: impl FnOnce(&[u8]) -> Bytes,
) -> PyResult<(Bytes, Option<&'static str>)> {
    if let Ok(bytes) = object.cast_exact::<PyBytes>() {
        return Ok((copy(bytes.as_bytes()), None));
    }
    let body = Body::of("payload", object, default)?;
    Ok((body.bytes, body.kind))
}

/// A message of a call's arguments.
pub(super) fn message(
    topic: Text,
    object: &Bound<'_, PyAny>,
    default: JsonDefault<'_>,
    qos: QoS,
    retain: bool,
    fields: Option<Fields<'_>>,
    level: Level,
) -> PyResult<Publish> {
    message_with(topic, payload(object, default, Bytes::copy_from_slice)?, qos, retain, fields, level)
}

fn message_with(
    topic: Text,
    (payload, kind): (Bytes, Option<&'static str>),
    qos: QoS,
    retain: bool,
    fields: Option<Fields<'_>>,
    level: Level,
) -> PyResult<Publish> {
    // What MQTT 3.1.1 cannot say is left out, unless somebody has asked for it.
    let kind = kind.filter(|_| level == Level::Mqtt5);
    let properties = match (fields, kind) {
        (None, None) => Properties::default(),
        (None, kind) => Fields::new(None, None, None, None, None, None).build(kind)?,
        (Some(fields), kind) => fields.build(kind)?,
    };
    Ok(Publish { retain, properties, ..Publish::new(topic, qos, payload) })
}

/// Remembers the last topic: most are the object of the time before.
#[derive(Default)]
pub(super) struct Topics(Option<(Py<PyString>, Text)>);

/// A topic that may be published to.
pub(super) fn topic_of(
    last: &Mutex<Topics>,
    object: &Bound<'_, PyAny>,
    limits: TopicLimits,
) -> PyResult<Text> {
    if let Some((last, text)) = &last.lock().0
        && last.is(object)
    {
        return Ok(text.clone());
    }
    let text = topic(object, limits)?;
    if let Ok(object) = object.cast_exact::<PyString>() {
        let before = last.lock().0.replace((object.clone().unbind(), text.clone()));
        drop(before);
    }
    Ok(text)
}

/// Makes many messages. Python code runs under none of its locks: it may make way for another thread that wants them.
pub(super) struct Many {
    topics: Mutex<Topics>,
    limits: TopicLimits,
    level: Level,
    qos: QoS,
    payloads: Mutex<Payloads>,
    json_default: Option<Py<PyAny>>,
}

impl Many {
    pub(super) fn new(limits: TopicLimits, level: Level, qos: QoS, json_default: Option<Py<PyAny>>) -> Self {
        let (topics, payloads) = (Mutex::default(), Mutex::default());
        Self { topics, limits, level, qos, payloads, json_default }
    }

    /// A message of a pair of topic and payload, or of an `MqttMessage`.
    pub(super) fn message(&self, object: &Bound<'_, PyAny>) -> PyResult<Publish> {
        if let Ok(message) = object.cast_exact::<MqttMessage>() {
            return message.get().outgoing(object.py(), self.limits, self.level);
        }
        let Ok(pair) = object.cast::<PyTuple>() else { return Err(no_message(object)) };
        if pair.len() != 2 {
            return Err(no_message(object));
        }
        let topic = topic_of(&self.topics, &pair.get_item(0)?, self.limits)?;
        let copy = |payload: &[u8]| self.payloads.lock().copy(payload);
        let payload = payload(&pair.get_item(1)?, self.json_default.as_ref(), copy)?;
        message_with(topic, payload, self.qos, false, None, self.level)
    }
}

#[cold]
fn no_message(object: &Bound<'_, PyAny>) -> PyErr {
    let what = convert::type_name(object);
    // What one finds in a single pair that was given in the place of many.
    let hint = if object.is_instance_of::<PyString>() { "; for a single message use publish" } else { "" };
    PyTypeError::new_err(format!(
        "a message must be MqttMessage or a pair of topic and payload, not {what}{hint}"
    ))
}

/// A topic that may be published to.
pub(super) fn topic(object: &Bound<'_, PyAny>, limits: TopicLimits) -> PyResult<Text> {
    if let Ok(text) = object.cast::<PyString>()
        && let Ok(text) = text.to_str()
        && is_topic(text, limits)
    {
        return Ok(text.into());
    }
    Err(no_topic(object, limits).err().unwrap_or_else(|| PyValueError::new_err("topic: it is missing")))
}

/// Checks the topic of a message that was made before, for a broker with these limits.
pub(super) fn check_topic(py: Python<'_>, topic: &Text, limits: TopicLimits) -> PyResult<()> {
    if is_topic(topic, limits) { Ok(()) } else { no_topic(PyString::new(py, topic).as_any(), limits) }
}

/// Says what is wrong with a topic.
#[cold]
fn no_topic(object: &Bound<'_, PyAny>, limits: TopicLimits) -> PyResult<()> {
    static CHECK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let check = CHECK.import(object.py(), "azmqtt._mqtt.topics", "check_topic_within")?;
    check.call1(("topic", object, limits.bytes, limits.levels)).map(drop)
}

fn is_topic(text: &str, limits: TopicLimits) -> bool {
    let bytes = text.as_bytes();
    let levels = || text.split('/').count();
    !bytes.is_empty()
        && bytes.len() <= limits.bytes
        && !bytes.iter().any(|byte| matches!(byte, b'+' | b'#' | 0))
        && (limits.levels > bytes.len() || levels() <= limits.levels)
}

/// A quality of service, `field` for errors.
pub(super) fn quality(field: &str, object: &Bound<'_, PyAny>) -> PyResult<QoS> {
    if object.is_instance_of::<PyBool>() || !object.is_instance_of::<PyInt>() {
        let what = convert::type_name(object);
        return Err(PyTypeError::new_err(format!("{field} must be int, from 0 to 2, not {what}")));
    }
    match object.extract::<u8>() {
        Ok(0) => Ok(QoS::AtMostOnce),
        Ok(1) => Ok(QoS::AtLeastOnce),
        Ok(2) => Ok(QoS::ExactlyOnce),
        // Python may refuse to write a larger number.
        Ok(other) => Err(PyValueError::new_err(format!("{field} must be from 0 to 2, not {other}"))),
        Err(_) => Err(PyValueError::new_err(format!("{field} must be from 0 to 2"))),
    }
}
