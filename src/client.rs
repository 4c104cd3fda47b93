//! `_core.Client`: every operation in its blocking and its asyncio form, side by side.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::access::Access;
use super::core::{Core, Seconds, span};
use super::invoke::InvokeOptions;
use super::json_text::{JsonDefault, to_json};
use super::log::Log;
use super::options::Options;
use super::outcome::Outcome;
use super::sending::Sending;
use super::upload::Upload;
use super::{bridge, errors, outgoing, stats, waiter};
use azmqtt_device::{Device, Error, Reply, ReportedProperties};

/// One device's client.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Client {
    core: Arc<Core>,
    /// For what is not JSON. It may lead back to the client, which the garbage collector must see.
    json_default: Option<Py<PyAny>>,
}

impl Client {
    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(super) fn json_default(&self) -> JsonDefault<'_> {
        self.json_default.as_ref()
    }
}

#[pymethods]
impl Client {
    #[new]
    fn new(access: &Access, mut options: Options) -> PyResult<Self> {
        let json_default = options.json_default.take();
        let (config, timeout) = options.build(access)?;
        Ok(Self { core: Arc::new(Core::new(config, timeout)), json_default })
    }

    /// For the garbage collector.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.json_default.as_ref().map_or(Ok(()), |default| visit.call(default))
    }

    fn connect(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        let (device, timeout) = (self.core.device_to_connect(py)?, self.core.timeout(timeout)?);
        waiter::wait(py, |reply| device.connect(timeout, reply))
    }

    fn connect_async<'py>(&self, py: Python<'py>, timeout: Option<Seconds>) -> PyResult<Bound<'py, PyAny>> {
        let (device, timeout) = (self.core.device_to_connect(py)?, self.core.timeout(timeout)?);
        bridge::submit(py, |reply| device.connect(timeout, reply))
    }

    fn disconnect(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<()> {
        let (device, timeout) = (self.core.device_to_disconnect()?, self.core.timeout(timeout)?);
        waiter::wait(py, |reply| device.disconnect(timeout, reply))
    }

    fn disconnect_async<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Seconds>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (device, timeout) = (self.core.device_to_disconnect()?, self.core.timeout(timeout)?);
        bridge::submit(py, |reply| device.disconnect(timeout, reply))
    }

    fn close(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<usize> {
        let (device, timeout) = (self.core.device()?, self.core.timeout(timeout)?);
        waiter::wait(py, |reply| device.close(timeout, reply))
    }

    fn close_async<'py>(&self, py: Python<'py>, timeout: Option<Seconds>) -> PyResult<Bound<'py, PyAny>> {
        let (device, timeout) = (self.core.device()?, self.core.timeout(timeout)?);
        bridge::submit(py, |reply| device.close(timeout, reply))
    }

    /// Ends the connection without waiting for anything, for a client that nobody has any more.
    fn abandon(&self) {
        if let Some(device) = self.core.device_if_alive() {
            device.close(std::time::Duration::ZERO, Reply::ignore());
        }
    }

    fn send_message(
        &self,
        py: Python<'_>,
        message: &Bound<'_, PyAny>,
        timeout: Option<Seconds>,
    ) -> PyResult<()> {
        let (device, timeout) = (self.core.device_for_call(py)?, self.core.timeout(timeout)?);
        let message =
            outgoing::message(message, &self.core.topic, self.json_default(), Bytes::copy_from_slice)?;
        waiter::wait(py, |reply| device.send(message, timeout, reply))
    }

    fn send_message_async<'py>(
        &self,
        py: Python<'py>,
        message: &Bound<'py, PyAny>,
        timeout: Option<Seconds>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let timeout = self.core.timeout(timeout)?;
        let message =
            outgoing::message(message, &self.core.topic, self.json_default(), Bytes::copy_from_slice)?;
        bridge::submit_many(py, &*self.core, |device, reply| device.send(message, timeout, reply))
    }

    /// A call to `send_messages`: `Sending.run` is its blocking form.
    fn sending(&self, py: Python<'_>, timeout: Option<Seconds>) -> PyResult<Sending> {
        Sending::new(py, &self.core, self.json_default(), timeout)
    }

    /// Begins to upload a file; without a timeout it may take as long as it moves on.
    fn upload(&self, blob_name: String, timeout: Option<Seconds>) -> PyResult<Upload> {
        Upload::new(&self.core, blob_name, timeout)
    }

    fn get_twin<'py>(&self, py: Python<'py>, timeout: Option<Seconds>) -> PyResult<Bound<'py, PyAny>> {
        let (device, timeout) = (self.core.device_for_call(py)?, self.core.timeout(timeout)?);
        let twin = waiter::wait(py, |reply| device.get_twin(timeout, reply))?;
        Outcome::from(twin).into_python(py)
    }

    fn get_twin_async<'py>(&self, py: Python<'py>, timeout: Option<Seconds>) -> PyResult<Bound<'py, PyAny>> {
        let timeout = self.core.timeout(timeout)?;
        bridge::submit_many(py, &*self.core, |device, reply| device.get_twin(timeout, reply))
    }

    /// Calls a method of another device or module through the gateway; both timeouts of the method in seconds.
    fn invoke_method<'py>(
        &self,
        py: Python<'py>,
        call: InvokeOptions<'py>,
        timeout: f64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (device, timeout) = (self.core.device()?, span("timeout", timeout)?);
        let call = call.invocation(self.json_default())?;
        let answer = waiter::wait(py, |reply| device.invoke_method(call, timeout, reply))?;
        Outcome::from(answer).into_python(py)
    }

    fn invoke_method_async<'py>(
        &self,
        py: Python<'py>,
        call: InvokeOptions<'py>,
        timeout: f64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (device, timeout) = (self.core.device()?, span("timeout", timeout)?);
        let call = call.invocation(self.json_default())?;
        bridge::submit(py, |reply| device.invoke_method(call, timeout, reply))
    }

    fn patch_reported_properties<'py>(
        &self,
        py: Python<'py>,
        patch: &Bound<'py, PyAny>,
        if_version: Option<u64>,
        timeout: Option<Seconds>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (device, timeout) = (self.core.device_for_call(py)?, self.core.timeout(timeout)?);
        let patch = reported_patch(patch, self.json_default())?;
        let patched = waiter::wait(py, |reply| device.patch_reported(patch, if_version, timeout, reply))?;
        Outcome::from(patched).into_python(py)
    }

    fn patch_reported_properties_async<'py>(
        &self,
        py: Python<'py>,
        patch: &Bound<'py, PyAny>,
        if_version: Option<u64>,
        timeout: Option<Seconds>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let timeout = self.core.timeout(timeout)?;
        let patch = reported_patch(patch, self.json_default())?;
        bridge::submit_many(py, &*self.core, |device, reply| {
            device.patch_reported(patch, if_version, timeout, reply);
        })
    }

    /// Where the connection stands.
    #[getter]
    fn state(&self) -> &'static str {
        self.core.device_if_alive().map_or("disconnected", |device| device.state().as_str())
    }

    /// What ended the last connection or attempt.
    #[getter]
    fn last_error(&self) -> Option<String> {
        self.core.device_if_alive().and_then(Device::last_error)
    }

    /// Warns if the next call that connects takes the place of another client of the process.
    fn announce(&self, py: Python<'_>) -> PyResult<()> {
        self.core.device_for_call(py).map(drop)
    }

    /// Why nothing can be asked of the client any more, once it is closed.
    #[getter]
    fn closed_error(&self, py: Python<'_>) -> PyErr {
        errors::raise(py, &self.core.device_if_alive().map_or(Error::ClientClosed, Device::closed))
    }

    /// Everything that is counted or measured, by its name. Round trips are tuples, in seconds.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let read = self.core.seen()?.stats();
        stats::stats(py, read.counts(), read.connected_since, read.token_expiry, read.round_trips())
    }

    /// Puts what happens to the connection from now on into `log`, under the name `client`; once.
    fn log_to(&self, log: &Log, client: &str) {
        if let Some(device) = self.core.device_if_alive()
            && !self.core.logged.swap(true, Ordering::Relaxed)
        {
            device.log_to(log.inner(), client.into());
        }
    }

    #[getter]
    fn hostname(&self) -> &str {
        &self.core.config().identity.host_name
    }

    #[getter]
    fn device_id(&self) -> &str {
        &self.core.config().identity.device_id
    }

    #[getter]
    fn module_id(&self) -> Option<&str> {
        self.core.config().identity.module_id.as_deref()
    }
}

/// A patch of Python's objects.
pub(super) fn reported_patch(
    patch: &Bound<'_, PyAny>,
    default: JsonDefault<'_>,
) -> PyResult<ReportedProperties> {
    let text = to_json("patch", patch, default)?;
    ReportedProperties::from_json(text).map_err(|error| errors::value_error(&error))
}
