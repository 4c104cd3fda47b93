//! A call of a direct method as Python sees it: read it, respond to it once.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::core::Core;
use super::json_text::{JsonDefault, to_json_within};
use super::{bridge, errors, waiter};
use azmqtt_device::Device;
use azmqtt_dialect::MAX_METHOD_BODY;
use azmqtt_net::sync::Mutex;

/// A call from the hub.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct MethodCall {
    core: Arc<Core>,
    name: String,
    payload: Bytes,
    /// Until the response is given.
    call: Mutex<Option<azmqtt_device::MethodCall>>,
    /// For what in the response is not JSON.
    json_default: Option<Py<PyAny>>,
}

impl MethodCall {
    pub(super) fn new(
        py: Python<'_>,
        core: &Arc<Core>,
        json_default: JsonDefault<'_>,
        request: azmqtt_device::MethodRequest,
    ) -> Self {
        let azmqtt_device::MethodRequest { name, payload, call } = request;
        let json_default = json_default.map(|default| default.clone_ref(py));
        Self { core: Arc::clone(core), name, payload, call: Mutex::new(Some(call)), json_default }
    }

    /// What it takes to respond, once; the call stays open if the payload cannot be sent.
    fn response(&self, payload: &Bound<'_, PyAny>) -> PyResult<(&Device, azmqtt_device::MethodCall, Bytes)> {
        let device = self.core.device()?;
        let body = to_json_within("the response", payload, self.json_default.as_ref(), MAX_METHOD_BODY)?;
        let call = self.call.lock().take();
        let call = call.ok_or_else(|| PyRuntimeError::new_err("the call already has its response"))?;
        Ok((device, call, body.into()))
    }
}

#[pymethods]
impl MethodCall {
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The body as it came.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.payload)
    }

    /// Whether a response can still be sent, as far as is known.
    #[getter]
    fn open(&self) -> bool {
        let call = self.call.lock();
        let device = self.core.device_if_alive();
        device.zip(call.as_ref()).is_some_and(|(device, call)| device.is_open(call))
    }

    fn respond(&self, py: Python<'_>, status: i32, payload: &Bound<'_, PyAny>) -> PyResult<()> {
        let (device, call, body) = self.response(payload)?;
        waiter::wait(py, |reply| device.respond(call, status, body, reply))
    }

    fn respond_async<'py>(
        &self,
        py: Python<'py>,
        status: i32,
        payload: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (device, call, body) = self.response(payload)?;
        bridge::submit(py, |reply| device.respond(call, status, body, reply))
    }
}

/// Raises `ValueError` for a name that no method can have.
#[pyfunction]
pub(super) fn check_method_name(name: &str) -> PyResult<()> {
    azmqtt_dialect::check_method_name(name).map_err(|error| errors::value_error(&error))
}
