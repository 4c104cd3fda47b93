//! From the core's errors to the exceptions that `azmqtt._errors` defines.

use std::io;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use super::{broker, convert};
use azmqtt_client::Reply;
use azmqtt_client::reply::Closed;
use azmqtt_device::Error;
use azmqtt_dialect::MessageError;

/// What went wrong in any core.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Between a device and its hub.
    Device(Error),
    /// Between a client and its broker.
    Broker(azmqtt_client::Error),
}

impl Failure {
    /// Whether it is only that the client is closed.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Device(Error::ClientClosed) | Self::Broker(azmqtt_client::Error::Closed))
    }

    /// Makes the exception for it.
    pub(super) fn raise(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Device(error) => raise(py, error),
            Self::Broker(error) => broker::raise(py, error),
        }
    }
}

impl Closed for Failure {
    fn closed() -> Self {
        Self::Device(Error::closed())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

impl From<azmqtt_client::Error> for Failure {
    fn from(error: azmqtt_client::Error) -> Self {
        Self::Broker(error)
    }
}

/// The error of a core.
pub(super) trait Fails: Closed + Into<Failure> + Send + 'static {}

impl<E: Closed + Into<Failure> + Send + 'static> Fails for E {}

/// A reply for a core whose errors are of one kind, in the place of one that takes any.
pub(super) fn of_any<T: 'static, E: Fails>(reply: Reply<T, Failure>) -> Reply<T, E> {
    Reply::new(move |outcome: Result<T, E>| reply.send(outcome.map_err(Into::into)))
}

/// Makes the exception for `error`.
pub(super) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).unwrap_or_else(|failed| failed)
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let details = PyDict::new(py);
    let class = match error {
        Error::ConnectionFailed { step, .. } => {
            details.set_item("step", step.to_string())?;
            "ConnectionFailed"
        }
        Error::AuthenticationFailed { .. } => "AuthenticationFailed",
        Error::ConnectionLost { .. } => "ConnectionLost",
        Error::RequestTimeout { .. } => "RequestTimeout",
        Error::RequestFailed { status, error } => {
            details.set_item("status", status)?;
            details.set_item("error_code", error.error_code)?;
            details.set_item("tracking_id", error.tracking_id.as_deref())?;
            details.set_item("message", &error.message)?;
            if *status == 429 {
                details.set_item("retry_after", error.retry_after)?;
            }
            match status {
                412 => "PreconditionFailed",
                429 => "Throttled",
                _ => "RequestFailed",
            }
        }
        Error::ProvisioningFailed(failure) => {
            let error = &failure.error;
            details.set_item("status", error.status)?;
            details.set_item("error_code", error.error_code)?;
            details.set_item("tracking_id", error.tracking_id.as_deref())?;
            details.set_item("message", &error.message)?;
            if error.status == 429 {
                details.set_item("retry_after", error.retry_after)?;
                "Throttled"
            } else {
                let state = failure.state.as_ref().map(|state| convert::to_python(py, &state.to_json()));
                details.set_item("registration_state", state.transpose()?)?;
                "ProvisioningFailed"
            }
        }
        Error::BadAnswer { .. } => "BadAnswer",
        Error::UploadFailed { step, status, code, .. } => {
            details.set_item("step", step)?;
            details.set_item("status", status)?;
            details.set_item("error_code", code)?;
            "UploadFailed"
        }
        Error::OutboxFull { .. } => "OutboxFull",
        Error::ClientClosed | Error::Replaced { .. } => "ClientClosed",
    };
    new(py, class, &error.to_string(), Some(&details))
}

/// Makes the exception for a message that breaks a rule of the service.
pub(super) fn message(py: Python<'_>, error: &MessageError) -> PyErr {
    match error {
        MessageError::Field { .. } => PyValueError::new_err(error.to_string()),
        MessageError::TooLarge { .. } | MessageError::TopicTooLong { .. } => {
            too_large(py, &error.to_string())
        }
    }
}

/// Makes a `MessageTooLarge`.
pub(super) fn too_large(py: Python<'_>, text: &str) -> PyErr {
    new(py, "MessageTooLarge", text, None).unwrap_or_else(|failed| failed)
}

/// Makes a `ThreadUnavailable`.
pub(super) fn thread_unavailable(text: &str) -> PyErr {
    Python::attach(|py| new(py, "ThreadUnavailable", text, None).unwrap_or_else(|failed| failed))
}

/// Makes a `DamagedState`.
pub(super) fn damaged_state(text: &str) -> PyErr {
    Python::attach(|py| new(py, "DamagedState", text, None).unwrap_or_else(|failed| failed))
}

/// An argument that breaks a rule.
pub(super) fn value_error(error: &impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

pub(super) fn new(
    py: Python<'_>,
    class: &str,
    text: &str,
    details: Option<&Bound<'_, PyDict>>,
) -> PyResult<PyErr> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("azmqtt._errors").map(Bound::unbind))?;
    let class = module.bind(py).getattr(class)?.cast_into::<PyType>()?;
    Ok(PyErr::from_value(class.call((text,), details)?))
}

/// With the system's number Python picks the fitting subclass, such as `PermissionError`. Windows has numbers of its own,
/// which Python takes in the fourth place, and translates; elsewhere it looks at the first alone.
pub(super) fn os_error(source: &io::Error, text: String) -> PyErr {
    match source.raw_os_error() {
        Some(number) => PyOSError::new_err((number, text, None::<String>, number)),
        None => PyOSError::new_err(text),
    }
}
