//! One enrolment: `/enrollments/{id}`, `/enrollmentGroups/{id}`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::forms::{MAX_BODY, Refused, json_of, with_etag};
use super::many;
use crate::http::access::Access;
use crate::http::answer::JsonBody;
use crate::http::request::{condition, off_thread};
use crate::http::route::{Rate, Routes};
use crate::provisioning::Table;
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
    Ok(with_etag(off_thread(&shared, move |shared| table.get(&shared.provisioning, &id)).await?))
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
    let put = move |shared: &Shared| table.put(&shared.provisioning, &id, &body, condition.as_ref());
    Ok(with_etag(off_thread(&shared, put).await?))
}

async fn remove(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let condition = condition(&headers)?;
    off_thread(&shared, move |shared| table.delete(&shared.provisioning, &id, condition.as_ref())).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn attestation(
    Extension(table): Extension<Table>,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<JsonBody, Refused> {
    Ok(JsonBody(off_thread(&shared, move |shared| table.attestation(&shared.provisioning, &id)).await?))
}
