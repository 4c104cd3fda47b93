//! `_core.ProvisioningService`: the provisioning service of a local hub.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use serde_json::Value;

use super::convert;
use super::core::span;
use super::hub::{Hub, to_python};
use super::json_text::to_json;
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_dialect::{ServiceError, SymmetricKey};
use azmqtt_hub::provisioning::enrollment::Attestation;
use azmqtt_hub::provisioning::{Allocation, Enrollment, EnrollmentGroup, Fault};
use azmqtt_hub::{Authentication, HubError};

/// What devices show: two keys in base64, a random one for each that is absent; or thumbprints in hex; or whatever an
/// authority of the hub signed.
type Shown = ([Option<String>; 2], Option<(String, Option<String>)>, bool);

/// Registration id, device id, group, substatus, payload, how often.
type Record<'py> = (String, String, Option<String>, String, Option<Bound<'py, PyAny>>, u64);

/// Operation id, registration id, group, payload.
type Request<'py> = (String, String, Option<String>, Option<Bound<'py, PyAny>>);

#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct ProvisioningService {
    hub: Arc<azmqtt_hub::Hub>,
    /// For what is not JSON.
    json_default: Option<Py<PyAny>>,
}

#[pymethods]
impl ProvisioningService {
    #[new]
    fn new(hub: &Hub, json_default: Option<Py<PyAny>>) -> Self {
        Self { hub: hub.0.share(), json_default }
    }

    /// For the garbage collector.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.json_default.as_ref().map_or(Ok(()), |default| visit.call(default))
    }

    #[getter]
    fn id_scope(&self) -> &str {
        self.hub.id_scope()
    }

    #[getter]
    fn host(&self) -> &str {
        self.hub.provisioning_host()
    }

    #[getter]
    fn port(&self) -> u16 {
        self.hub.provisioning_port()
    }

    #[getter]
    fn service_connection_string(&self) -> String {
        self.hub.provisioning_service_connection_string()
    }

    /// `initial_twin` is JSON-able.
    fn create_enrollment(
        &self,
        py: Python<'_>,
        registration_id: &str,
        shown: Shown,
        device_id: Option<String>,
        initial_twin: Option<&Bound<'_, PyAny>>,
        enabled: bool,
    ) -> PyResult<()> {
        let mut enrollment = Enrollment::new(registration_id, attestation(shown)?);
        enrollment.device_id = device_id;
        enrollment.policy.enabled = enabled;
        enrollment.policy.initial_twin = self.json("initial_twin", initial_twin)?;
        py.detach(|| self.hub.create_enrollment(enrollment)).map_err(to_python)
    }

    fn create_group(
        &self,
        py: Python<'_>,
        name: &str,
        shown: Shown,
        initial_twin: Option<&Bound<'_, PyAny>>,
        enabled: bool,
    ) -> PyResult<()> {
        let mut group = EnrollmentGroup::new(name, attestation(shown)?);
        group.policy.enabled = enabled;
        group.policy.initial_twin = self.json("initial_twin", initial_twin)?;
        py.detach(|| self.hub.create_enrollment_group(group)).map_err(to_python)
    }

    fn enrollment_keys(&self, registration_id: &str) -> PyResult<Option<[String; 2]>> {
        self.hub.enrollment_keys(registration_id).map_err(to_python)
    }

    fn group_keys(&self, name: &str) -> PyResult<Option<[String; 2]>> {
        self.hub.enrollment_group_keys(name).map_err(to_python)
    }

    fn set_enrollment_enabled(&self, py: Python<'_>, registration_id: &str, enabled: bool) -> PyResult<()> {
        py.detach(|| self.hub.set_enrollment_enabled(registration_id, enabled)).map_err(to_python)
    }

    fn set_group_enabled(&self, py: Python<'_>, name: &str, enabled: bool) -> PyResult<()> {
        py.detach(|| self.hub.set_enrollment_group_enabled(name, enabled)).map_err(to_python)
    }

    fn remove_enrollment(&self, py: Python<'_>, registration_id: &str) -> PyResult<()> {
        py.detach(|| self.hub.remove_enrollment(registration_id)).map_err(to_python)
    }

    fn remove_group(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        py.detach(|| self.hub.remove_enrollment_group(name)).map_err(to_python)
    }

    fn registrations<'py>(&self, py: Python<'py>) -> PyResult<Vec<Record<'py>>> {
        let records = self.hub.registrations();
        let convert = |record: azmqtt_hub::provisioning::Record| {
            Ok((
                record.registration_id,
                record.device_id,
                record.group,
                record.substatus.as_str().to_owned(),
                record.payload.map(|payload| convert::to_python(py, &payload)).transpose()?,
                record.count,
            ))
        };
        records.into_iter().map(convert).collect()
    }

    fn remove_registration(&self, py: Python<'_>, registration_id: &str) -> PyResult<()> {
        py.detach(|| self.hub.remove_registration(registration_id)).map_err(to_python)
    }

    fn set_pace(&self, polls: u32, retry_after: u64) {
        self.hub.set_provisioning_pace(polls, retry_after);
    }

    /// The next `count` requests are answered with this error.
    fn add_errors(&self, count: usize, error_code: u32, message: &str, retry_after: Option<u64>) {
        let error = ServiceError { retry_after, ..ServiceError::new(error_code, message) };
        self.hub.add_provisioning_faults(std::iter::repeat_n(Fault::Answer(error), count));
    }

    /// The next `count` requests are not answered, or end their connection.
    fn add_silence(&self, count: usize, close: bool) {
        let fault = if close { Fault::Close } else { Fault::Silence };
        self.hub.add_provisioning_faults(std::iter::repeat_n(fault, count));
    }

    fn set_custom_allocation(&self, wanted: bool) {
        self.hub.set_custom_allocation(wanted);
    }

    /// Waits for at most `timeout` seconds.
    fn next_allocation<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Option<Request<'py>>> {
        let timeout: Duration = span("timeout", timeout)?;
        let Some(request) = py.detach(|| self.hub.next_allocation(timeout)) else { return Ok(None) };
        let payload = request.payload.map(|payload| convert::to_python(py, &payload)).transpose()?;
        Ok(Some((request.operation_id, request.registration_id, request.group, payload)))
    }

    fn allocate(
        &self,
        operation_id: &str,
        payload: Option<&Bound<'_, PyAny>>,
        device_id: Option<String>,
        initial_twin: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let payload = self.json("payload", payload)?;
        let initial_twin = self.json("initial_twin", initial_twin)?;
        Ok(self.hub.answer_allocation(operation_id, Ok(Allocation { payload, device_id, initial_twin })))
    }

    fn refuse(&self, operation_id: &str, message: String) -> bool {
        self.hub.answer_allocation(operation_id, Err(message))
    }
}

impl ProvisioningService {
    fn json(&self, name: &str, object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Value>> {
        let Some(object) = object else { return Ok(None) };
        let text = to_json(name, object, self.json_default.as_ref())?;
        let value = serde_json::from_slice(&text);
        value.map(Some).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
    }
}

fn attestation((keys, thumbprints, ca): Shown) -> PyResult<Attestation> {
    let thumbprint = |text: String| {
        Thumbprint::from_pasted(&text)
            .map_err(|error| PyValueError::new_err(format!("x509_thumbprint: {error}")))
    };
    if ca {
        return Ok(Attestation::Certificate(Authentication::CertificateAuthority));
    }
    if let Some((primary, secondary)) = thumbprints {
        let (primary, secondary) = (Some(thumbprint(primary)?), secondary.map(thumbprint).transpose()?);
        return Ok(Attestation::Certificate(Authentication::SelfSigned { primary, secondary }));
    }
    let key = |key: Option<String>| match key {
        Some(key) => SymmetricKey::from_pasted(&key).map_err(HubError::Key),
        None => azmqtt_hub::random_key().map_err(HubError::System),
    };
    let [primary, secondary] = keys.map(|text| key(text).map_err(to_python));
    Ok([primary?, secondary?].into())
}
