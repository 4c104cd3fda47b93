//! `POST /devices/query`: twins and jobs that a query selects, page by page (IoT Hub docs, REST: "Query - Get Twins").

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde_json::Value;

use crate::http::access::Access;
use crate::http::answer::{JSON, Refusal};
use crate::http::request::{json_of, off_thread};
use crate::http::route::{Rate, Routes};
use crate::query::{self, QueryPage};
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;
use azmqtt_dialect::service_error::ErrorCode;

pub(super) const CONTINUATION: &str = "x-ms-continuation";

/// Room for the longest query, with every character escaped.
const MAX_BODY: usize = 128 << 10;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.post("/devices/query", Access::policy(Right::ServiceConnect), Rate::Of(Operation::Query), run)
}

async fn run(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    let text = body.get("query").and_then(Value::as_str);
    let text = text.ok_or_else(|| Refusal::new(ErrorCode::ARGUMENT_INVALID, "query is missing"))?.to_owned();
    let size = page_size(headers.get("x-ms-max-item-count").map(|size| size.to_str().unwrap_or("?")))?;
    // Clients send an empty one for the first page.
    let token = headers.get(CONTINUATION).map(|token| token.to_str().unwrap_or("?").to_owned());
    let token = token.filter(|token| !token.is_empty());
    // A query goes through all twins: other connections need not wait for it.
    let page = off_thread(&shared, move |shared| {
        query::run(&shared.registry, &shared.jobs, &text, size, token.as_deref())
    })
    .await?;
    Ok(paged(page))
}

/// A page with its headers.
pub(super) fn paged(page: QueryPage) -> Response {
    let continuation = page.continuation.map(|token| AppendHeaders([(CONTINUATION, token)]));
    ([JSON, ("x-ms-item-type", page.item_type)], continuation, page.body).into_response()
}

/// The wish for a page's size; `None` leaves it to the hub, as 0 and less do.
pub(super) fn page_size(wish: Option<&str>) -> Result<Option<usize>, Refusal> {
    let Some(wish) = wish else { return Ok(None) };
    let number: i64 = wish
        .trim()
        .parse()
        .map_err(|_| Refusal::new(ErrorCode::ARGUMENT_INVALID, "the size of a page is not a number"))?;
    Ok(usize::try_from(number).ok())
}
