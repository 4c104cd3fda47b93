//! The service's REST API: what back-end applications ask of a hub. Each subject has a module with its `routes()`; every
//! handler asks [`admission::Caller`] for the right that it takes.

mod admission;
mod statistics;

use std::sync::Arc;

use axum::Router;

use super::super::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().merge(statistics::routes())
}
