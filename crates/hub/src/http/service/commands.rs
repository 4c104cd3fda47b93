//! A device's queue of cloud-to-device messages, emptied: `DELETE /devices/{id}/commands`.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::json;

use crate::delivery::sending;
use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal};
use crate::http::request::off_thread;
use crate::http::route::{Rate, Routes};
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;

pub(super) fn routes(routes: Routes) -> Routes {
    let rate = Rate::Of(Operation::CloudToDevice);
    routes.delete("/devices/{device_id}/commands", Access::policy(Right::ServiceConnect), rate, purge)
}

async fn purge(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
) -> Result<JsonBody, Refusal> {
    let id = device_id.clone();
    let purged =
        off_thread(&shared, move |shared| sending::purge(&shared.registry, &shared.feedback, &id)).await?;
    Ok(JsonBody(json!({ "totalMessagesPurged": purged, "deviceId": device_id, "moduleId": null })))
}
