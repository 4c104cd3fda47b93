//! The table of routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{SERVER, VARY};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;

use super::answer::REQUEST_ID;
use super::route::Routes;
use super::websocket::Service;
use crate::error::tracking::Tracking;
use crate::http::{
    blobs, device, enrollments, faults, files, limits, methods, metrics, page, service, watch, websocket,
};
use crate::shared::Shared;
use crate::uploads::CONTAINER;

/// Answers requests in the name of the hub. Handlers get the hub as `State<Arc<Shared>>`. Bodies handed to a handler end in an
/// error when their sender stalls, and axum's own extractors bound their size (2 MiB, unless a route sets a
/// `DefaultBodyLimit`).
pub fn router(shared: Arc<Shared>) -> Router {
    routes(&shared)
        .into_router()
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(shared.clone(), limits::before))
        .layer(from_fn(name))
        .with_state(shared)
}

/// Each subject has a module with its `routes()`, which adds to the table.
pub(super) fn routes(shared: &Arc<Shared>) -> Routes {
    let routes = websocket::routes(Routes::new(shared), Service::Hub);
    let subjects = [
        files::routes,
        device::routes,
        methods::routes,
        blobs::routes,
        service::routes,
        faults::routes,
        page::routes,
        watch::routes,
        metrics::routes,
    ];
    subjects.into_iter().fold(routes, |routes, subject| subject(routes))
}

/// Gives an answer of the hub, not one of Blob Storage, what every answer of the service has.
async fn name(request: Request, next: Next) -> Response {
    let of_storage = request.uri().path().split('/').nth(1) == Some(CONTAINER);
    let mut answer = next.run(request).await;
    if of_storage || answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return answer;
    }
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    headers.insert(SERVER, HeaderValue::from_static("Microsoft-HTTPAPI/2.0"));
    if !headers.contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::try_from(Tracking::new().request_id())
    {
        headers.insert(REQUEST_ID, id);
    }
    answer
}

/// Answers requests in the name of the provisioning service.
pub fn provisioning_router(shared: Arc<Shared>) -> Router {
    provisioning_routes(&shared).into_router().fallback(|| async { StatusCode::NOT_FOUND }).with_state(shared)
}

pub(super) fn provisioning_routes(shared: &Arc<Shared>) -> Routes {
    enrollments::routes(websocket::routes(Routes::new(shared), Service::Provisioning), shared)
}
