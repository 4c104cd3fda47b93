//! From what the application sends to a message for the wire.

use bytes::Bytes;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyInt, PyMapping, PyMemoryView, PyString};
use pyo3::{Borrowed, intern};

use super::json_text::{JsonDefault, to_json};
use super::{convert, errors};
use azmqtt_device::Outgoing;
use azmqtt_dialect::{MAX_MESSAGE_SIZE, MessageProperties};
use azmqtt_mqtt::{QoS, Text};

/// Makes a message of `bytes`, `str`, something JSON-able or a `Message`, checked against the service's
/// rules. `topic` is the one of a message without properties; `copy` copies plain bytes.
pub(super) fn message(
    object: &Bound<'_, PyAny>,
    topic: &Text,
    default: JsonDefault<'_>,
    copy: impl FnOnce(&[u8]) -> Bytes,
) -> PyResult<Outgoing> {
    if let Ok(bytes) = object.cast_exact::<PyBytes>() {
        return plain(bytes.as_bytes(), topic, copy, object.py());
    }
    if object.get_type().is(message_class(object.py())?) {
        return full(object, topic, default);
    }
    let body = Body::of("body", object, default)?;
    let properties = MessageProperties {
        content_type: body.content_type(),
        content_encoding: body.encoding(),
        ..MessageProperties::default()
    };
    build(body.bytes, &properties, QoS::AtLeastOnce, topic, object.py())
}

fn message_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "azmqtt._message", "Message")
}

/// The way of bytes without properties: one copy and no look at anything else.
fn plain(
    payload: &[u8],
    topic: &Text,
    copy: impl FnOnce(&[u8]) -> Bytes,
    py: Python<'_>,
) -> PyResult<Outgoing> {
    if payload.len() > MAX_MESSAGE_SIZE {
        return Err(oversize(payload.len(), py));
    }
    Ok(Outgoing { topic: topic.clone(), payload: copy(payload), qos: QoS::AtLeastOnce })
}

fn oversize(length: usize, py: Python<'_>) -> PyErr {
    match MessageProperties::default().validate_with_body(length) {
        Err(error) => errors::message(py, &error),
        Ok(()) => PyValueError::new_err("the message is too large"),
    }
}

fn build(
    payload: Bytes,
    properties: &MessageProperties,
    qos: QoS,
    topic: &str,
    py: Python<'_>,
) -> PyResult<Outgoing> {
    let refuse = |error| errors::message(py, &error);
    properties.validate_with_body(payload.len()).map_err(refuse)?;
    let topic = properties.telemetry_topic(topic).map_err(refuse)?;
    if let Some((one, other)) = properties.names_that_differ_in_case() {
        let text = format!(
            "the properties {one:?} and {other:?} differ in case only: the names of application properties have no case on \
             IoT Hub, which keeps one of them"
        );
        py.import("azmqtt._support.warnings")?.call_method1("of_the_caller", (text,))?;
    }
    Ok(Outgoing { topic: topic.into(), payload, qos })
}

/// A body, and the content type that goes with the kind of object it came from: none with bytes.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) kind: Option<&'static str>,
}

impl Body {
    /// `name` is what errors call it.
    pub(super) fn of(name: &str, object: &Bound<'_, PyAny>, default: JsonDefault<'_>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self { bytes: Bytes::copy_from_slice(bytes.as_bytes()), kind: None });
        }
        if let Ok(bytes) = object.cast::<PyByteArray>() {
            return Ok(Self { bytes: bytes.to_vec().into(), kind: None });
        }
        if let Ok(view) = object.cast::<PyMemoryView>() {
            let bytes = view.call_method0(intern!(object.py(), "tobytes"))?.cast_into::<PyBytes>()?;
            return Ok(Self { bytes: Bytes::copy_from_slice(bytes.as_bytes()), kind: None });
        }
        if let Ok(text) = object.cast::<PyString>() {
            let text = utf8(text, || name.to_owned())?;
            return Ok(Self { bytes: text.into(), kind: Some("text/plain") });
        }
        let bytes = to_json(name, object, default)?.into();
        Ok(Self { bytes, kind: Some("application/json") })
    }

    fn content_type(&self) -> Option<String> {
        self.kind.map(str::to_owned)
    }

    /// The service looks into a JSON body only when it is told the encoding (IoT Hub docs, "message routing
    /// query syntax").
    fn encoding(&self) -> Option<String> {
        self.kind.map(|_| "utf-8".to_owned())
    }
}

/// A `Message` with its fields.
fn full(message: &Bound<'_, PyAny>, topic: &str, default: JsonDefault<'_>) -> PyResult<Outgoing> {
    let py = message.py();
    let body = Body::of("body", &message.getattr(intern!(py, "body"))?, default)?;
    let properties = MessageProperties {
        content_type: field(message, intern!(py, "content_type"))?.or_else(|| body.content_type()),
        content_encoding: field(message, intern!(py, "content_encoding"))?.or_else(|| body.encoding()),
        message_id: field(message, intern!(py, "message_id"))?,
        correlation_id: field(message, intern!(py, "correlation_id"))?,
        user_id: field(message, intern!(py, "user_id"))?,
        creation_time: time(message, intern!(py, "creation_time"))?,
        expiry: time(message, intern!(py, "expiry"))?,
        component: field(message, intern!(py, "component"))?,
        output_name: field(message, intern!(py, "output_name"))?,
        schema: field(message, intern!(py, "schema"))?,
        interface_id: field(message, intern!(py, "interface_id"))?,
        application: application(&message.getattr(intern!(py, "properties"))?)?,
        ..MessageProperties::default()
    };
    let qos = quality(&message.getattr(intern!(py, "qos"))?)?;
    build(body.bytes, &properties, qos, topic, py)
}

fn quality(qos: &Bound<'_, PyAny>) -> PyResult<QoS> {
    if qos.is_instance_of::<PyBool>() || !qos.is_instance_of::<PyInt>() {
        let what = convert::type_name(qos);
        return Err(PyTypeError::new_err(format!("qos must be int, 0 or 1, not {what}")));
    }
    match qos.extract::<u8>() {
        Ok(0) => Ok(QoS::AtMostOnce),
        Ok(1) => Ok(QoS::AtLeastOnce),
        Ok(2) => Err(PyValueError::new_err("qos must be 0 or 1: IoT Hub does not offer QoS 2")),
        _ => match qos.extract::<i64>() {
            Ok(number) => Err(PyValueError::new_err(format!("qos must be 0 or 1, not {number}"))),
            // Python may refuse to write it.
            Err(_) => Err(PyValueError::new_err("qos must be 0 or 1")),
        },
    }
}

fn field(message: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<Option<String>> {
    let value = message.getattr(name)?;
    if value.is_none() {
        return Ok(None);
    }
    text(value.as_borrowed(), || name.to_string()).map(Some)
}

/// A time as text, or a `datetime` that knows its zone.
fn time(message: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<Option<String>> {
    static UTC_TEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let value = message.getattr(name)?;
    if value.is_none() || value.is_instance_of::<PyString>() {
        return field(message, name);
    }
    UTC_TEXT.import(message.py(), "azmqtt._message", "utc_text")?.call1((name, value))?.extract()
}

fn application(properties: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    if properties.is_none() {
        return Ok(Vec::new());
    }
    let dict = if let Ok(dict) = properties.cast::<PyDict>() {
        dict.clone()
    } else if let Ok(mapping) = properties.cast::<PyMapping>() {
        let dict = PyDict::new(properties.py());
        dict.update(mapping)?;
        dict
    } else {
        let what = convert::type_name(properties);
        return Err(PyTypeError::new_err(format!("properties must map str to str, not be {what}")));
    };
    dict.iter()
        .map(|(name, value)| {
            let name = text(name.as_borrowed(), || "properties: a name".to_owned())?;
            let value = text(value.as_borrowed(), || format!("properties[{name:?}]"))?;
            Ok((name, value))
        })
        .collect()
}

fn text(value: Borrowed<'_, '_, PyAny>, name: impl Fn() -> String) -> PyResult<String> {
    let Ok(text) = value.cast::<PyString>() else {
        let what = convert::type_name(&value);
        return Err(PyTypeError::new_err(format!("{} must be str, not {what}", name())));
    };
    utf8(&text, name)
}

fn utf8(text: &Bound<'_, PyString>, name: impl Fn() -> String) -> PyResult<String> {
    text.to_str().map(str::to_owned).map_err(|_| {
        let name = name();
        PyValueError::new_err(format!("{name}: the text contains half of a surrogate pair and is not UTF-8"))
    })
}
