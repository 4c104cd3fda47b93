//! Many enrolments: `POST /enrollments` in bulk, `POST /enrollments/query` and `POST /enrollmentGroups/query`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::forms::{MAX_BODY, Refused, answer, json_of, read_query};
use crate::http::access::Access;
use crate::http::answer::JsonBody;
use crate::http::request::off_thread;
use crate::http::route::{Rate, Routes};
use crate::provisioning::{MAX_BULK, Table, bulk};
use crate::shared::Shared;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.post("/enrollments", Access::provisioning_owner(), Rate::Uncounted, run_bulk)
}

async fn run_bulk(State(shared): State<Arc<Shared>>, body: Body) -> Result<JsonBody, Refused> {
    let body = json_of(body, MAX_BULK * MAX_BODY).await?;
    Ok(JsonBody(off_thread(&shared, move |shared| bulk(&shared.provisioning, &body)).await?))
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
    let page = off_thread(&shared, move |shared| Ok(table.page(&shared.provisioning, &wanted))).await?;
    Ok(answer(page, item_type))
}
