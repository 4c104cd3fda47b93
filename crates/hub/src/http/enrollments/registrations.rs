//! Devices that were assigned: `/registrations/{id}`, and `POST /registrations/{enrollmentGroupId}/query`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};

use super::many::{answer, read_query};
use super::one::with_etag;
use crate::http::enrollments::{MAX_BODY, Owner, Refused, json_of};
use crate::http::service::request::{condition, off_thread};
use crate::provisioning::{delete_registration, get_registration, registrations_of_group};
use crate::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/registrations/{id}", get(read).delete(remove))
        .route("/registrations/{id}/query", post(query))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    _: Owner,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(with_etag(off_thread(&shared, move |shared| get_registration(shared, &id)).await?))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    _: Owner,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let condition = condition(&headers)?;
    let remove = move |shared: &Shared| delete_registration(shared, &id, condition.as_ref());
    off_thread(&shared, remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn query(
    State(shared): State<Arc<Shared>>,
    owner: Result<Owner, Refused>,
    Path(group): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = json_of(owner, body, MAX_BODY).await?;
    let wanted = read_query(&body, &headers, "registrations")?;
    let query = move |shared: &Shared| registrations_of_group(shared, &group, &wanted);
    Ok(answer(off_thread(&shared, query).await?, "deviceRegistration"))
}
