//! Faults on demand over HTTPS, which the service does not have: `/azmqtt/faults`, in the words of the local hub.
//!
//! | request | answer |
//! |---|---|
//! | `POST /azmqtt/faults`, a rule | 201, `{"id", "fired", "over", "rule"}` |
//! | `GET /azmqtt/faults` | 200, a list of these |
//! | `DELETE /azmqtt/faults/{id}`, `DELETE /azmqtt/faults` | 204, or 404 for one that is not set; all |
//! | `GET /azmqtt/faults/fired?after={sequence}` | 200, what has happened, at most 1,000 at a time |
//! | `POST /azmqtt/faults/schedules`, a schedule | 201, its plan |

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, post};

use super::answer::{JsonBody, Refusal};
use super::query::Query;
use super::request::json_of;
use crate::faults::{FaultError, Planned, Rule, Schedule};
use crate::shared::Shared;

/// The routes, below [`super::OWN_ROOT`].
pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/faults", get(list).post(set).delete(clear))
        .route("/faults/{id}", delete(remove))
        .route("/faults/fired", get(fired))
        .route("/faults/schedules", post(begin))
}

async fn set(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Result<JsonBody, Refusal> {
    let rule = Rule::from_json(json_of(&headers, body).await?)?;
    let id = shared.faults.inject(&*shared, rule.clone())?;
    Ok(JsonBody(StatusCode::CREATED, shared.faults.show_set(id, rule)))
}

async fn begin(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    let schedule = Schedule::from_json(json_of(&headers, body).await?)?;
    let plan = shared.faults.start(&*shared, &schedule)?;
    Ok(JsonBody(StatusCode::CREATED, plan.iter().map(Planned::to_json).collect()))
}

async fn list(State(shared): State<Arc<Shared>>) -> JsonBody {
    JsonBody(StatusCode::OK, shared.faults.show_rules())
}

async fn clear(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> StatusCode {
    if shared.faults.remove(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn fired(State(shared): State<Arc<Shared>>, query: Query) -> Result<JsonBody, Refusal> {
    let after = match query.get("after").map(str::parse) {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => return Err(Refusal::bad_request("InvalidRequest", "after must be a whole number")),
    };
    Ok(JsonBody(StatusCode::OK, shared.faults.show_fired(after, "clientId")))
}

impl From<FaultError> for Refusal {
    fn from(error: FaultError) -> Self {
        Self::bad_request("InvalidRequest", error.to_string())
    }
}
