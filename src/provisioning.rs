//! Registrations with the Device Provisioning Service for `azmqtt.provisioning`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use serde_json::Value;
use tokio::task::AbortHandle;

use super::access::{Access, Certificate};
use super::core::span;
use super::errors::value_error;
use super::fork::Generation;
use super::json_text::to_json;
use super::options::Options;
use super::outcome::Outcome;
use super::{bridge, convert, runtime, waiter};
use azmqtt_device::provisioning::register;
use azmqtt_device::{Credentials, PollWaits, ProvisioningConfig, Registered, Reply, Trust};
use azmqtt_dialect::provisioning::{Registrant, RegistrationState};
use azmqtt_dialect::{Identity, SymmetricKey};
use azmqtt_net::sync::Mutex;

/// What to register, by the names of Python's `Registering`.
#[derive(FromPyObject)]
struct Registering<'py> {
    id_scope: PyBackedStr,
    registration_id: PyBackedStr,
    symmetric_key: Option<PyBackedStr>,
    group_key: Option<PyBackedStr>,
    certificate: Option<Bound<'py, Certificate>>,
    payload: Option<Bound<'py, PyAny>>,
    provisioning_host: PyBackedStr,
    /// In seconds.
    poll_interval: f64,
}

impl Registering<'_> {
    /// From the one secret that is given.
    fn credentials(&self) -> PyResult<Credentials> {
        match (&self.symmetric_key, &self.group_key, &self.certificate) {
            (Some(key), None, None) => Ok(Credentials::key(read_key("symmetric_key", key)?)),
            (None, Some(key), None) => {
                Ok(Credentials::key(read_key("group_key", key)?.derive(&self.registration_id)))
            }
            (None, None, Some(certificate)) => Ok(Credentials::x509(certificate.get().0.clone())),
            _ => Err(PyValueError::new_err("one of symmetric_key, group_key and certificate must be given")),
        }
    }
}

/// One registration, to be run once. Shows no secret.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Provisioning {
    config: ProvisioningConfig,
    generation: Generation,
    running: Mutex<Option<AbortHandle>>,
}

#[pymethods]
impl Provisioning {
    /// `connection` has the options of the connection to the service, laid out as for a hub.
    #[new]
    fn new(registering: Registering<'_>, connection: Options) -> PyResult<Self> {
        let registrant = Registrant::new(&registering.id_scope, &registering.registration_id)
            .map_err(|error| value_error(&error))?;
        let credentials = registering.credentials()?;
        let Registering { payload, provisioning_host: host, poll_interval, .. } = registering;
        let default = connection.json_default.as_ref();
        let payload = payload.map(|payload| to_json("payload", &payload, default)).transpose()?;
        let payload: Option<Value> = payload
            .map(|payload| serde_json::from_slice(&payload))
            .transpose()
            .map_err(|error| PyValueError::new_err(format!("payload: {error}")))?;
        // What only a hub needs stays unused.
        let identity = Identity::new(&host, "registrant", None)
            .map_err(|error| PyValueError::new_err(format!("provisioning_host: {}", error.rule())))?;
        let access = Access { identity, credentials, gateway: None, trust: Trust::default() };
        let (options, _) = connection.build(&access)?;
        let config = ProvisioningConfig {
            endpoint: options.endpoint,
            payload,
            poll: PollWaits { floor: span("poll_interval", poll_interval)?, ..PollWaits::default() },
            sas_ttl: options.sas_ttl,
            retry: options.retry,
            deadlines: options.deadlines,
            product_info: options.product_info,
            ..ProvisioningConfig::new(registrant, access.credentials)
        };
        Ok(Self { config, generation: Generation::now(), running: Mutex::default() })
    }

    fn run<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Bound<'py, PyAny>> {
        let timeout = span("timeout", timeout)?;
        self.check()?;
        let registered = waiter::wait(py, |reply| self.start(timeout, reply))?;
        Outcome::from(registered).into_python(py)
    }

    fn run_async<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Bound<'py, PyAny>> {
        let timeout = span("timeout", timeout)?;
        self.check()?;
        bridge::submit(py, |reply| self.start(timeout, reply))
    }

    /// Nobody waits any more: the connection ends.
    fn abandon(&self) {
        let running = self.running.lock().take();
        if let Some(running) = running.filter(|_| self.generation.is_current()) {
            running.abort();
        }
    }

    /// The same credentials for the hub.
    fn access(&self, hostname: &str, device_id: &str) -> PyResult<Access> {
        let identity = Identity::new(hostname, device_id, None).map_err(|error| value_error(&error))?;
        Ok(Access {
            identity,
            credentials: self.config.credentials.clone(),
            gateway: None,
            trust: Trust::default(),
        })
    }

    fn __repr__(&self) -> String {
        let registrant = &self.config.registrant;
        format!("Provisioning({:?} in {:?})", registrant.registration_id, registrant.id_scope)
    }
}

impl Provisioning {
    fn check(&self) -> PyResult<()> {
        self.generation.check()?;
        runtime::ensure().map(drop)
    }

    fn start(&self, timeout: std::time::Duration, reply: Reply<Registered>) {
        let handle = register(self.config.clone(), timeout, &runtime::handle(), reply);
        *self.running.lock() = Some(handle);
    }
}

/// The key of one device, from its group's, both in base64.
#[pyfunction]
pub(super) fn derive_device_key(group_key: &str, registration_id: &str) -> PyResult<String> {
    azmqtt_dialect::provisioning::check_registration_id(registration_id)
        .map_err(|error| value_error(&error))?;
    Ok(read_key("group_key", group_key)?.derive(registration_id).as_base64())
}

fn read_key(name: &str, key: &str) -> PyResult<SymmetricKey> {
    SymmetricKey::from_pasted(key).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

/// Registration id, hub, device id, substatus, payload, created, last updated, etag.
type RegistrationFields<'py> = (
    Option<String>,
    String,
    String,
    Option<String>,
    Option<Bound<'py, PyAny>>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// What Python's `Registration` is made of, by position.
pub(super) fn registration<'py>(
    py: Python<'py>,
    registered: &Registered,
) -> PyResult<RegistrationFields<'py>> {
    let RegistrationState { registration_id, substatus, payload, created, last_updated, etag, .. } =
        registered.state.clone();
    Ok((
        registration_id,
        registered.identity.host_name.clone(),
        registered.identity.device_id.clone(),
        substatus.map(|substatus| substatus.as_str().to_owned()),
        payload.map(|payload| convert::to_python(py, &payload)).transpose()?,
        created,
        last_updated,
        etag,
    ))
}
