//! A cloud-to-device message as Python sees it. Its properties are read when they are asked for.

use std::sync::OnceLock;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};

use azmqtt_dialect::MessageProperties;
use azmqtt_dialect::property_bag::BagError;

/// A message from the cloud.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct CloudMessage {
    message: azmqtt_device::CloudMessage,
    properties: OnceLock<Result<MessageProperties, BagError>>,
}

impl From<azmqtt_device::CloudMessage> for CloudMessage {
    fn from(message: azmqtt_device::CloudMessage) -> Self {
        Self { message, properties: OnceLock::new() }
    }
}

impl CloudMessage {
    fn parsed(&self) -> PyResult<&MessageProperties> {
        self.properties
            .get_or_init(|| self.message.properties())
            .as_ref()
            .map_err(|error| PyValueError::new_err(format!("the message's properties: {error}")))
    }
}

#[pymethods]
impl CloudMessage {
    /// The body as it came.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.message.payload)
    }

    /// The body as text in UTF-8.
    fn text(&self) -> PyResult<&str> {
        std::str::from_utf8(&self.message.payload)
            .map_err(|error| PyValueError::new_err(format!("the body is not UTF-8: {error}")))
    }

    /// The body read as JSON.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static READ: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        READ.import(py, "azmqtt._support.strict_json", "read")?.call1((self.body(py),))
    }

    /// The application's properties, a new dictionary each time. A property without a value is "".
    #[getter]
    fn properties<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in &self.parsed()?.application {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// `$.mid`
    #[getter]
    fn message_id(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.message_id.as_deref())
    }

    /// `$.cid`
    #[getter]
    fn correlation_id(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.correlation_id.as_deref())
    }

    /// `$.uid`
    #[getter]
    fn user_id(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.user_id.as_deref())
    }

    /// `$.to`
    #[getter]
    fn to(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.to.as_deref())
    }

    /// `$.ct`
    #[getter]
    fn content_type(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.content_type.as_deref())
    }

    /// `$.ce`
    #[getter]
    fn content_encoding(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.content_encoding.as_deref())
    }

    /// `$.ctime`, as the service wrote it: ISO 8601 in UTC.
    #[getter]
    fn creation_time(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.creation_time.as_deref())
    }

    /// `$.exp`, as the service wrote it: ISO 8601 in UTC.
    #[getter]
    fn expiry(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.expiry.as_deref())
    }

    /// The module's input that it came to.
    #[getter]
    fn input_name(&self) -> Option<&str> {
        self.message.input.as_deref()
    }

    /// `$.cdid`: the device that a message to an input comes from.
    #[getter]
    fn connection_device_id(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.connection_device_id.as_deref())
    }

    /// `$.cmid`: the module that a message to an input comes from.
    #[getter]
    fn connection_module_id(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.connection_module_id.as_deref())
    }

    /// `iothub-ack`: the feedback that the sender asked for.
    #[getter]
    fn ack(&self) -> PyResult<Option<&str>> {
        Ok(self.parsed()?.ack.as_deref())
    }

    fn __len__(&self) -> usize {
        self.message.payload.len()
    }

    /// A message with an empty body is a message all the same.
    #[expect(clippy::unused_self, reason = "Python's protocol")]
    fn __bool__(&self) -> bool {
        true
    }

    /// For Jupyter.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static CLOUD_MESSAGE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLOUD_MESSAGE.import(slf.py(), "azmqtt._support.html", "cloud_message")?.call1((slf,))
    }

    fn __repr__(&self) -> String {
        let id = self.parsed().ok().and_then(|properties| properties.message_id.as_deref());
        let id = id.map(|id| format!("message_id={id:?}, ")).unwrap_or_default();
        let input =
            self.message.input.as_ref().map(|name| format!("input_name={name:?}, ")).unwrap_or_default();
        format!("CloudMessage({input}{id}{} bytes)", self.message.payload.len())
    }
}
