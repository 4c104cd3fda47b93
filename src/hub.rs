//! `_core.Hub`: the local hub for Python. Every call that may wait gives the interpreter up meanwhile.

use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use pyo3::exceptions::{PyLookupError, PyOSError, PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::core::span;
use super::errors;
use super::hub_cloud;
use super::hub_options::HubOptions;
use super::service::Service;
use azmqtt_device::Error;
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::twin;
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_hub::{Authentication, HubError, ListenError, SignedBy, TelemetryMessage, Whose};
use azmqtt_net::sync::Mutex;

/// A running hub.
#[pyclass(frozen, module = "azmqtt._core")]
pub struct Hub(pub(super) Service<azmqtt_hub::Hub>);

/// Names and values, in order.
type Pairs = Vec<(String, String)>;

/// A message: number, device, module, body, application properties, system properties, Unix time in seconds.
type Message<'py> =
    (u64, String, Option<String>, Bound<'py, PyBytes>, Pairs, Vec<(&'static str, String)>, f64);

/// An upload that ended: device, blob, (success, status, description), correlation id, size, Unix time.
type EndedUpload = (String, String, (bool, i32, String), String, Option<usize>, u64);

#[pymethods]
impl Hub {
    /// Starts a hub; returns when it listens.
    #[new]
    fn start(py: Python<'_>, options: HubOptions) -> PyResult<Self> {
        let config = options.into_config()?;
        py.detach(|| azmqtt_hub::Hub::start(config)).map(|hub| Self(Service::new(hub))).map_err(to_python)
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }

    #[getter]
    fn stopped(&self) -> bool {
        self.0.is_stopped()
    }

    #[getter]
    fn port(&self) -> u16 {
        self.0.port()
    }

    #[getter]
    fn websocket_port(&self) -> u16 {
        self.0.https_port()
    }

    #[getter]
    fn service_port(&self) -> u16 {
        self.0.service_port()
    }

    /// Of the policy that may do everything.
    #[getter]
    fn service_connection_string(&self) -> PyResult<String> {
        self.0.service_connection_string().map_err(to_python)
    }

    /// Of a policy, by its name.
    fn policy_connection_string(&self, name: &str) -> PyResult<String> {
        self.0.policy_connection_string(name).map_err(to_python)
    }

    /// A one-time link to the page in the browser.
    fn page_url(&self) -> PyResult<String> {
        self.0.page_url().map_err(to_python)
    }

    #[getter]
    fn hostname(&self) -> &str {
        self.0.hostname()
    }

    #[getter]
    fn ca_pem(&self) -> &str {
        self.0.ca_pem()
    }

    /// As text: a path would have `pathlib` imported, which takes longer than the hub to start.
    #[getter]
    fn ca_file(&self) -> &OsStr {
        self.0.ca_file().as_os_str()
    }

    /// `key` in base64; a random one without it.
    fn create_device(&self, py: Python<'_>, device_id: &str, key: Option<&str>) -> PyResult<()> {
        let key = key.map(SymmetricKey::from_pasted).transpose().map_err(HubError::Key).map_err(to_python)?;
        py.detach(|| self.0.create_device(device_id, key)).map_err(to_python)
    }

    /// A device or module with a certificate: known by its thumbprints, in hex, or by who signed it.
    #[pyo3(signature = (device_id, thumbprints, module_id=None))]
    fn create_x509_device(
        &self,
        py: Python<'_>,
        device_id: &str,
        thumbprints: Option<(String, Option<String>)>,
        module_id: Option<&str>,
    ) -> PyResult<()> {
        let read = |text: &str| {
            Thumbprint::from_pasted(text)
                .map_err(|error| PyValueError::new_err(format!("x509_thumbprint: {error}")))
        };
        let how = match thumbprints {
            None => Authentication::CertificateAuthority,
            Some((primary, secondary)) => Authentication::SelfSigned {
                primary: Some(read(&primary)?),
                secondary: secondary.as_deref().map(read).transpose()?,
            },
        };
        py.detach(|| match module_id {
            None => self.0.create_x509_device(device_id, how),
            Some(module_id) => self.0.create_x509_module(device_id, module_id, how),
        })
        .map_err(to_python)
    }

    /// Takes client certificates that the authorities in `pem` signed.
    fn add_ca(&self, py: Python<'_>, pem: &[u8]) -> PyResult<()> {
        py.detach(|| self.0.add_client_authority(pem)).map_err(to_python)
    }

    /// A certificate for tests: PEM, its key's PEM, its SHA-256 thumbprint, from when and up to when it is valid, in Unix
    /// seconds. `ago` and `life` in seconds.
    fn create_certificate(
        &self,
        py: Python<'_>,
        common_name: &str,
        ago: f64,
        life: f64,
        self_signed: bool,
    ) -> PyResult<(String, String, String, u64, u64)> {
        let (ago, life) = (span("ago", ago)?, span("life", life)?);
        let signed_by = if self_signed { SignedBy::Itself } else { SignedBy::Hub };
        let made = py.detach(|| self.0.create_certificate(common_name, ago, life, signed_by));
        let made = made.map_err(to_python)?;
        let thumbprint = made.thumbprint.to_string();
        Ok((made.certificate, made.private_key, thumbprint, made.not_before, made.not_after))
    }

    fn remove_device(&self, py: Python<'_>, device_id: &str) -> PyResult<()> {
        py.detach(|| self.0.remove_device(device_id)).map_err(to_python)
    }

    fn set_enabled(&self, py: Python<'_>, device_id: &str, enabled: bool) -> PyResult<()> {
        py.detach(|| self.0.set_enabled(device_id, enabled)).map_err(to_python)
    }

    fn has_device(&self, device_id: &str) -> bool {
        self.0.has_device(device_id)
    }

    fn device_ids(&self) -> Vec<String> {
        self.0.device_ids()
    }

    fn create_module(
        &self,
        py: Python<'_>,
        device_id: &str,
        module_id: &str,
        key: Option<&str>,
    ) -> PyResult<()> {
        let key = key.map(SymmetricKey::from_pasted).transpose().map_err(HubError::Key).map_err(to_python)?;
        py.detach(|| self.0.create_module(device_id, module_id, key)).map_err(to_python)
    }

    fn remove_module(&self, py: Python<'_>, device_id: &str, module_id: &str) -> PyResult<()> {
        py.detach(|| self.0.remove_module(device_id, module_id)).map_err(to_python)
    }

    fn has_module(&self, device_id: &str, module_id: &str) -> bool {
        self.0.has_module(device_id, module_id)
    }

    fn module_ids(&self, device_id: &str) -> PyResult<Vec<String>> {
        self.0.module_ids(device_id).map_err(to_python)
    }

    #[pyo3(signature = (device_id, module_id=None))]
    fn connection_string(&self, device_id: &str, module_id: Option<&str>) -> PyResult<String> {
        self.0.connection_string((device_id, module_id)).map_err(to_python)
    }

    /// The twin's service view, in JSON.
    #[pyo3(signature = (device_id, module_id=None))]
    fn twin(&self, py: Python<'_>, device_id: &str, module_id: Option<&str>) -> PyResult<String> {
        py.detach(|| self.0.twin((device_id, module_id))).map(|twin| twin.to_string()).map_err(to_python)
    }

    /// `patch` in JSON; the new version.
    #[pyo3(signature = (device_id, patch, module_id=None))]
    fn patch_desired(
        &self,
        py: Python<'_>,
        device_id: &str,
        patch: &str,
        module_id: Option<&str>,
    ) -> PyResult<u64> {
        let patched = py.detach(|| {
            let patch = twin::parse_patch(patch.as_bytes()).map_err(HubError::Twin)?;
            self.0.patch_desired((device_id, module_id), &patch)
        });
        patched.map_err(to_python)
    }

    /// A page of rows in JSON, and what to ask for the next one with.
    fn query(
        &self,
        py: Python<'_>,
        query: &str,
        size: usize,
        continuation: Option<&str>,
    ) -> PyResult<(String, Option<String>)> {
        let page = py.detach(|| self.0.query(query, Some(size), continuation)).map_err(to_python)?;
        Ok((page.body, page.continuation))
    }

    /// `properties` under their wire names (`$.mid`, …) or the application's; `None` is null. The message's id.
    fn send_c2d(
        &self,
        py: Python<'_>,
        device_id: &str,
        body: &[u8],
        properties: Vec<(String, Option<String>)>,
        ttl: Option<f64>,
    ) -> PyResult<String> {
        let message = hub_cloud::message(body, properties, ttl)?;
        py.detach(|| self.0.send_c2d_message(device_id, message)).map_err(to_python)
    }

    /// A message to an input of a module; `properties` as for `send_c2d`.
    fn send_to_input(
        &self,
        device_id: &str,
        module_id: &str,
        input_name: &str,
        body: &[u8],
        properties: Pairs,
    ) -> PyResult<()> {
        let properties = properties.into_iter().map(|(name, value)| (name, Some(value))).collect();
        let message = hub_cloud::message(body, properties, None)?;
        self.0
            .send_to_input(device_id, module_id, input_name, message.body, message.properties)
            .map_err(to_python)
    }

    fn pending_inputs(&self, device_id: &str, module_id: &str) -> PyResult<usize> {
        self.0.pending_inputs(device_id, module_id).map_err(to_python)
    }

    fn pending_c2d(&self, device_id: &str) -> PyResult<usize> {
        self.0.pending_c2d(device_id).map_err(to_python)
    }

    fn purge_c2d(&self, py: Python<'_>, device_id: &str) -> PyResult<usize> {
        py.detach(|| self.0.purge_c2d(device_id)).map_err(to_python)
    }

    /// The records of feedback of a device, or of all.
    fn feedback(&self, device_id: Option<&str>) -> Vec<hub_cloud::Record> {
        self.0.feedback(device_id).into_iter().map(hub_cloud::record).collect()
    }

    /// Waits for at most `timeout` seconds; whether there are so many records.
    fn wait_for_feedback(
        &self,
        py: Python<'_>,
        device_id: Option<&str>,
        count: usize,
        timeout: f64,
    ) -> PyResult<bool> {
        let timeout = seconds(timeout)?;
        Ok(py.detach(|| self.0.wait_for_feedback(device_id, count, timeout)))
    }

    /// Uploads that ended: device, blob, success, status, description, correlation id, size, Unix time.
    fn uploads(&self, device_id: Option<&str>) -> Vec<EndedUpload> {
        let records = self.0.uploads(device_id).into_iter().map(|record| {
            let said = record.notification;
            let status = (said.is_success, said.status_code, said.status_description);
            (record.device_id, record.blob_name, status, said.correlation_id, record.size, record.time)
        });
        records.collect()
    }

    /// Waits for at most `timeout` seconds; whether so many uploads have ended.
    fn wait_for_upload(
        &self,
        py: Python<'_>,
        device_id: Option<&str>,
        count: usize,
        timeout: f64,
    ) -> PyResult<bool> {
        let timeout = seconds(timeout)?;
        Ok(py.detach(|| self.0.wait_for_upload(device_id, count, timeout)))
    }

    /// A blob's content and its type.
    fn blob<'py>(&self, py: Python<'py>, name: &str) -> Option<(Bound<'py, PyBytes>, String)> {
        let blob = self.0.blob(name)?;
        let content = py.detach(|| blob.parts.concat());
        Some((PyBytes::new(py, &content), blob.content_type))
    }

    /// Begins to call a method; `payload` in JSON. Both timeouts in seconds.
    #[pyo3(signature = (device_id, name, payload, response_timeout, connect_timeout, module_id=None))]
    fn begin_method(
        &self,
        device_id: &str,
        name: &str,
        payload: &str,
        response_timeout: f64,
        connect_timeout: f64,
        module_id: Option<&str>,
    ) -> PyResult<PendingCall> {
        let response_timeout = span("response_timeout", response_timeout)?;
        let connect_timeout = span("connect_timeout", connect_timeout)?;
        self.0
            .begin_method((device_id, module_id), name, payload.as_bytes(), response_timeout, connect_timeout)
            .map(|call| PendingCall(Mutex::new(call)))
            .map_err(to_python)
    }

    /// The recorded messages of a device or module, or of all, after a sequence number.
    #[pyo3(signature = (device_id, after, module_id=None))]
    fn telemetry<'py>(
        &self,
        py: Python<'py>,
        device_id: Option<&str>,
        after: u64,
        module_id: Option<&str>,
    ) -> Vec<Message<'py>> {
        let messages = py.detach(|| self.0.telemetry_after(whose(device_id, module_id), after));
        messages.iter().map(|message| to_tuple(py, message)).collect()
    }

    #[pyo3(signature = (device_id, module_id=None))]
    fn telemetry_count(&self, device_id: Option<&str>, module_id: Option<&str>) -> PyResult<u64> {
        self.0.telemetry_count(whose(device_id, module_id)).map_err(to_python)
    }

    /// Waits for at most `timeout` seconds; whether so many messages have come.
    #[pyo3(signature = (device_id, count, timeout, module_id=None))]
    fn wait_for_count(
        &self,
        py: Python<'_>,
        device_id: Option<&str>,
        count: u64,
        timeout: f64,
        module_id: Option<&str>,
    ) -> PyResult<bool> {
        let timeout = seconds(timeout)?;
        py.detach(|| self.0.wait_for_telemetry_count(whose(device_id, module_id), count, timeout))
            .map(|got| got >= count)
            .map_err(to_python)
    }

    /// Waits for at most `timeout` seconds for events after a number. The next ones, a JSON object each; there may be more.
    fn events_after(&self, py: Python<'_>, after: u64, timeout: f64) -> PyResult<Vec<String>> {
        let timeout = seconds(timeout)?;
        Ok(py.detach(|| self.0.events_after(after, timeout)))
    }

    /// The number of the newest event; 0 before the first.
    fn event_count(&self) -> u64 {
        self.0.event_count()
    }

    #[pyo3(signature = (device_id, module_id=None))]
    fn connected(&self, device_id: &str, module_id: Option<&str>) -> PyResult<bool> {
        self.0.connected((device_id, module_id)).map_err(to_python)
    }

    /// Waits for at most `timeout` seconds; whether it is as asked for.
    #[pyo3(signature = (device_id, connected, timeout, module_id=None))]
    fn wait_for_connection(
        &self,
        py: Python<'_>,
        device_id: &str,
        connected: bool,
        timeout: f64,
        module_id: Option<&str>,
    ) -> PyResult<bool> {
        let timeout = seconds(timeout)?;
        py.detach(|| self.0.wait_for_connection((device_id, module_id), connected, timeout))
            .map_err(to_python)
    }

    #[pyo3(signature = (device_id, module_id=None))]
    fn connection_count(&self, device_id: &str, module_id: Option<&str>) -> PyResult<u64> {
        self.0.connection_count((device_id, module_id)).map_err(to_python)
    }

    #[pyo3(signature = (device_id, module_id=None))]
    fn last_close(&self, device_id: &str, module_id: Option<&str>) -> PyResult<Option<String>> {
        let reason = self.0.last_close((device_id, module_id)).map_err(to_python)?;
        Ok(reason.map(|reason| reason.to_string()))
    }

    #[getter]
    fn last_refusal(&self) -> Option<String> {
        self.0.last_refusal()
    }

    #[pyo3(signature = (device_id, module_id=None))]
    fn disconnect(&self, py: Python<'_>, device_id: &str, module_id: Option<&str>) -> PyResult<bool> {
        py.detach(|| self.0.disconnect((device_id, module_id))).map_err(to_python)
    }

    #[pyo3(signature = (device_id, module_id=None))]
    fn expire_token(&self, py: Python<'_>, device_id: &str, module_id: Option<&str>) -> PyResult<bool> {
        py.detach(|| self.0.expire_token((device_id, module_id))).map_err(to_python)
    }
}

/// A call of a method under way.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct PendingCall(Mutex<azmqtt_hub::PendingCall>);

#[pymethods]
impl PendingCall {
    /// Waits for at most `timeout` seconds: the status and the body, or `None` for not yet.
    fn wait<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Option<(i32, Bound<'py, PyBytes>)>> {
        let timeout = span("timeout", timeout)?;
        let waited = py.detach(|| self.0.lock().wait(timeout));
        match waited {
            Ok(result) => Ok(result.map(|result| (result.status, PyBytes::new(py, &result.payload)))),
            Err(HubError::Method(error)) => {
                Err(errors::raise(py, &Error::RequestFailed { status: error.status, error }))
            }
            Err(error) => Err(to_python(error)),
        }
    }
}

fn to_tuple<'py>(py: Python<'py>, message: &TelemetryMessage) -> Message<'py> {
    let since = message.enqueued_time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (
        message.sequence,
        message.source.device_id.clone(),
        message.source.module_id.clone(),
        PyBytes::new(py, &message.body),
        message.properties.application.clone(),
        message.system_properties(),
        since.as_secs_f64(),
    )
}

/// A device's or module's messages, or everybody's.
pub(super) fn whose<'a>(device_id: Option<&'a str>, module_id: Option<&'a str>) -> Whose<'a> {
    device_id.map_or(Whose::Everybody, |device_id| Whose::One((device_id, module_id).into()))
}

fn seconds(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(format!("timeout: {error}")))
}

pub(super) fn to_python(error: HubError) -> PyErr {
    let text = error.to_string();
    match error {
        HubError::Listen(ListenError::Bind { source, .. }) | HubError::File { source, .. } => {
            errors::os_error(&source, text)
        }
        HubError::Listen(ListenError::Resolve { .. }) | HubError::System(_) | HubError::StateInUse(_) => {
            PyOSError::new_err(text)
        }
        HubError::Corrupt { .. } => errors::damaged_state(&text),
        HubError::ClientAuthority(_)
        | HubError::Identity(_)
        | HubError::Key(_)
        | HubError::DeviceExists(_)
        | HubError::ModuleExists(_)
        | HubError::EtagMismatch { .. }
        | HubError::EtagMissing
        | HubError::TwinEtagMismatch(_)
        | HubError::Argument(_)
        | HubError::InputName(_)
        | HubError::EnrollmentExists(_)
        | HubError::Query(_)
        | HubError::Continuation
        | HubError::Twin(_)
        | HubError::Fault(_)
        | HubError::MethodName(_)
        | HubError::MethodPayload(_)
        | HubError::MessageTooLarge { .. }
        | HubError::TopicTooLong { .. } => PyValueError::new_err(text),
        HubError::DeviceNotFound(_)
        | HubError::ModuleNotFound(_)
        | HubError::EnrollmentNotFound(_)
        | HubError::RegistrationNotFound(_)
        | HubError::PolicyNotFound(_) => PyLookupError::new_err(text),
        HubError::Timeout { .. } => PyTimeoutError::new_err(text),
        HubError::Certificate(_)
        | HubError::QueueFull { .. }
        | HubError::TooManyModules(_)
        | HubError::Method(_)
        | HubError::Service(_)
        | HubError::Stopped => PyRuntimeError::new_err(text),
    }
}
