//! File upload, the hub's half: `POST /devices/{id}/files` and `…/files/notifications`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::admission::Admitted;
use super::answer::{Refusal, read_body};
use crate::events;
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::registry::device::Device;
use crate::shared::Shared;
use crate::throttle::Operation;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::upload::{UploadNotification, check_blob_name};
use azmqtt_local::watch::Members;

/// Of a request's body; the bodies are short.
const MAX_BODY: usize = 64 << 10;

pub(super) fn routes(routes: Routes) -> Routes {
    let notifications = "/devices/{device_id}/files/notifications";
    // As Microsoft's clients for Node and C say it.
    let by_path = "/devices/{device_id}/files/notifications/{correlation_id}";
    routes
        .post("/devices/{device_id}/files", Access::device(), Rate::Of(Operation::FileUpload), start)
        .post(notifications, Access::device(), Rate::Uncounted, end)
        .post(by_path, Access::device(), Rate::Uncounted, end_by_path)
}

async fn start(
    State(shared): State<Arc<Shared>>,
    Admitted { device, .. }: Admitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read_body(body, MAX_BODY).await?;
    let body: Value = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new(ErrorCode::FORMAT_ERROR, "the body is not JSON"))?;
    let name = body.get("blobName").and_then(Value::as_str);
    let name = name.ok_or_else(|| Refusal::new(ErrorCode::ARGUMENT_INVALID, "blobName is missing"))?;
    check_blob_name(&device.id, name)
        .map_err(|error| Refusal::new(ErrorCode::ARGUMENT_INVALID, error.to_string()))?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.map_or_else(|| shared.config.hostname.clone(), str::to_owned);
    let target = shared.uploads.start(&device.id, name, host).ok_or_else(|| {
        let limit = "the device has reached its limit of concurrent uploads";
        Refusal::new(ErrorCode::FILE_UPLOAD_LIMIT_EXCEEDED, limit)
    })?;
    let members = Members::default().with("blob_name", target.blob_name.as_str());
    let members = members.with("correlation_id", target.correlation_id.as_str());
    shared.events().tell(events::UPLOAD_STARTED, device.key(), members);
    Ok(([("content-type", "application/json; charset=utf-8")], target.to_body()).into_response())
}

async fn end(
    State(shared): State<Arc<Shared>>,
    Admitted { device, .. }: Admitted,
    body: Body,
) -> Result<StatusCode, Refusal> {
    notified(&shared, &device, None, body).await
}

async fn end_by_path(
    State(shared): State<Arc<Shared>>,
    Path((_, correlation_id)): Path<(String, String)>,
    Admitted { device, .. }: Admitted,
    body: Body,
) -> Result<StatusCode, Refusal> {
    notified(&shared, &device, Some(correlation_id), body).await
}

async fn notified(
    shared: &Shared,
    device: &Device,
    correlation_id: Option<String>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let body = read_body(body, MAX_BODY).await?;
    let notification = UploadNotification::parse(&body, correlation_id)
        .ok_or_else(|| Refusal::new(ErrorCode::ARGUMENT_INVALID, "the body is not a notification"))?;
    let members = Members::default()
        .with("correlation_id", events::bounded(&notification.correlation_id))
        .with("success", notification.is_success)
        .with("status", notification.status_code);
    if shared.uploads.end(&device.id, notification) {
        shared.events().tell(events::UPLOAD_FINISHED, device.key(), members);
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::new(ErrorCode::ARGUMENT_INVALID, "unknown correlationId"))
    }
}
