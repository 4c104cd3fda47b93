//! One enrolment: `/enrollments/{id}`, `/enrollmentGroups/{id}`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::http::access::Access;
use crate::http::answer::JsonBody;
use crate::http::enrollments::{MAX_BODY, Refused, json_of, many};
use crate::http::route::{Rate, Routes};
use crate::http::service::request::{condition, off_thread, quoted};
use crate::provisioning::{Shown, Table};
use crate::shared::Shared;

/// `POST` to the id `query` is a query; it is an id for the other methods.
pub(super) fn routes(routes: Routes, shared: &Arc<Shared>) -> Routes {
    let (owner, rate) = (Access::provisioning_owner(), Rate::Uncounted);
    let of = |path: &str| {
        Routes::new(shared)
            .get(path, owner, rate, read)
            .put(path, owner, rate, write)
            .delete(path, owner, rate, remove)
            .post(path, owner, rate, many::query)
            .post(&format!("{path}/attestationmechanism"), owner, rate, attestation)
    };
    routes.with(Table::Enrollments, of("/enrollments/{id}")).with(Table::Groups, of("/enrollmentGroups/{id}"))
}

async fn read(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(with_etag(off_thread(&shared, move |shared| table.get(shared, &id)).await?))
}

async fn write(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = json_of(body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    let put = move |shared: &Shared| table.put(shared, &id, &body, condition.as_ref());
    Ok(with_etag(off_thread(&shared, put).await?))
}

async fn remove(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let condition = condition(&headers)?;
    off_thread(&shared, move |shared| table.delete(shared, &id, condition.as_ref())).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn attestation(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<JsonBody, Refused> {
    Ok(JsonBody(off_thread(&shared, move |shared| table.attestation(shared, &id)).await?))
}

pub(super) fn with_etag(Shown { body, etag }: Shown) -> Response {
    ([(ETAG, quoted(&etag))], JsonBody(body)).into_response()
}
