//! A device's queue of cloud-to-device messages, emptied: `DELETE /devices/{id}/commands`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::delete;
use serde_json::json;

use super::admission::Caller;
use super::request::off_thread;
use crate::http::answer::{JsonBody, Refusal};
use crate::messages::sending;
use crate::security::policies::Right;
use crate::shared::Shared;

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
    let purged = off_thread(&shared, move |shared| sending::purge(shared, &id)).await?;
    Ok(JsonBody(json!({ "totalMessagesPurged": purged, "deviceId": device_id, "moduleId": null })))
}
