//! Configurations: `/configurations[/{id}]`, `POST /configurations/testQueries` and
//! `POST /devices/{id}/applyConfigurationContent` (IoT Hub docs, REST: "Configuration").

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::configurations::{ConfigurationBody, MAX_CONFIGURATIONS, apply, test_queries};
use crate::error::HubError;
use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal};
use crate::http::request::{condition, json_of, off_thread, quoted, top};
use crate::http::route::{Rate, Routes};
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;

/// A content fills at most the desired properties of fifty modules.
const MAX_BODY: usize = 4 << 20;

pub(super) fn routes(routes: Routes) -> Routes {
    let (reads, writes) = (Access::policy(Right::RegistryRead), Access::policy(Right::RegistryWrite));
    let rate = Rate::Of(Operation::Configuration);
    routes
        .get("/configurations", reads, rate, list)
        .post("/configurations/testQueries", reads, rate, test)
        .get("/configurations/{id}", reads, rate, read)
        .put("/configurations/{id}", writes, rate, write)
        .delete("/configurations/{id}", writes, rate, remove)
        .post("/devices/{device_id}/applyConfigurationContent", writes, rate, apply_content)
}

async fn list(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Result<JsonBody, Refusal> {
    let top = top(query.as_deref(), MAX_CONFIGURATIONS)?;
    let list = move |shared: &Shared| {
        let all = shared.configurations.list(top);
        Ok(all.iter().map(|configuration| configuration.view(&shared.registry)).collect::<Vec<Value>>())
    };
    off_thread(&shared, list).await.map(|list| JsonBody(list.into()))
}

async fn read(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let read = move |shared: &Shared| {
        let configuration = shared.configurations.get(&id).map_err(HubError::from)?;
        Ok((StatusCode::OK, configuration.etag(), configuration.view(&shared.registry)))
    };
    off_thread(&shared, read).await.map(with_etag)
}

async fn write(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    // An etag without quotes is none here, though it is one for identities.
    let bare = |text: &[u8]| !text.starts_with(b"\"") && text != b"*";
    let is_bare = headers.get(IF_MATCH).is_some_and(|header| bare(header.as_bytes()));
    let condition = if is_bare { None } else { condition(&headers)? };
    let write = move |shared: &Shared| {
        let body = ConfigurationBody::read(&id, &body).map_err(HubError::from)?;
        let put = shared.configurations.put(&id, body, condition.as_ref());
        let configuration = put.map_err(HubError::from)?;
        Ok((StatusCode::OK, configuration.etag(), configuration.view(&shared.registry)))
    };
    off_thread(&shared, write).await.map(with_etag)
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let condition = condition(&headers)?;
    let remove =
        move |shared: &Shared| shared.configurations.delete(&id, condition.as_ref()).map_err(HubError::from);
    off_thread(&shared, remove).await.map(|()| StatusCode::NO_CONTENT)
}

async fn test(State(shared): State<Arc<Shared>>, body: Body) -> Result<JsonBody, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    off_thread(&shared, move |_| test_queries(&body).map_err(HubError::from)).await.map(JsonBody)
}

async fn apply_content(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    let applied = move |shared: &Shared| apply(&shared.registry, &device_id, &body);
    off_thread(&shared, applied).await.map(|()| StatusCode::NO_CONTENT)
}

fn with_etag((status, etag, view): (StatusCode, String, Value)) -> Response {
    (status, [(ETAG, quoted(&etag))], JsonBody(view)).into_response()
}
