//! One enrolment: `/enrollments/{id}`, `/enrollmentGroups/{id}`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::http::answer::JsonBody;
use crate::http::enrollments::{MAX_BODY, Owner, Refused, json_of, many};
use crate::http::service::request::{condition, off_thread, quoted};
use crate::provisioning::{Shown, Table};
use crate::shared::Shared;

/// `POST` to the id `query` is a query; it is an id for the other methods.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let enrollments = Router::new()
        .route("/enrollments/{id}", get(read).put(write).delete(remove).post(many::query))
        .route("/enrollments/{id}/attestationmechanism", post(attestation))
        .layer(Extension(Table::Enrollments));
    let groups = Router::new()
        .route("/enrollmentGroups/{id}", get(read).put(write).delete(remove).post(many::query))
        .route("/enrollmentGroups/{id}/attestationmechanism", post(attestation))
        .layer(Extension(Table::Groups));
    enrollments.merge(groups)
}

async fn read(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    _: Owner,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(with_etag(off_thread(&shared, move |shared| table.get(shared, &id)).await?))
}

async fn write(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    owner: Result<Owner, Refused>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = json_of(owner, body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    let put = move |shared: &Shared| table.put(shared, &id, &body, condition.as_ref());
    Ok(with_etag(off_thread(&shared, put).await?))
}

async fn remove(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    _: Owner,
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
    _: Owner,
    Path(id): Path<String>,
) -> Result<JsonBody, Refused> {
    Ok(JsonBody(off_thread(&shared, move |shared| table.attestation(shared, &id)).await?))
}

pub(super) fn with_etag(Shown { body, etag }: Shown) -> Response {
    ([(ETAG, quoted(&etag))], JsonBody(body)).into_response()
}
