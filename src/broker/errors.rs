//! From the errors of a broker's client to the exceptions that `azmqtt._errors` defines.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::new;
use azmqtt_client::Error;
use azmqtt_mqtt::ReasonCode;

/// Makes the exception for `error`.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).unwrap_or_else(|failed| failed)
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let details = PyDict::new(py);
    let number = |code: &Option<ReasonCode>| code.map(|code| code as u8);
    let class = match error {
        Error::ConnectionFailed { step, code, .. } => {
            details.set_item("step", step.to_string())?;
            details.set_item("reason_code", number(code))?;
            "ConnectionFailed"
        }
        Error::AuthenticationFailed { code, .. } => {
            details.set_item("reason_code", number(code))?;
            "AuthenticationFailed"
        }
        Error::ConnectionLost { code, .. } => {
            details.set_item("reason_code", number(code))?;
            "ConnectionLost"
        }
        Error::Timeout { .. } => "RequestTimeout",
        Error::OutboxFull { .. } => "OutboxFull",
        Error::PacketTooLarge { .. } => "MessageTooLarge",
        Error::PublishRefused { code, reason } => {
            details.set_item("reason_code", *code as u8)?;
            details.set_item("reason_string", reason.as_deref())?;
            "PublishRefused"
        }
        Error::SubscribeRefused { codes, reason } => {
            let codes: Vec<_> = codes.iter().map(|code| *code as u8).map(u16::from).collect();
            details.set_item("reason_codes", codes)?;
            details.set_item("reason_string", reason.as_deref())?;
            "SubscribeRefused"
        }
        Error::Expired => "MessageExpired",
        Error::DeliveryUnknown => "DeliveryUnknown",
        Error::SessionLost => "SessionLost",
        Error::TakenOver => {
            details.set_item("reason_code", ReasonCode::SessionTakenOver as u8)?;
            "SessionTakenOver"
        }
        Error::ServerMoved { code, reference } => {
            details.set_item("reason_code", *code as u8)?;
            details.set_item("server_reference", reference.as_deref())?;
            "ServerMoved"
        }
        Error::NotSupported { .. } | Error::NeedsMqtt5 { .. } => "NotSupported",
        Error::Invalid { reason } => return Ok(PyValueError::new_err(reason.clone())),
        Error::Closed | Error::Replaced { .. } => "ClientClosed",
    };
    new(py, class, &error.to_string(), Some(&details))
}
