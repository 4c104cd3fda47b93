//! Twins: `GET`, `PATCH` and `PUT /twins/{id}[/modules/{module}]` (IoT Hub docs, "Understand and use device twins": back-end
//! operations).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::Value;

use crate::error::HubError;
use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal};
use crate::http::request::{condition, json_of, off_thread};
use crate::http::route::{Rate, Routes};
use crate::id::Id;
use crate::if_match::IfMatch;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;
use crate::twins::writes::{self, Write};

/// Of a request's body. A twin that is sent back as it was read has its metadata with it.
const MAX_BODY: usize = 1 << 20;

pub(super) fn routes(routes: Routes) -> Routes {
    let services = Access::policy(Right::ServiceConnect);
    let (reads, writes) = (Rate::Of(Operation::TwinRead), Rate::Of(Operation::TwinUpdate));
    let (device, module) = ("/twins/{device_id}", "/twins/{device_id}/modules/{module_id}");
    routes
        .get(device, services, reads, of_device)
        .patch(device, services, writes, patch_device)
        .put(device, services, writes, replace_device)
        .get(module, services, reads, of_module)
        .patch(module, services, writes, patch_module)
        .put(module, services, writes, replace_module)
}

/// The ids of a path.
type Ids = (String, Option<String>);

fn id(ids: &Ids) -> Id<'_> {
    (ids.0.as_str(), ids.1.as_deref()).into()
}

async fn of_device(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
) -> Result<JsonBody, Refusal> {
    read(&shared, &(device_id, None))
}

async fn of_module(
    State(shared): State<Arc<Shared>>,
    Path((device_id, module_id)): Path<(String, String)>,
) -> Result<JsonBody, Refusal> {
    read(&shared, &(device_id, Some(module_id)))
}

fn read(shared: &Shared, ids: &Ids) -> Result<JsonBody, Refusal> {
    Ok(JsonBody(view(shared, id(ids))?))
}

async fn patch_device(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    write(&shared, (device_id, None), &headers, body, Write::Patch).await
}

async fn patch_module(
    State(shared): State<Arc<Shared>>,
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    write(&shared, (device_id, Some(module_id)), &headers, body, Write::Patch).await
}

async fn replace_device(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    write(&shared, (device_id, None), &headers, body, Write::Replace).await
}

async fn replace_module(
    State(shared): State<Arc<Shared>>,
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    write(&shared, (device_id, Some(module_id)), &headers, body, Write::Replace).await
}

/// Answers with the twin as it is then.
async fn write(
    shared: &Arc<Shared>,
    ids: Ids,
    headers: &HeaderMap,
    body: Body,
    how: Write,
) -> Result<JsonBody, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    let condition = condition(headers)?;
    let written = off_thread(shared, move |shared| {
        let id = id(&ids);
        let written =
            writes::write(&shared.registry, id, how, &body, condition.as_ref().map(IfMatch::as_str));
        written.map_err(missing)?;
        view(shared, id)
    });
    written.await.map(JsonBody)
}

/// The twin of a module that is not there is missing like a device's.
fn missing(error: HubError) -> HubError {
    match error {
        HubError::ModuleNotFound(id) => HubError::DeviceNotFound(id),
        error => error,
    }
}

fn view(shared: &Shared, id: Id<'_>) -> Result<Value, HubError> {
    let device = shared.registry.get(id).map_err(missing)?;
    let state = device.state();
    Ok(state.twin().service_view(&state.facts(device.key())))
}
