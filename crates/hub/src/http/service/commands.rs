//! A device's queue of cloud-to-device messages, emptied: `DELETE /devices/{id}/commands`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::delete;
use serde_json::json;

use super::super::super::cloud_calls;
use super::super::super::policies::Right;
use super::super::super::shared::Shared;
use super::super::answer::{JsonBody, Refusal};
use super::admission::Caller;
use super::request::off_thread;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/devices/{device_id}/commands", delete(purge))
}

async fn purge(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(device_id): Path<String>,
) -> Result<JsonBody, Refusal> {
    caller.require(Right::ServiceConnect)?;
    let id = device_id.clone();
    let purged = off_thread(&shared, move |shared| cloud_calls::purge(shared, &id)).await?;
    Ok(JsonBody(json!({ "totalMessagesPurged": purged, "deviceId": device_id, "moduleId": null })))
}
