//! Answers of the management API, and its errors (Azure REST API guidelines, "Error condition responses").

use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::documents::InvalidDocument;
use crate::resources::ResourceError;
use crate::store::ChangeError;
use azmqtt_local::http::Authenticated;

/// An answer that is JSON.
pub struct JsonBody(pub StatusCode, pub Value);

impl IntoResponse for JsonBody {
    fn into_response(self) -> Response {
        let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))];
        (self.0, json, self.1.to_string()).into_response()
    }
}

/// A request that is refused: `{"error":{"code","message"}}`.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    /// A refusal with this status and code.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// Something in the request is wrong.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The sender has not shown that it is the owner.
    pub fn unauthenticated(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// Something of this resource is not there.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// There is no such resource; `path` is its type and name behind the provider, as in `namespaces/a/clients/b`.
    pub fn no_resource(path: &str, group: &str) -> Self {
        let message = format!(
            "The Resource 'Microsoft.EventGrid/{path}' under resource group '{group}' was not found. For more details please \
             go to https://aka.ms/ARMResourceNotFoundFix"
        );
        Self::not_found("ResourceNotFound", message)
    }

    /// The service does not do what is asked, for whatever reason is here.
    fn internal(message: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    }
}

impl From<InvalidDocument> for Refusal {
    fn from(error: InvalidDocument) -> Self {
        Self::bad_request("InvalidRequest", error.to_string())
    }
}

impl From<ResourceError> for Refusal {
    fn from(error: ResourceError) -> Self {
        let (status, code) = match &error {
            ResourceError::LimitReached(..) => (StatusCode::CONFLICT, "QuotaExceeded"),
            ResourceError::AuthenticationNameTaken(_) | ResourceError::InUse(..) => {
                (StatusCode::CONFLICT, "Conflict")
            }
            ResourceError::AuthenticationNameChanged
            | ResourceError::Thumbprints(_)
            | ResourceError::Templates(_)
            | ResourceError::Missing(..) => (StatusCode::BAD_REQUEST, "InvalidRequest"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NoNamespace => Self::not_found(
                "ParentResourceNotFound",
                "Failed to perform 'write' on the resource, because the parent resource could not be found.",
            ),
            ChangeError::Resource(error) => error.into(),
            ChangeError::Document(error) => error.into(),
            ChangeError::File(error) => Self::internal(error.to_string()),
            ChangeError::System(error) => Self::internal(error.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json!({ "error": { "code": self.code, "message": self.message } });
        let mut answer = JsonBody(self.status, error).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            answer
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        } else {
            answer.extensions_mut().insert(Authenticated);
        }
        answer
    }
}
