//! Module identities: `GET`, `PUT` and `DELETE /devices/{id}/modules/{module}`, `GET /devices/{id}/modules`. Unlike a device's, a
//! module's etag is in the body alone.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

use super::devices::{MAX_BODY, same};
use super::identity_json::{self, Kind};
use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal, Spelling};
use crate::http::request::{condition, json_of, off_thread, required_condition};
use crate::http::route::{Rate, Routes};
use crate::id::Id;
use crate::registry::identities;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;
use azmqtt_dialect::service_error::ErrorCode;

pub(super) fn routes(routes: Routes) -> Routes {
    let reads = Access::modules(Right::RegistryRead);
    let writes = Access::modules(Right::RegistryWrite);
    let rate = Rate::Of(Operation::Identity);
    routes
        .get("/devices/{device_id}/modules", reads, rate, list)
        .get("/devices/{device_id}/modules/{module_id}", reads, rate, read)
        .put("/devices/{device_id}/modules/{module_id}", writes, rate, write)
        .delete("/devices/{device_id}/modules/{module_id}", writes, rate, remove)
}

async fn list(State(shared): State<Arc<Shared>>, Path(device_id): Path<String>) -> Result<JsonBody, Refusal> {
    let modules = shared.registry.modules(&device_id)?;
    Ok(JsonBody(modules.iter().map(|module| identity_json::write(module)).collect()))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    Path((device_id, module_id)): Path<(String, String)>,
) -> Result<JsonBody, Refusal> {
    let module = shared.registry.get((&*device_id, &*module_id))?;
    Ok(JsonBody(identity_json::write(&module)))
}

async fn write(
    State(shared): State<Arc<Shared>>,
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    same(&body, "deviceId", &device_id)?;
    same(&body, "moduleId", &module_id)?;
    let draft = identity_json::read(Kind::Module, &body)?;
    let shown = if condition.is_none() { identity_json::write_new } else { identity_json::write };
    let (path_device, path_module) = (device_id.clone(), module_id.clone());
    let module = off_thread(&shared, move |shared| {
        let id = Id::from((&*device_id, &*module_id));
        match condition {
            None => identities::create(&shared.registry, id, draft, None),
            Some(condition) => identities::update(&shared.registry, id, draft, &condition),
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
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let condition = required_condition(&headers)?;
    let removed = off_thread(&shared, move |shared| {
        identities::remove(&shared.registry, &shared.feedback, (&*device_id, &*module_id).into(), &condition)
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}
