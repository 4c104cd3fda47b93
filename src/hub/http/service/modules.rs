//! Module identities: `GET`, `PUT` and `DELETE /devices/{id}/modules/{module}`, `GET /devices/{id}/modules`. Unlike a device's, a
//! module's etag is in the body alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;

use super::super::super::id::Id;
use super::super::super::identities;
use super::super::super::policies::Right;
use super::super::super::shared::Shared;
use super::super::answer::{JsonBody, Refusal};
use super::admission::Caller;
use super::devices::{MAX_BODY, same};
use super::identity_json::{self, Kind};
use super::request::{condition, json_of, off_thread, required_condition};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/devices/{device_id}/modules", get(list))
        .route("/devices/{device_id}/modules/{module_id}", get(read).put(write).delete(remove))
}

async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(device_id): Path<String>,
) -> Result<JsonBody, Refusal> {
    caller.require(Right::RegistryRead)?;
    let modules = shared.registry.modules(&device_id)?;
    Ok(JsonBody(modules.iter().map(|module| identity_json::write(module)).collect()))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path((device_id, module_id)): Path<(String, String)>,
) -> Result<JsonBody, Refusal> {
    caller.require(Right::RegistryRead)?;
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
    let body = json_of(caller, Right::RegistryWrite, body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    same(&body, "deviceId", &device_id)?;
    same(&body, "moduleId", &module_id)?;
    let draft = identity_json::read(Kind::Module, &body)?;
    let module = off_thread(&shared, move |shared| {
        let id = Id::from((&*device_id, &*module_id));
        match condition {
            None => identities::create(shared, id, draft, None),
            Some(condition) => identities::update(shared, id, draft, &condition),
        }
    });
    module.await.map(|module| JsonBody(identity_json::write(&module)))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    caller.require(Right::RegistryWrite)?;
    let condition = required_condition(&headers)?;
    let removed = off_thread(&shared, move |shared| {
        identities::remove(shared, (&*device_id, &*module_id).into(), &condition)
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}
