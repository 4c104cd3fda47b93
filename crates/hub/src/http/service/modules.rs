//! Module identities: `GET`, `PUT` and `DELETE /devices/{id}/modules/{module}`, `GET /devices/{id}/modules`. Unlike a device's, a
//! module's etag is in the body alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;

use super::admission::Caller;
use super::devices::{MAX_BODY, same};
use super::identity_json::{self, Kind};
use super::request::{admitted_json, condition, off_thread, required_condition};
use crate::http::answer::{JsonBody, Refusal, Spelling};
use crate::id::Id;
use crate::registry::identities;
use crate::security::policies::Right;
use crate::shared::Shared;
use azmqtt_dialect::service_error::ErrorCode;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/devices/{device_id}/modules", get(list))
        .route("/devices/{device_id}/modules/{module_id}", get(read).put(write).delete(remove))
}

/// A device that is not there, or disabled, has no modules to manage: the caller is refused, whatever the policy.
fn admit(shared: &Shared, caller: &Caller, right: Right, device_id: &str) -> Result<(), Refusal> {
    caller.require_or_be(right, device_id)?;
    let refuse = |reason: &str| Err(Refusal::unauthorized(shared, reason).spelled(Spelling::Nested));
    match shared.registry.find(device_id) {
        Some(device) if device.may_connect() => Ok(()),
        Some(_) => refuse("the device of the module is disabled"),
        None => refuse("there is no such device"),
    }
}

async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(device_id): Path<String>,
) -> Result<JsonBody, Refusal> {
    admit(&shared, &caller, Right::RegistryRead, &device_id)?;
    let modules = shared.registry.modules(&device_id)?;
    Ok(JsonBody(modules.iter().map(|module| identity_json::write(module)).collect()))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path((device_id, module_id)): Path<(String, String)>,
) -> Result<JsonBody, Refusal> {
    admit(&shared, &caller, Right::RegistryRead, &device_id)?;
    let module = shared.registry.get((&*device_id, &*module_id))?;
    Ok(JsonBody(identity_json::write(&module)))
}

async fn write(
    State(shared): State<Arc<Shared>>,
    caller: Result<Caller, Refusal>,
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    let admitted = caller.and_then(|caller| admit(&shared, &caller, Right::RegistryWrite, &device_id));
    let body = admitted_json(admitted, body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    same(&body, "deviceId", &device_id)?;
    same(&body, "moduleId", &module_id)?;
    let draft = identity_json::read(Kind::Module, &body)?;
    let shown = if condition.is_none() { identity_json::write_new } else { identity_json::write };
    let (path_device, path_module) = (device_id.clone(), module_id.clone());
    let module = off_thread(&shared, move |shared| {
        let id = Id::from((&*device_id, &*module_id));
        match condition {
            None => identities::create(shared, id, draft, None),
            Some(condition) => identities::update(shared, id, draft, &condition),
        }
    });
    let module = module.await.map_err(|refusal| match refusal.code() {
        Some(ErrorCode::MODULE_ALREADY_EXISTS) => {
            let hub = shared.config.hostname.split('.').next().unwrap_or_default();
            let message =
                format!("Device {path_device} in IotHub {hub} already contains Module {path_module}.");
            Refusal::new(ErrorCode::MODULE_ALREADY_EXISTS, message).spelled(Spelling::Plain)
        }
        _ => refusal,
    })?;
    Ok(JsonBody(shown(&module)))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    admit(&shared, &caller, Right::RegistryWrite, &device_id)?;
    let condition = required_condition(&headers)?;
    let removed = off_thread(&shared, move |shared| {
        identities::remove(shared, (&*device_id, &*module_id).into(), &condition)
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}
