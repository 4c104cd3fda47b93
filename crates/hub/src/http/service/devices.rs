//! Device identities: `GET`, `PUT` and `DELETE /devices/{id}`, `GET /devices`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::identity_json::{self, Kind};
use crate::error::HubError;
use crate::http::access::Access;
use crate::http::answer::{JSON, JsonBody, Refusal};
use crate::http::request::{condition, json_of, off_thread, quoted, required_condition, top};
use crate::http::route::{Rate, Routes};
use crate::registry::device::Device;
use crate::registry::identities;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;

/// Of a request's body; identities are short.
pub(super) const MAX_BODY: usize = 64 << 10;

/// How many devices one answer lists at most, and by default.
const MOST: usize = 1000;

pub(super) fn routes(routes: Routes) -> Routes {
    let (reads, writes) = (Access::policy(Right::RegistryRead), Access::policy(Right::RegistryWrite));
    let itself = Access::policy_or_self(Right::RegistryRead);
    let rate = Rate::Of(Operation::Identity);
    routes
        .get("/devices", reads, rate, list)
        .get("/devices/{device_id}", itself, rate, read)
        .put("/devices/{device_id}", writes, rate, write)
        .delete("/devices/{device_id}", writes, rate, remove)
}

async fn list(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let top = top(query.as_deref(), MOST)?;
    // Off the runtime: other connections do not wait while many devices are written.
    let text = off_thread(&shared, move |shared| {
        let devices = shared.registry.devices_after(None, top);
        Ok(devices.iter().map(|device| identity_json::write(device)).collect::<Value>().to_string())
    });
    Ok(([JSON], text.await?).into_response())
}

async fn read(State(shared): State<Arc<Shared>>, Path(device_id): Path<String>) -> Result<Response, Refusal> {
    Ok(answer(&*shared.registry.get(&device_id)?, identity_json::write))
}

async fn write(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    same(&body, "deviceId", &device_id)?;
    let draft = identity_json::read(Kind::Device, &body)?;
    let shown = if condition.is_none() { identity_json::write_new } else { identity_json::write };
    let device = off_thread(&shared, move |shared| match condition {
        None => identities::create(&shared.registry, (&device_id).into(), draft, None),
        Some(condition) => identities::update(&shared.registry, (&device_id).into(), draft, &condition),
    });
    Ok(answer(&*device.await?, shown))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let condition = required_condition(&headers)?;
    off_thread(&shared, move |shared| {
        identities::remove(&shared.registry, &shared.feedback, (&device_id).into(), &condition)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An identity with its etag.
fn answer(device: &Device, shown: fn(&Device) -> Value) -> Response {
    let etag = quoted(&device.state().record.etag());
    ([(ETAG, etag)], JsonBody(shown(device))).into_response()
}

/// Refuses a body that is for another identity than the path.
pub(super) fn same(body: &Value, name: &str, id: &str) -> Result<(), HubError> {
    match identity_json::text(body, name)? {
        Some(other) if other != id => Err(HubError::Argument(format!("{name} differs from the path"))),
        _ => Ok(()),
    }
}
