//! The table of routes.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;

use super::super::shared::Shared;
use super::{blobs, device, faults, files, limits, methods, service, websocket};

/// Answers requests in the name of the hub. Each subject has a module with its `routes()`, merged in here; handlers
/// get the hub as `State<Arc<Shared>>`. Bodies handed to a handler end in an error when their sender stalls, and
/// axum's own extractors bound their size (2 MiB, unless a route sets a `DefaultBodyLimit`).
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(websocket::routes())
        .merge(files::routes())
        .merge(device::routes())
        .merge(methods::routes())
        .merge(blobs::routes())
        .merge(service::routes())
        .merge(faults::routes())
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(shared.clone(), limits::admit))
        .with_state(shared)
}
