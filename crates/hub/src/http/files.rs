//! File upload, the hub's half: `POST /devices/{id}/files` and `…/files/notifications`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;

use super::admission::Asker;
use super::answer::{Refusal, read_body};
use crate::id::Id;
use crate::shared::Shared;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::upload::{UploadNotification, check_blob_name};

/// Of a request's body; the bodies are short.
const MAX_BODY: usize = 64 << 10;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/devices/{device_id}/files", post(start))
        .route("/devices/{device_id}/files/notifications", post(end))
        // As Microsoft's clients for Node and C say it.
        .route("/devices/{device_id}/files/notifications/{correlation_id}", post(end_by_path))
}

async fn start(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    asker: Asker,
    body: Body,
) -> Result<Response, Refusal> {
    let device = asker.admit(&shared, Id::from(&device_id));
    let (device, body) = read_body(device, body, MAX_BODY).await?;
    let body: Value = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new(ErrorCode::FORMAT_ERROR, "the body is not JSON"))?;
    let name = body.get("blobName").and_then(Value::as_str);
    let name = name.ok_or_else(|| Refusal::new(ErrorCode::ARGUMENT_INVALID, "there is no blobName"))?;
    check_blob_name(&device.id, name)
        .map_err(|error| Refusal::new(ErrorCode::ARGUMENT_INVALID, error.to_string()))?;
    let host = asker.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.map_or_else(|| shared.config.hostname.clone(), str::to_owned);
    let target = shared.uploads.start(&device.id, name, host).ok_or_else(|| {
        let limit = "the device has as many uploads under way as it may";
        Refusal::new(ErrorCode::FILE_UPLOAD_LIMIT_EXCEEDED, limit)
    })?;
    Ok(([("content-type", "application/json; charset=utf-8")], target.to_body()).into_response())
}

async fn end(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    asker: Asker,
    body: Body,
) -> Result<StatusCode, Refusal> {
    notified(&shared, &device_id, None, &asker, body).await
}

async fn end_by_path(
    State(shared): State<Arc<Shared>>,
    Path((device_id, correlation_id)): Path<(String, String)>,
    asker: Asker,
    body: Body,
) -> Result<StatusCode, Refusal> {
    notified(&shared, &device_id, Some(correlation_id), &asker, body).await
}

async fn notified(
    shared: &Shared,
    device_id: &str,
    correlation_id: Option<String>,
    asker: &Asker,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let device = asker.admit(shared, Id::from(device_id));
    let (device, body) = read_body(device, body, MAX_BODY).await?;
    let notification = UploadNotification::parse(&body, correlation_id)
        .ok_or_else(|| Refusal::new(ErrorCode::ARGUMENT_INVALID, "the body is not a notification"))?;
    if shared.uploads.end(&device.id, notification) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::new(ErrorCode::ARGUMENT_INVALID, "there is no upload of this correlationId"))
    }
}
