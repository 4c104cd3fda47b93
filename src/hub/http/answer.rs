//! What answers of the hub's HTTPS side have in common.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;

use super::super::error::HubError;
use crate::dialect::ServiceError;
use crate::dialect::service_error::ErrorCode;

/// A refusal as the service's REST API writes it: the error's name in `iothub-errorcode`, the rest in the body.
pub(super) struct Refusal(Box<ServiceError>);

impl Refusal {
    pub(super) fn new(error_code: u32, message: impl Into<String>) -> Self {
        Self(Box::new(ServiceError::new(error_code, message)))
    }
}

impl From<HubError> for Refusal {
    fn from(error: HubError) -> Self {
        let code = match &error {
            HubError::DeviceNotFound(_) => ErrorCode::DEVICE_NOT_FOUND,
            HubError::ModuleNotFound(_) => ErrorCode::MODULE_NOT_FOUND,
            HubError::MethodName(_) | HubError::MethodPayload(_) => ErrorCode::ARGUMENT_INVALID,
            _ => ErrorCode::SERVER_ERROR,
        };
        match error {
            HubError::Method(error) => Self(error),
            other => Self::new(code, other.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let name = self.0.error_code.and_then(ErrorCode::name).unwrap_or("ServerError");
        let headers = [("iothub-errorcode", name), ("content-type", "application/json; charset=utf-8")];
        (status, headers, self.0.to_rest_body()).into_response()
    }
}

/// The first parameter of that name in a query, decoded.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let parts = query?.split('&').filter_map(|part| part.split_once('='));
    let value = parts.filter(|(found, _)| *found == name).map(|(_, value)| value).next()?;
    percent_decode_str(value).decode_utf8().ok().map(Cow::into_owned)
}
