//! Configurations: `/configurations[/{id}]`, `POST /configurations/testQueries` and
//! `POST /devices/{id}/applyConfigurationContent` (IoT Hub docs, REST: "Configuration").

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::super::super::configurations::{ConfigurationBody, MAX_CONFIGURATIONS, apply, test_queries};
use super::super::super::error::HubError;
use super::super::super::policies::Right;
use super::super::super::shared::Shared;
use super::super::answer::{JsonBody, Refusal, parameter, read_body};
use super::admission::Caller;
use crate::dialect::ServiceError;
use crate::dialect::service_error::ErrorCode;

/// A content fills at most the desired properties of fifty modules.
const MAX_BODY: usize = 4 << 20;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/configurations", get(list))
        .route("/configurations/testQueries", post(test))
        .route("/configurations/{id}", get(read).put(write).delete(remove))
        .route("/devices/{device_id}/applyConfigurationContent", post(apply_content))
}

async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<JsonBody, Refusal> {
    caller.require(Right::RegistryRead)?;
    let top = match parameter(query.as_deref(), "top") {
        None => MAX_CONFIGURATIONS,
        Some(top) => top.parse().map_err(|_| invalid("top is not a number"))?,
    };
    let list = move |shared: &Shared| {
        let all = shared.configurations.list(top.min(MAX_CONFIGURATIONS));
        Ok(all.iter().map(|configuration| configuration.view(shared)).collect::<Vec<Value>>())
    };
    off_thread(&shared, list).await.map(|list| JsonBody(list.into()))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    caller.require(Right::RegistryRead)?;
    let read = move |shared: &Shared| {
        let configuration = shared.configurations.get(&id).map_err(HubError::from)?;
        Ok((StatusCode::OK, configuration.etag(), configuration.view(shared)))
    };
    off_thread(&shared, read).await.map(with_etag)
}

async fn write(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = json_body(&caller, Right::RegistryWrite, body).await?;
    let condition = condition(&headers)?;
    let write = move |shared: &Shared| {
        let body = ConfigurationBody::read(&id, &body).map_err(HubError::from)?;
        let put = shared.configurations.put(shared, &id, body, condition.as_deref());
        let (configuration, made) = put.map_err(HubError::from)?;
        let status = if made { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, configuration.etag(), configuration.view(shared)))
    };
    off_thread(&shared, write).await.map(with_etag)
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    caller.require(Right::RegistryWrite)?;
    let condition = condition(&headers)?;
    let remove = move |shared: &Shared| {
        shared.configurations.delete(shared, &id, condition.as_deref()).map_err(HubError::from)
    };
    off_thread(&shared, remove).await.map(|()| StatusCode::NO_CONTENT)
}

async fn test(State(_): State<Arc<Shared>>, caller: Caller, body: Body) -> Result<JsonBody, Refusal> {
    let body = json_body(&caller, Right::RegistryRead, body).await?;
    test_queries(&body).map(JsonBody).map_err(|refused| refusal(refused.into()))
}

async fn apply_content(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(device_id): Path<String>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let body = json_body(&caller, Right::RegistryWrite, body).await?;
    let applied = move |shared: &Shared| apply(shared, &device_id, &body);
    off_thread(&shared, applied).await.map(|()| StatusCode::NO_CONTENT)
}

fn with_etag((status, etag, view): (StatusCode, String, Value)) -> Response {
    (status, [("etag", format!("\"{etag}\""))], JsonBody(view)).into_response()
}

fn condition(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let condition = headers.get(IF_MATCH).map(|condition| condition.to_str().map(str::to_owned));
    condition.transpose().map_err(|_| invalid("If-Match is an etag, or *"))
}

pub(super) async fn json_body(caller: &Caller, right: Right, body: Body) -> Result<Value, Refusal> {
    let ((), body) = read_body(caller.require(right), body, MAX_BODY).await?;
    serde_json::from_slice(&body).map_err(|_| Refusal::new(ErrorCode::FORMAT_ERROR, "the body is not JSON"))
}

/// What goes through all twins, or waits for the disk, holds up nobody.
pub(super) async fn off_thread<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, HubError> + Send + 'static,
) -> Result<T, Refusal> {
    let shared = shared.clone();
    let done = spawn_blocking(move || work(&shared)).await;
    let done = done.unwrap_or_else(|error| Err(HubError::System(std::io::Error::other(error))));
    done.map_err(refusal)
}

fn refusal(error: HubError) -> Refusal {
    let worded = |error: ServiceError| {
        Refusal::new(error.error_code.unwrap_or(ErrorCode::SERVER_ERROR), error.message)
    };
    match error {
        HubError::Service(error) => worded(*error),
        HubError::Twin(error) => worded(error.to_service_error()),
        other => other.into(),
    }
}

pub(super) fn invalid(message: &str) -> Refusal {
    Refusal::new(ErrorCode::ARGUMENT_INVALID, message)
}
