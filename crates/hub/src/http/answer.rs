//! What answers of the hub's HTTPS side have in common.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::StreamExt;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::time::timeout;

use crate::error::HubError;
use crate::error::tracking::Tracking;
use crate::events::Cause;
use crate::shared::Shared;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::http::Authenticated;

/// A refusal as the service's REST API writes it: the error's name in `iothub-errorcode`, the rest in the body.
#[derive(Debug)]
pub(super) struct Refusal {
    error: Box<ServiceError>,
    spelling: Spelling,
}

/// The forms of error bodies, which clients of the service meet all.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelling {
    /// `ErrorCode:{name};{message}`, of most routes.
    Named,
    /// The same with a tracking id that has no gateway, of twins.
    OfTwins,
    /// JSON.
    Plain,
    /// JSON as devices get it, with a GUID for a tracking id: of the provisioning service.
    OfProvisioning,
    /// JSON as text, of direct methods, and of modules whose device is not to be had.
    Nested,
}

impl Refusal {
    pub(super) fn new(error_code: u32, message: impl Into<String>) -> Self {
        Box::new(ServiceError::new(error_code, message)).into()
    }

    /// Of somebody who may not do it. The reason is for whoever runs the hub alone: in `last_refusal`.
    pub(super) fn unauthorized(shared: &Shared, reason: &str) -> Self {
        shared.note_refusal(Cause::Request, &format!("HTTPS: {reason}"));
        Self::new(ErrorCode::UNAUTHORIZED_ACCESS, "Unauthorized")
    }

    /// With another form of the body.
    #[must_use]
    pub(super) fn spelled(self, spelling: Spelling) -> Self {
        Self { spelling, ..self }
    }

    pub(super) fn code(&self) -> Option<u32> {
        self.error.error_code
    }

    pub(super) fn message(&self) -> &str {
        &self.error.message
    }
}

impl From<Box<ServiceError>> for Refusal {
    fn from(error: Box<ServiceError>) -> Self {
        Self { error, spelling: Spelling::Named }
    }
}

impl From<HubError> for Refusal {
    fn from(error: HubError) -> Self {
        let code = match &error {
            HubError::DeviceExists(_) => ErrorCode::DEVICE_ALREADY_EXISTS,
            HubError::DeviceNotFound(_) => ErrorCode::DEVICE_NOT_FOUND,
            HubError::ModuleExists(_) => ErrorCode::MODULE_ALREADY_EXISTS,
            HubError::ModuleNotFound(_) => ErrorCode::MODULE_NOT_FOUND,
            HubError::TooManyModules(_) => ErrorCode::TOO_MANY_MODULES,
            HubError::EtagMismatch { .. } | HubError::EtagMissing | HubError::TwinEtagMismatch(_) => {
                ErrorCode::PRECONDITION_FAILED
            }
            HubError::QueueFull { .. } => ErrorCode::QUEUE_DEPTH_EXCEEDED,
            HubError::MessageTooLarge { .. } | HubError::TopicTooLong { .. } => ErrorCode::MESSAGE_TOO_LARGE,
            HubError::Argument(_)
            | HubError::Fault(_)
            | HubError::Identity(_)
            | HubError::Key(_)
            | HubError::MethodName(_)
            | HubError::MethodPayload(_)
            | HubError::Query(_)
            | HubError::Continuation => ErrorCode::ARGUMENT_INVALID,
            HubError::Stopped => ErrorCode::SERVICE_UNAVAILABLE,
            _ => ErrorCode::SERVER_ERROR,
        };
        match error {
            HubError::Method(error) | HubError::Service(error) => error.into(),
            HubError::Twin(error) => Box::new(error.to_service_error()).into(),
            HubError::DeviceNotFound(id) => Self::new(code, id),
            HubError::DeviceExists(id) => {
                Self::new(code, format!("A device with ID '{id}' is already registered."))
            }
            error @ HubError::TwinEtagMismatch(_) => {
                Self::new(code, error.to_string()).spelled(Spelling::OfTwins)
            }
            other => Self::new(code, other.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { mut error, spelling } = self;
        let tracking = Tracking::new();
        let body = match spelling {
            Spelling::Named | Spelling::OfTwins => {
                tracking.mark_named(&mut error, matches!(spelling, Spelling::OfTwins));
                error.to_named_rest_body()
            }
            Spelling::Plain => {
                tracking.mark_newer(&mut error);
                error.to_plain_rest_body()
            }
            Spelling::OfProvisioning => {
                tracking.mark_of_provisioning(&mut error);
                error.to_body()
            }
            Spelling::Nested => {
                tracking.mark_newer(&mut error);
                error.to_nested_rest_body()
            }
        };
        // The provisioning service has no such header.
        let of_hub = !matches!(spelling, Spelling::OfProvisioning);
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let name = error.error_code.and_then(ErrorCode::name).unwrap_or("ServerError");
        let mut response = (status, [JSON], [(REQUEST_ID, tracking.request_id())], body).into_response();
        if of_hub {
            response.headers_mut().insert("iothub-errorcode", HeaderValue::from_static(name));
        }
        let stranger = [ErrorCode::HUB_NOT_FOUND, ErrorCode::UNAUTHORIZED_ACCESS, ErrorCode::DEVICE_DISABLED];
        if error.error_code.is_some_and(|code| !stranger.contains(&code)) {
            response.extensions_mut().insert(Authenticated);
        }
        response
    }
}

/// The header with the number of a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// The type of every answer with a body.
pub(super) const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

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

/// The whole of a body of at most so many bytes.
pub(super) async fn read_body(body: Body, most: usize) -> Result<Bytes, Refusal> {
    let mut body = body.into_data_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let broken = |_| Refusal::new(ErrorCode::ARGUMENT_INVALID, "the body is not whole");
        let chunk = chunk.map_err(broken)?;
        if bytes.len() + chunk.len() > most {
            drop(bytes);
            pass_over(Body::from_stream(body)).await;
            let message = format!("the body has more than {most} bytes");
            return Err(Refusal::new(ErrorCode::MESSAGE_TOO_LARGE, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The first parameter of that name in a query, decoded.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let parts = query?.split('&').filter_map(|part| part.split_once('='));
    let value = parts.filter(|(found, _)| *found == name).map(|(_, value)| value).next()?;
    percent_decode_str(value).decode_utf8().ok().map(Cow::into_owned)
}
