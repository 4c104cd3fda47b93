//! The namespace itself: `GET`, `PUT`, `PATCH`, `DELETE`, the lists that it is in, and its access keys.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::answer::{JsonBody, Refusal};
use super::children::list_of;
use super::progress::{self, provisioning_state};
use super::query::{Page, Query};
use super::request::{Target, json_of, off_thread};
use super::version::ApiVersion;
use crate::documents::{ApiSurface, Fields, NamespaceDocument};
use crate::operations::Action;
use crate::resource_id::{PROVIDER, ResourceId};
use crate::shared::Shared;
use crate::store::{Keys, NamespaceRecord};

/// The routes of the namespace, and those of the lists in which it stands.
pub fn routes(namespace: &str, lists: [&str; 2]) -> Router<Arc<Shared>> {
    let one = get(read).put(write).patch(change).delete(remove);
    let routes = Router::new()
        .route(namespace, one)
        .route(&format!("{namespace}/listKeys"), post(list_keys))
        .route(&format!("{namespace}/regenerateKey"), post(regenerate_key));
    lists.iter().fold(routes, |routes, path| routes.route(path, get(list)))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    version: ApiVersion,
    target: Target,
) -> Result<JsonBody, Refusal> {
    let record = shared.namespace().ok_or_else(|| missing(&target.id))?;
    Ok(JsonBody(StatusCode::OK, view(&shared, &target.id, &record, version.surface)))
}

async fn list(
    State(shared): State<Arc<Shared>>,
    version: ApiVersion,
    target: Target,
    query: Query,
) -> Result<JsonBody, Refusal> {
    let record = shared.namespace();
    let names = record.iter().map(|_| target.id.name());
    let (names, next) = Page::of(&query)?.cut(names, &query);
    let views =
        record.iter().take(names.len()).map(|record| view(&shared, &target.id, record, version.surface));
    Ok(JsonBody(StatusCode::OK, list_of(&views.collect::<Vec<_>>(), next, &target)))
}

async fn write(
    State(shared): State<Arc<Shared>>,
    version: ApiVersion,
    target: Target,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = json_of(&headers, body).await?;
    let id = target.id.clone();
    let put = move |shared: &Shared| {
        let next = |before: Option<&NamespaceRecord>| -> Result<_, Refusal> {
            let Some(before) = before else { return Ok(NamespaceDocument::read(&body, version.surface)?) };
            let next = before.document.replaced(&body, version.surface)?;
            let (old, new) = (before.document.location(), next.location());
            // What a namespace starts with is nowhere yet.
            if !before.is_initial && !is_same_place(old, new) {
                let (name, group) = (id.name(), id.resource_group());
                let message = format!(
                    "The resource '{name}' already exists in location '{old}' in resource group '{group}'. A resource with \
                     the same name cannot be created in location '{new}'. Please select a new resource name."
                );
                return Err(Refusal::new(StatusCode::CONFLICT, "InvalidResourceLocation", message));
            }
            Ok(next)
        };
        finish(shared, &id, version, shared.put_namespace(next)?)
    };
    let (is_new, view, operation) = off_thread(&shared, put).await?;
    Ok(progress::put(is_new, view, operation, &shared, &target, version))
}

async fn change(
    State(shared): State<Arc<Shared>>,
    version: ApiVersion,
    target: Target,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = json_of(&headers, body).await?;
    let id = target.id.clone();
    let patch = move |shared: &Shared| {
        let next = |before: Option<&NamespaceRecord>| -> Result<_, Refusal> {
            let before = before.ok_or_else(|| missing(&id))?;
            Ok(before.document.patched(&body, version.surface)?)
        };
        finish(shared, &id, version, shared.put_namespace(next)?)
    };
    let (_, view, operation) = off_thread(&shared, patch).await?;
    let status = if operation.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(progress::by_status(JsonBody(status, view).into_response(), operation, &shared, &target, version))
}

/// What is answered about a namespace that was put.
fn finish(
    shared: &Shared,
    id: &ResourceId,
    version: ApiVersion,
    (record, put): (NamespaceRecord, crate::store::Put),
) -> Result<(bool, Value, Option<String>), Refusal> {
    let action = if put.is_new { Action::Create } else { Action::Update };
    let operation = progress::begin(shared, &id.to_string(), action)?;
    Ok((put.is_new, view(shared, id, &record, version.surface), operation))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    version: ApiVersion,
    target: Target,
) -> Result<Response, Refusal> {
    let id = target.id.to_string();
    let removed = off_thread(&shared, move |shared| {
        let was_there = shared.delete_namespace()?;
        if was_there { progress::begin(shared, &id, Action::Delete) } else { Ok(None) }
    });
    let operation = removed.await?;
    Ok(progress::by_result(operation, &shared, &target, version))
}

async fn list_keys(
    State(shared): State<Arc<Shared>>,
    _: ApiVersion,
    target: Target,
) -> Result<JsonBody, Refusal> {
    let record = shared.namespace().ok_or_else(|| missing(&target.id))?;
    Ok(JsonBody(StatusCode::OK, view_keys(&record.keys)))
}

async fn regenerate_key(
    State(shared): State<Arc<Shared>>,
    _: ApiVersion,
    _: Target,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    let body = json_of(&headers, body).await?;
    let mut fields = Fields::of("", &body)?;
    let index = fields.choice("keyName", &[("key1", 0), ("key2", 1)])?;
    let index = index.ok_or_else(|| fields.wrong("keyName", "it is required"))?;
    fields.finish()?;
    let keys = off_thread(&shared, move |shared| Ok(shared.regenerate_key(index)?)).await?;
    Ok(JsonBody(StatusCode::OK, view_keys(&keys)))
}

fn view_keys(Keys([key1, key2]): &Keys) -> Value {
    json!({ "key1": key1, "key2": key2 })
}

/// `West US 2` and `westus2` are the same.
fn is_same_place(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace(' ', "").to_lowercase();
    plain(one) == plain(other)
}

fn missing(id: &ResourceId) -> Refusal {
    Refusal::no_resource(&format!("namespaces/{}", id.name()), id.resource_group())
}

/// The namespace as answers have it.
fn view(shared: &Shared, id: &ResourceId, record: &NamespaceRecord, surface: ApiSurface) -> Value {
    let document = &record.document;
    let mut properties = document.properties(&shared.config.hostname, surface);
    let id_text = id.to_string();
    properties.insert("provisioningState".to_owned(), provisioning_state(shared, &id_text).into());
    let mut view = document.body().clone();
    view.insert("properties".to_owned(), properties.into());
    view.insert("sku".to_owned(), json!({ "name": "Standard", "capacity": document.units }));
    view.entry("tags").or_insert_with(|| json!({}));
    view.insert("id".to_owned(), id_text.into());
    view.insert("name".to_owned(), id.name().into());
    view.insert("type".to_owned(), format!("{PROVIDER}/namespaces").into());
    view.insert("systemData".to_owned(), record.stamp.system_data());
    view.into()
}
