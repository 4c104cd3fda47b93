//! The resources within a namespace: `GET`, `PUT` and `DELETE` of one, and the list of all.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Map, Value, json};

use super::answer::{JsonBody, Refusal};
use super::progress::{self, provisioning_state};
use super::query::{Page, Query};
use super::request::{Target, cut, json_of, off_thread};
use super::version::ApiVersion;
use crate::authentication::CaCertificate;
use crate::documents::Fields;
use crate::operations::Action;
use crate::resource_id::{PROVIDER, ResourceId};
use crate::resources::{Client, ClientGroup, PermissionBinding, TopicSpace};
use crate::shared::Shared;
use crate::store::Resource;

/// The routes below a namespace's own.
pub fn routes(namespace: &str) -> Router<Arc<Shared>> {
    Router::new()
        .merge(routes_of::<CaCertificate>(namespace))
        .merge(routes_of::<Client>(namespace))
        .merge(routes_of::<ClientGroup>(namespace))
        .merge(routes_of::<TopicSpace>(namespace))
        .merge(routes_of::<PermissionBinding>(namespace))
}

fn routes_of<R: Resource>(namespace: &str) -> Router<Arc<Shared>> {
    let all = format!("{namespace}/{}", R::KIND.segment());
    let one = get(read::<R>).put(write::<R>).delete(remove::<R>);
    Router::new().route(&all, get(list::<R>)).route(&format!("{all}/{{name}}"), one)
}

async fn read<R: Resource>(
    State(shared): State<Arc<Shared>>,
    _: ApiVersion,
    target: Target,
) -> Result<JsonBody, Refusal> {
    check_parent(&shared, &target.id)?;
    let name = target.name.unwrap_or_default();
    let view = view::<R>(&shared, &target.id, &name);
    view.map(|view| JsonBody(StatusCode::OK, view)).ok_or_else(|| missing::<R>(&target.id, &name))
}

async fn list<R: Resource>(
    State(shared): State<Arc<Shared>>,
    _: ApiVersion,
    target: Target,
    query: Query,
) -> Result<JsonBody, Refusal> {
    check_parent(&shared, &target.id)?;
    let page = Page::of(&query)?;
    // The broker waits meanwhile, so only the names of the page are copied.
    let (names, next) = R::look_at_names(&shared, |names| {
        let built_in = R::BUILT_IN.iter().map(|(name, _)| *name);
        page.cut(built_in.chain(names), &query)
    });
    // One that was deleted in between is not there.
    let views: Vec<Value> = names.iter().filter_map(|name| view::<R>(&shared, &target.id, name)).collect();
    Ok(JsonBody(StatusCode::OK, list_of(&views, next, &target)))
}

/// A page of a list.
pub fn list_of(views: &[Value], next: Option<String>, target: &Target) -> Value {
    let mut list = json!({ "value": views });
    if let (Some(next), Some(list)) = (next, list.as_object_mut()) {
        list.insert("nextLink".to_owned(), format!("{}{}?{next}", target.base, target.path).into());
    }
    list
}

async fn write<R: Resource>(
    State(shared): State<Arc<Shared>>,
    version: ApiVersion,
    target: Target,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    check_parent(&shared, &target.id)?;
    let body = json_of(&headers, body).await?;
    let name = target.name.clone().unwrap_or_default();
    check_changeable::<R>(&name)?;
    let resource = read_body::<R>(&name, &body)?;
    let id = target.id.clone();
    let written = off_thread(&shared, move |shared| {
        let put = shared.put(resource)?;
        let action = if put.is_new { Action::Create } else { Action::Update };
        let operation = progress::begin(shared, &resource_id::<R>(&id, &name), action)?;
        // Somebody else may have deleted it meanwhile.
        let view = view::<R>(shared, &id, &name).ok_or_else(|| missing::<R>(&id, &name))?;
        Ok((put.is_new, view, operation))
    });
    let (is_new, view, operation) = written.await?;
    Ok(progress::put(is_new, view, operation, &shared, &target, version))
}

/// The body of a PUT, such as the SDK's and `az resource create`'s.
fn read_body<R: Resource>(name: &str, body: &Value) -> Result<R, Refusal> {
    let mut fields = Fields::of("", body)?;
    fields.ignore(&["id", "name", "type", "systemData", "etag", "location", "tags"]);
    let nothing = Value::Object(Map::new());
    let properties = fields.value("properties").unwrap_or(&nothing);
    fields.finish()?;
    Ok(R::read(name, properties)?)
}

async fn remove<R: Resource>(
    State(shared): State<Arc<Shared>>,
    version: ApiVersion,
    target: Target,
) -> Result<Response, Refusal> {
    let (id, name) = (target.id.clone(), target.name.clone().unwrap_or_default());
    check_changeable::<R>(&name)?;
    let removed = off_thread(&shared, move |shared| {
        let was_there = shared.delete::<R>(&name)?;
        let begin = || progress::begin(shared, &resource_id::<R>(&id, &name), Action::Delete);
        if was_there { begin() } else { Ok(None) }
    });
    let operation = removed.await?;
    Ok(progress::by_result(operation, &shared, &target, version))
}

fn check_parent(shared: &Shared, id: &ResourceId) -> Result<(), Refusal> {
    if shared.namespace().is_some() {
        return Ok(());
    }
    let message = format!(
        "Can not perform requested operation on nested resource. Parent resource '{}' not found.",
        id.name()
    );
    Err(Refusal::not_found("ParentResourceNotFound", message))
}

/// What is there by itself is not changed or deleted.
fn check_changeable<R: Resource>(name: &str) -> Result<(), Refusal> {
    match built_in::<R>(name) {
        Some(_) => {
            let message = format!("name: {name} is built in, and cannot be changed or deleted");
            Err(Refusal::bad_request("InvalidRequest", message))
        }
        None => Ok(()),
    }
}

/// The description of what is there by itself.
fn built_in<R: Resource>(name: &str) -> Option<&'static str> {
    R::BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, description)| *description)
}

fn missing<R: Resource>(id: &ResourceId, name: &str) -> Refusal {
    let path = format!("namespaces/{}/{}/{}", id.name(), R::KIND.segment(), cut(name));
    Refusal::no_resource(&path, id.resource_group())
}

fn resource_id<R: Resource>(id: &ResourceId, name: &str) -> String {
    format!("{id}/{}/{name}", R::KIND.segment())
}

/// A resource as answers have it.
fn view<R: Resource>(shared: &Shared, id: &ResourceId, name: &str) -> Option<Value> {
    let mut properties = match built_in::<R>(name) {
        Some(description) => Map::from_iter([("description".to_owned(), description.into())]),
        None => R::find(name, shared)?.properties(),
    };
    let id = resource_id::<R>(id, name);
    properties.insert("provisioningState".to_owned(), provisioning_state(shared, &id).into());
    let mut view = json!({
        "properties": properties,
        "id": id,
        "name": name,
        "type": format!("{PROVIDER}/namespaces/{}", R::KIND.segment()),
    });
    if let (Some(stamp), Some(view)) = (shared.store.stamp(R::KIND, name), view.as_object_mut()) {
        view.insert("systemData".to_owned(), stamp.system_data());
    }
    Some(view)
}
