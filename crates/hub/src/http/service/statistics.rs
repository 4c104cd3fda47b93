//! How many devices there are: `GET /statistics/devices` and `GET /statistics/service`. Modules do not count.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::json;

use super::admission::Caller;
use crate::http::answer::{JsonBody, Refusal};
use crate::registry::device::DeviceState;
use crate::security::policies::Right;
use crate::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/statistics/devices", get(devices)).route("/statistics/service", get(service))
}

async fn devices(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<JsonBody, Refusal> {
    caller.require(Right::RegistryRead)?;
    let total = count(&shared, |_| true);
    let enabled = count(&shared, |state| state.enabled);
    Ok(JsonBody(json!({
        "totalDeviceCount": total,
        "enabledDeviceCount": enabled,
        "disabledDeviceCount": total.saturating_sub(enabled),
    })))
}

async fn service(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<JsonBody, Refusal> {
    caller.require(Right::ServiceConnect)?;
    Ok(JsonBody(json!({ "connectedDeviceCount": count(&shared, |state| state.link.is_some()) })))
}

fn count(shared: &Shared, counts: impl Fn(&DeviceState) -> bool) -> usize {
    let all = shared.registry.all();
    all.iter().filter(|device| device.owner.is_none() && counts(&device.state())).count()
}
