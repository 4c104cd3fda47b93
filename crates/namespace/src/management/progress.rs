//! How answers lead to a long-running operation, and what it answers itself.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::answer::{JsonBody, Refusal};
use super::request::{Target, cut};
use super::version::ApiVersion;
use crate::operations::Action;
use crate::resource_id::PROVIDER;
use crate::shared::Shared;
use crate::store::ChangeError;

const ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");

/// Seconds after which a client asks again.
const RETRY: HeaderValue = HeaderValue::from_static("1");

/// The routes of operations, below a subscription.
pub fn routes(provider: &str) -> Router<Arc<Shared>> {
    Router::new()
        .route(&format!("{provider}/locations/{{location}}/operationsStatus/{{operation}}"), get(status))
        .route(&format!("{provider}/locations/{{location}}/operationResults/{{operation}}"), get(result))
}

/// Begins an operation on the resource of this id; `None` if it is over at once.
pub fn begin(shared: &Shared, resource: &str, action: Action) -> Result<Option<String>, Refusal> {
    Ok(shared.operations.begin(resource, action).map_err(ChangeError::from)?)
}

/// `provisioningState` of a resource that is there.
pub fn provisioning_state(shared: &Shared, resource: &str) -> &'static str {
    // One that was deleted and made again is made.
    let action = shared.operations.under_way(resource).filter(|action| *action != Action::Delete);
    action.map_or("Succeeded", Action::provisioning_state)
}

/// The answer to a PUT: 201 for a resource that is new, with the operation that makes it.
pub fn put(
    is_new: bool,
    view: Value,
    operation: Option<String>,
    shared: &Shared,
    target: &Target,
    version: ApiVersion,
) -> Response {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    by_status(JsonBody(status, view).into_response(), operation, shared, target, version)
}

/// The answer leads to the operation's state, until that is over.
pub fn by_status(
    mut answer: Response,
    operation: Option<String>,
    shared: &Shared,
    target: &Target,
    version: ApiVersion,
) -> Response {
    if let Some(id) = operation
        && let Ok(url) = HeaderValue::try_from(url("operationsStatus", &id, shared, target, version))
    {
        answer.headers_mut().insert(ASYNC_OPERATION, url);
        answer.headers_mut().insert(RETRY_AFTER, RETRY);
    }
    answer
}

/// 202 that leads to the operation's result, until that is over; 204 if it is.
pub fn by_result(
    operation: Option<String>,
    shared: &Shared,
    target: &Target,
    version: ApiVersion,
) -> Response {
    let Some(id) = operation else { return StatusCode::NO_CONTENT.into_response() };
    match HeaderValue::try_from(url("operationResults", &id, shared, target, version)) {
        Ok(url) => (StatusCode::ACCEPTED, [(LOCATION, url), (RETRY_AFTER, RETRY)]).into_response(),
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

fn url(kind: &str, operation: &str, shared: &Shared, target: &Target, version: ApiVersion) -> String {
    let location = shared.namespace().map(|record| record.document.location().to_owned());
    let location: String = location.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    let location = if location.is_empty() { "local" } else { &location };
    let (base, subscription) = (&target.base, target.id.subscription());
    let path =
        format!("/subscriptions/{subscription}/providers/{PROVIDER}/locations/{location}/{kind}/{operation}");
    format!("{base}{path}?api-version={}", version.name)
}

type Names = Path<(String, String, String)>;

async fn status(
    State(shared): State<Arc<Shared>>,
    _: ApiVersion,
    target: Target,
    Path((_, _, operation)): Names,
) -> Result<Response, Refusal> {
    let is_over = shared.operations.is_over(&operation).ok_or_else(|| no_operation(&operation))?;
    let status = if is_over { "Succeeded" } else { "InProgress" };
    let body = json!({ "id": target.path, "name": operation, "status": status });
    let mut answer = JsonBody(StatusCode::OK, body).into_response();
    if !is_over {
        answer.headers_mut().insert(RETRY_AFTER, RETRY);
    }
    Ok(answer)
}

async fn result(
    State(shared): State<Arc<Shared>>,
    version: ApiVersion,
    target: Target,
    Path((_, _, operation)): Names,
) -> Result<Response, Refusal> {
    let is_over = shared.operations.is_over(&operation).ok_or_else(|| no_operation(&operation))?;
    Ok(by_result((!is_over).then_some(operation), &shared, &target, version))
}

fn no_operation(id: &str) -> Refusal {
    Refusal::not_found("ResourceNotFound", format!("There is no operation '{}'.", cut(id)))
}
