//! Many enrolments: `POST /enrollments` in bulk, `POST /enrollments/query` and `POST /enrollmentGroups/query`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::error::HubError;
use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal};
use crate::http::enrollments::{MAX_BODY, Refused, json_of};
use crate::http::route::{Rate, Routes};
use crate::http::service::request::off_thread;
use crate::provisioning::{MAX_BULK, Page, Table, Wanted, bulk};
use crate::shared::Shared;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.post("/enrollments", Access::provisioning_owner(), Rate::Uncounted, run_bulk)
}

async fn run_bulk(State(shared): State<Arc<Shared>>, body: Body) -> Result<JsonBody, Refused> {
    let body = json_of(body, MAX_BULK * MAX_BODY).await?;
    Ok(JsonBody(off_thread(&shared, move |shared| bulk(shared, &body)).await?))
}

pub(super) async fn query(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = json_of(body, MAX_BODY).await?;
    if id != "query" {
        return Ok(StatusCode::METHOD_NOT_ALLOWED.into_response());
    }
    let (source, item_type) = match table {
        Table::Enrollments => ("enrollments", "enrollment"),
        Table::Groups => ("enrollmentGroups", "enrollmentGroup"),
    };
    let wanted = read_query(&body, &headers, source)?;
    let page = off_thread(&shared, move |shared| Ok(table.page(shared, &wanted))).await?;
    Ok(answer(page, item_type))
}

/// The part of a list that a query asks for: `*`, or `SELECT * FROM` what the path names.
pub(super) fn read_query(body: &Value, headers: &HeaderMap, source: &str) -> Result<Wanted, Refusal> {
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let words: Vec<_> = query.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let fits = match words[..] {
        ["*"] => true,
        ["select", "*", "from", from] => from == source.to_ascii_lowercase(),
        _ => false,
    };
    if !fits {
        let message =
            format!("the query is neither * nor SELECT * FROM {source}, which are those known here");
        return Err(HubError::Argument(message).into());
    }
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    Ok(Wanted::read(header("x-ms-max-item-count"), header("x-ms-continuation"))?)
}

pub(super) fn answer(page: Page, item_type: &'static str) -> Response {
    let continuation = page.continuation.map(|token| [("x-ms-continuation", token)]);
    let body = JsonBody(page.items.into());
    let typed = [("x-ms-item-type", item_type)];
    match continuation {
        Some(continuation) => (typed, continuation, body).into_response(),
        None => (typed, body).into_response(),
    }
}
