//! What a client, its iterators and its running calls share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pyo3::Borrowed;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt};

use super::bridge::Bursts;
use super::fork::Generation;
use super::runtime;
use azmqtt_device::{Device, DeviceConfig};
use azmqtt_dialect::topic;
use azmqtt_mqtt::Text;

/// Time spans from Python end here: about 30 years in seconds, which no clock arithmetic overflows.
const MAX_SECONDS: f64 = 1e9;

/// One client.
pub(super) struct Core {
    device: Device,
    /// For bursts.
    quiet: Device,
    generation: Generation,
    warning: PlaceWarning,
    /// What happens to it goes into the log.
    pub(super) logged: AtomicBool,
    /// For calls that name no timeout.
    pub(super) timeout: Duration,
    /// The topic of a message without properties.
    pub(super) topic: Text,
}

impl Core {
    pub(super) fn new(config: DeviceConfig, timeout: Duration) -> Self {
        let topic = topic::telemetry_prefix(&config.identity).into();
        let device = Device::among(config, runtime::handle, runtime::devices);
        Self {
            quiet: device.quiet(),
            device,
            generation: Generation::now(),
            warning: PlaceWarning::default(),
            logged: AtomicBool::new(false),
            timeout,
            topic,
        }
    }

    /// The device, if it can be worked with in this process.
    pub(super) fn device(&self) -> PyResult<&Device> {
        self.generation.check()?;
        runtime::ensure()?;
        Ok(&self.device)
    }

    /// The device for an operation that connects by itself, if clients do.
    pub(super) fn device_for_call(&self, py: Python<'_>) -> PyResult<&Device> {
        let device = self.device()?;
        if device.takes_a_place() && self.config().auto_connect {
            self.warn(py)?;
        }
        Ok(device)
    }

    /// The device, to connect.
    pub(super) fn device_to_connect(&self, py: Python<'_>) -> PyResult<&Device> {
        let device = self.device()?;
        if device.takes_a_place() {
            self.warn(py)?;
        }
        Ok(device)
    }

    /// The device, to disconnect. The next connection may take another client's place again.
    pub(super) fn device_to_disconnect(&self) -> PyResult<&Device> {
        self.warning.forget();
        self.device()
    }

    #[cold]
    fn warn(&self, py: Python<'_>) -> PyResult<()> {
        self.warning.tell(py, &self.config().identity.client_id(), "hub")
    }

    /// The device to look at: nothing is started for it.
    pub(super) fn seen(&self) -> PyResult<&Device> {
        self.generation.check()?;
        Ok(&self.device)
    }

    /// The device to look at, or to work with where nobody can be told of an error; `None` after a fork.
    pub(super) fn device_if_alive(&self) -> Option<&Device> {
        self.generation.is_current().then_some(&self.device)
    }

    /// What the device was made with; it can be looked at in any process.
    pub(super) fn config(&self) -> &DeviceConfig {
        self.device.config()
    }

    /// The timeout of one call.
    pub(super) fn timeout(&self, seconds: Option<impl Into<f64>>) -> PyResult<Duration> {
        seconds.map_or(Ok(self.timeout), |seconds| span("timeout", seconds.into()))
    }
}

impl Bursts for Core {
    type Handle = Device;

    fn handle_for_call(&self, py: Python<'_>) -> PyResult<&Device> {
        self.device_for_call(py)
    }

    fn quiet_handle(&self) -> &Device {
        &self.quiet
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if !self.generation.is_current() {
            // The parent's connection is not ours to end, and its locks may be held for ever in this copy.
            std::mem::forget(self.device.clone());
        }
    }
}

/// Whether the application was warned that a client takes the place of another one.
#[derive(Default)]
pub(super) struct PlaceWarning(AtomicBool);

impl PlaceWarning {
    /// Warns, once, that another client is about to be closed: before anything is done, so that where warnings are errors
    /// this client has not connected and the other one goes on. `server` is what keeps the newest.
    pub(super) fn tell(&self, py: Python<'_>, client_id: &str, server: &str) -> PyResult<()> {
        if !self.0.load(Ordering::Relaxed) {
            py.import("azmqtt._support.warnings")?.call_method1("takes_a_place", (client_id, server))?;
            self.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The next connection may take another client's place again.
    pub(super) fn forget(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The `timeout` of a call, whose type is told by that name.
pub(super) struct Seconds(f64);

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

impl<'py> FromPyObject<'_, 'py> for Seconds {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let number = object.extract::<f64>();
        match number {
            Ok(seconds) if !object.is_instance_of::<PyBool>() => Ok(Self(seconds)),
            // Too large an integer for a float, and for a timeout.
            Err(_) if object.is_instance_of::<PyInt>() => Ok(Self(f64::INFINITY)),
            _ => {
                let what = super::convert::type_name(&object);
                Err(PyTypeError::new_err(format!("timeout must be a number of seconds, not {what}")))
            }
        }
    }
}

/// A span of time from seconds, 0 included; `name` is shown in errors.
pub(super) fn span(name: &str, seconds: f64) -> PyResult<Duration> {
    if (0.0..=MAX_SECONDS).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(PyValueError::new_err(format!("{name} must be from 0 to 1e9 s, not {seconds}")))
    }
}
