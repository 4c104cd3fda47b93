//! What requests of the management API have in common: who sends them, in which version, about what, and their bodies.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri, Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;

use super::answer::Refusal;
use super::query::Query;
use super::version::{ApiVersion, VERSIONS};
use crate::resource_id::ResourceId;
use crate::shared::Shared;
use crate::store::ChangeError;
use axum::http::StatusCode;
use azmqtt_local::page::Page;
use azmqtt_local::task;

/// Bytes of a body.
const MAX_BODY: usize = 256 << 10;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(20);
/// How long the rest of a refused request is passed over, so that an honest sender gets to read why.
const LINGER: Duration = Duration::from_secs(1);

/// Accepts only requests of the owner and the page, before reading the body.
pub async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match authenticate(&shared, &parts.headers) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => {
            pass_over(body).await;
            refusal.into_response()
        }
    }
}

fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return Err(Refusal::unauthenticated("AuthenticationFailed", message));
    };
    let header = header.to_str().unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let token = if scheme.eq_ignore_ascii_case("Bearer") { token.trim() } else { "" };
    if shared.token.is(token) {
        return Ok(());
    }
    let reason = if Page::is_token(token) {
        let Err(reason) = shared.page.check(headers) else { return Ok(()) };
        format!("page: {reason}")
    } else {
        "management: the bearer token is wrong".to_owned()
    };
    shared.note_request_refusal(reason);
    Err(Refusal::unauthenticated("InvalidAuthenticationToken", "The access token is invalid."))
}

impl FromRequestParts<Arc<Shared>> for ApiVersion {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Refusal> {
        let query = parts.uri.query().map(Query::parse).unwrap_or_default();
        let Some(text) = query.get("api-version") else {
            let message = "The api-version query parameter (?api-version=) is required for all requests.";
            return Err(Refusal::bad_request("MissingApiVersionParameter", message));
        };
        Self::parse(text).ok_or_else(|| {
            let names: Vec<&str> = VERSIONS.iter().map(|(name, _)| *name).collect();
            let text: String = text.chars().take(50).collect();
            let message = format!(
                "No registered resource provider found for API version '{text}' of the type 'namespaces'. The supported \
                 api-versions are '{}'.",
                names.join(", ")
            );
            Refusal::bad_request("NoRegisteredProviderFound", message)
        })
    }
}

/// The resource that a request is about: this namespace, and the name of what is in it, if the path has one.
pub struct Target {
    /// The namespace.
    pub id: ResourceId,
    /// The name behind the type.
    pub name: Option<String>,
    /// Where the client reaches this, such as `https://localhost:443`.
    pub base: String,
    /// The path as it came.
    pub path: String,
}

impl FromRequestParts<Arc<Shared>> for Target {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let path = Path::<Vec<(String, String)>>::from_request_parts(parts, shared).await;
        let Path(found) = path.map_err(|error| Refusal::bad_request("InvalidRequest", error.to_string()))?;
        let id = shared.config.resource.clone();
        let mut name = None;
        for (parameter, value) in found {
            match parameter.as_str() {
                "subscription" if !value.eq_ignore_ascii_case(id.subscription()) => {
                    let message =
                        format!("The subscription '{}' could not be found. {}", cut(&value), here(&id));
                    return Err(Refusal::not_found("SubscriptionNotFound", message));
                }
                "group" if !value.eq_ignore_ascii_case(id.resource_group()) => {
                    let message =
                        format!("Resource group '{}' could not be found. {}", cut(&value), here(&id));
                    return Err(Refusal::not_found("ResourceGroupNotFound", message));
                }
                "namespace" if !value.eq_ignore_ascii_case(id.name()) => {
                    let message = format!("The namespace '{}' was not found. {}", cut(&value), here(&id));
                    return Err(Refusal::not_found("ResourceNotFound", message));
                }
                "name" => name = Some(value),
                _ => {}
            }
        }
        let original = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        Ok(Self { id, name, base: base(&parts.headers), path: original.path().to_owned() })
    }
}

/// What is different from the service, for who has just learnt it.
fn here(id: &ResourceId) -> String {
    format!("This local namespace is '{id}'.")
}

/// As much of a name as an error shows.
pub fn cut(text: &str) -> String {
    text.chars().take(128).collect()
}

/// As the client reaches this: by the name in its own request.
fn base(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    match authority.filter(|authority| !authority.as_str().contains('@')) {
        Some(authority) => format!("https://{authority}"),
        None => String::new(),
    }
}

/// The body of a request, which is JSON.
pub async fn json_of(headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    if let Some(kind) = headers.get(CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") && !kind.eq_ignore_ascii_case("text/json") {
            pass_over(body).await;
            let message = "The content type of the request must be application/json.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message));
        }
    }
    let bytes = bytes_of(body, MAX_BODY).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("The request content was invalid and could not be deserialized: '{error}'.");
        Refusal::bad_request("InvalidRequestContent", message)
    })
}

/// A body of at most `most` bytes.
pub async fn bytes_of(body: Body, most: usize) -> Result<BytesMut, Refusal> {
    timeout(BODY_TIME, read_body(body, most)).await.unwrap_or_else(|_| {
        Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", "The body took too long."))
    })
}

async fn read_body(body: Body, most: usize) -> Result<BytesMut, Refusal> {
    let mut body = body.into_data_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let broken = |_| Refusal::bad_request("InvalidRequestContent", "The body is not whole.");
        let chunk = chunk.map_err(broken)?;
        if bytes.len() + chunk.len() > most {
            drop(bytes);
            pass_over(Body::from_stream(body)).await;
            let message = format!("The body has more than {most} bytes.");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestContentTooLarge", message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Passes over the body of a refused request, so that its sender gets to read why.
pub async fn pass_over(body: Body) {
    let mut body = body.into_data_stream();
    // A sender that takes longer than this must do without.
    let _ = timeout(LINGER, async { while let Some(Ok(_)) = body.next().await {} }).await;
}

/// Does what may wait for the disk where no connection is held up.
pub async fn off_thread<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let shared = shared.clone();
    task::blocking(move || work(&shared)).await.map_err(ChangeError::System)?
}
