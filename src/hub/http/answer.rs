//! What answers of the hub's HTTPS side have in common.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::time::timeout;

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
        let headers = [("iothub-errorcode", name), JSON];
        (status, headers, self.0.to_rest_body()).into_response()
    }
}

/// The type of every answer with a body.
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

/// An answer that is JSON.
pub(super) struct JsonBody(pub(super) Value);

impl IntoResponse for JsonBody {
    fn into_response(self) -> Response {
        ([JSON], self.0.to_string()).into_response()
    }
}

/// How long the rest of a refused request is passed over.
const LINGER: Duration = Duration::from_secs(1);

/// Passes over the body of a refused request, so that an honest sender gets to read why: closing on unread input would
/// reset the connection.
pub(super) async fn pass_over(body: Body) {
    let mut body = body.into_data_stream();
    // A sender that takes longer than this must do without.
    let _ = timeout(LINGER, async { while let Some(Ok(_)) = body.next().await {} }).await;
}

/// The body of a request whose sender is `admitted`: no stranger's is read.
pub(super) async fn read_body<T>(
    admitted: Result<T, Refusal>,
    body: Body,
    most: usize,
) -> Result<(T, Bytes), Refusal> {
    match admitted {
        Ok(admitted) => {
            let invalid = |_| Refusal::new(ErrorCode::ARGUMENT_INVALID, "the body is too long or not whole");
            Ok((admitted, to_bytes(body, most).await.map_err(invalid)?))
        }
        Err(refusal) => {
            pass_over(body).await;
            Err(refusal)
        }
    }
}

/// The first parameter of that name in a query, decoded.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let parts = query?.split('&').filter_map(|part| part.split_once('='));
    let value = parts.filter(|(found, _)| *found == name).map(|(_, value)| value).next()?;
    percent_decode_str(value).decode_utf8().ok().map(Cow::into_owned)
}
