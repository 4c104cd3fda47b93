//! What requests of the service's REST API have in common.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::super::super::error::HubError;
use super::super::super::if_match::IfMatch;
use super::super::super::policies::Right;
use super::super::super::shared::Shared;
use super::super::answer::{Refusal, read_body};
use super::admission::Caller;
use crate::dialect::service_error::ErrorCode;

/// The body of a request whose caller has the right for it: no stranger's is read.
pub(super) async fn body_of(
    caller: Result<Caller, Refusal>,
    right: Right,
    body: Body,
    most: usize,
) -> Result<Bytes, Refusal> {
    let admitted = caller.and_then(|caller| caller.require(right));
    Ok(read_body(admitted, body, most).await?.1)
}

/// [`body_of`] that is JSON.
pub(super) async fn json_of(
    caller: Result<Caller, Refusal>,
    right: Right,
    body: Body,
    most: usize,
) -> Result<Value, Refusal> {
    let body = body_of(caller, right, body, most).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Refusal::new(ErrorCode::FORMAT_ERROR, format!("the body is not JSON: {error}")))
}

/// The condition of a request, if it has one.
pub(super) fn condition(headers: &HeaderMap) -> Result<Option<IfMatch>, Refusal> {
    let Some(header) = headers.get(IF_MATCH) else { return Ok(None) };
    let condition = header.to_str().ok().and_then(IfMatch::parse);
    let wrong = || Refusal::new(ErrorCode::ARGUMENT_INVALID, "If-Match must be an etag in quotes, or *");
    condition.map(Some).ok_or_else(wrong)
}

/// An etag as a header has it.
pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// Does what may wait for the disk, or for connections to end, where nobody is held up. It is done to its end though the
/// caller may go.
pub(super) async fn off_thread<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, HubError> + Send + 'static,
) -> Result<T, Refusal> {
    let shared = shared.clone();
    let done = spawn_blocking(move || work(&shared)).await;
    let done = done.unwrap_or_else(|error| Err(HubError::System(std::io::Error::other(error))));
    done.map_err(Refusal::from)
}
