//! Module identities: `GET`, `PUT` and `DELETE /devices/{id}/modules/{module}`, `GET /devices/{id}/modules`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::super::super::id::Id;
use super::super::super::identities;
use super::super::super::if_match::IfMatch;
use super::super::super::policies::Right;
use super::super::super::shared::Shared;
use super::super::answer::{JsonBody, Refusal};
use super::admission::Caller;
use super::devices::{MAX_BODY, answer, same};
use super::identity_json;
use super::request::{condition, json_of, off_thread};

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
) -> Result<Response, Refusal> {
    caller.require(Right::RegistryRead)?;
    Ok(answer(&*shared.registry.get((&*device_id, &*module_id))?))
}

async fn write(
    State(shared): State<Arc<Shared>>,
    caller: Result<Caller, Refusal>,
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = json_of(caller, Right::RegistryWrite, body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    same(&body, "deviceId", &device_id)?;
    same(&body, "moduleId", &module_id)?;
    let draft = identity_json::read(&body)?;
    let is_new = condition.is_none();
    let module = off_thread(&shared, move |shared| {
        let id = Id::from((&*device_id, &*module_id));
        match condition {
            None => identities::create(shared, id, draft, None),
            Some(condition) => identities::update(shared, id, draft, &condition),
        }
    });
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, answer(&*module.await?)).into_response())
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path((device_id, module_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    caller.require(Right::RegistryWrite)?;
    let condition = condition(&headers)?.unwrap_or(IfMatch::Any);
    let removed = off_thread(&shared, move |shared| {
        identities::remove(shared, (&*device_id, &*module_id).into(), &condition)
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}
