//! The service's REST API: what back-end applications ask of a hub. Each subject has a module with its `routes()`; every
//! handler asks [`admission::Caller`] for the right that it takes.

mod admission;
mod bulk;
mod cloud_send;
mod commands;
mod configurations;
mod devices;
mod digital_twins;
mod feedback;
mod identity_json;
mod jobs;
mod modules;
mod query;
pub(super) mod request;
mod statistics;
mod twins;

use std::sync::Arc;

use axum::Router;

pub(super) use self::admission::Caller;
use crate::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .merge(bulk::routes())
        .merge(cloud_send::routes())
        .merge(commands::routes())
        .merge(configurations::routes())
        .merge(devices::routes())
        .merge(digital_twins::routes())
        .merge(feedback::routes())
        .merge(modules::routes())
        .merge(twins::routes())
        .merge(jobs::routes())
        .merge(query::routes())
        .merge(statistics::routes())
}
