//! How many devices there are: `GET /statistics/devices` and `GET /statistics/service`. Modules do not count.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal};
use crate::http::route::{Rate, Routes};
use crate::registry::device::DeviceState;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;

pub(super) fn routes(routes: Routes) -> Routes {
    let rate = Rate::Of(Operation::Identity);
    routes.get("/statistics/devices", Access::policy(Right::RegistryRead), rate, devices).get(
        "/statistics/service",
        Access::policy(Right::ServiceConnect),
        rate,
        service,
    )
}

async fn devices(State(shared): State<Arc<Shared>>) -> Result<JsonBody, Refusal> {
    let total = count(&shared, |_| true);
    let enabled = count(&shared, |state| state.enabled);
    Ok(JsonBody(json!({
        "totalDeviceCount": total,
        "enabledDeviceCount": enabled,
        "disabledDeviceCount": total.saturating_sub(enabled),
    })))
}

async fn service(State(shared): State<Arc<Shared>>) -> Result<JsonBody, Refusal> {
    Ok(JsonBody(json!({ "connectedDeviceCount": count(&shared, |state| state.link.is_some()) })))
}

fn count(shared: &Shared, counts: impl Fn(&DeviceState) -> bool) -> usize {
    let devices = shared.registry.devices_after(None, usize::MAX);
    devices.iter().filter(|device| counts(&device.state())).count()
}
