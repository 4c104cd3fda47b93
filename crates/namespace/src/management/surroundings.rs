//! What is around a namespace, as much as `az resource` asks for: its resource group, and the provider with its types and
//! versions. These have versions of their own, of which any will do.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::answer::{JsonBody, Refusal};
use super::request::Target;
use super::version::VERSIONS;
use crate::resource_id::PROVIDER;
use crate::resources::ResourceKind;
use crate::shared::Shared;

/// The routes, by the paths of a group and of the provider.
pub fn routes(group: &str, provider: &str) -> Router<Arc<Shared>> {
    Router::new().route(group, get(read_group)).route(provider, get(read_provider))
}

async fn read_group(State(shared): State<Arc<Shared>>, target: Target) -> Result<JsonBody, Refusal> {
    let (subscription, group) = (target.id.subscription(), target.id.resource_group());
    let record = shared.namespace();
    let location = record.as_ref().map_or("local", |record| record.document.location());
    let view = json!({
        "id": format!("/subscriptions/{subscription}/resourceGroups/{group}"),
        "name": group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": location,
        "properties": { "provisioningState": "Succeeded" },
    });
    Ok(JsonBody(StatusCode::OK, view))
}

async fn read_provider(target: Target) -> Result<JsonBody, Refusal> {
    let versions: Vec<&str> = VERSIONS.iter().rev().map(|(name, _)| *name).collect();
    let described = |kind: String| json!({ "resourceType": kind, "locations": [], "apiVersions": versions });
    let below = ResourceKind::WITHIN.iter().map(|kind| described(format!("namespaces/{}", kind.segment())));
    let types: Vec<Value> = [described("namespaces".to_owned())].into_iter().chain(below).collect();
    let view = json!({
        "id": format!("/subscriptions/{}/providers/{PROVIDER}", target.id.subscription()),
        "namespace": PROVIDER,
        "registrationState": "Registered",
        "resourceTypes": types,
    });
    Ok(JsonBody(StatusCode::OK, view))
}
