//! Devices that were assigned: `/registrations/{id}`, and `POST /registrations/{enrollmentGroupId}/query`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::forms::{MAX_BODY, Refused, answer, json_of, read_query, with_etag};
use crate::http::access::Access;
use crate::http::request::{condition, off_thread};
use crate::http::route::{Rate, Routes};
use crate::provisioning::{delete_registration, get_registration, registrations_of_group};
use crate::shared::Shared;

pub(super) fn routes(routes: Routes) -> Routes {
    let (owner, rate) = (Access::provisioning_owner(), Rate::Uncounted);
    routes
        .get("/registrations/{id}", owner, rate, read)
        .delete("/registrations/{id}", owner, rate, remove)
        .post("/registrations/{id}/query", owner, rate, query)
}

async fn read(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, Refused> {
    Ok(with_etag(off_thread(&shared, move |shared| get_registration(&shared.provisioning, &id)).await?))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let condition = condition(&headers)?;
    let remove = move |shared: &Shared| delete_registration(&shared.provisioning, &id, condition.as_ref());
    off_thread(&shared, remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn query(
    State(shared): State<Arc<Shared>>,
    Path(group): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = json_of(body, MAX_BODY).await?;
    let wanted = read_query(&body, &headers, "registrations")?;
    let query = move |shared: &Shared| registrations_of_group(&shared.provisioning, &group, &wanted);
    Ok(answer(off_thread(&shared, query).await?, "deviceRegistration"))
}
