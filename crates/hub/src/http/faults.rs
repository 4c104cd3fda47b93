//! Faults on demand over HTTPS, a part of the REST API that is this hub's own: `/azmqtt/faults`.
//!
//! | request | answer |
//! |---|---|
//! | `POST /azmqtt/faults`, a rule | 201, `{"id", "fired", "over", "rule"}` |
//! | `GET /azmqtt/faults` | 200, a list of these |
//! | `DELETE /azmqtt/faults/{id}`, `DELETE /azmqtt/faults` | 204, or 404 for one that is not set; all |
//! | `GET /azmqtt/faults/fired?after={sequence}` | 200, what has happened, at most 1,000 at a time |
//! | `POST /azmqtt/faults/schedules`, a schedule | 201, its plan |

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answer::{JsonBody, Refusal, parameter, read_body};
use crate::faults::{FaultError, Planned, Rule, Schedule};
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::security::policies::Right;
use crate::shared::Shared;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::faults;

/// Of a rule or a schedule, in bytes.
const MAX_BODY: usize = 256 << 10;

pub(super) fn routes(routes: Routes) -> Routes {
    let (services, rate) = (Access::policy(Right::ServiceConnect), Rate::Uncounted);
    routes
        .post("/azmqtt/faults", services, rate, set)
        .get("/azmqtt/faults", services, rate, list)
        .delete("/azmqtt/faults", services, rate, clear)
        .delete("/azmqtt/faults/{id}", services, rate, remove)
        .get("/azmqtt/faults/fired", services, rate, fired)
        .post("/azmqtt/faults/schedules", services, rate, begin)
}

async fn set(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, Refusal> {
    let rule = read(body, Rule::from_json).await?;
    let id = faults::inject(&shared.faults, &*shared.registry, rule.clone())?;
    Ok((StatusCode::CREATED, JsonBody(shared.faults.show_set(id, rule))).into_response())
}

async fn begin(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, Refusal> {
    let plan = read(body, Schedule::from_json).await?;
    let plan = faults::start(&shared.faults, &*shared.registry, &plan)?;
    let plan = plan.iter().map(Planned::to_json).collect();
    Ok((StatusCode::CREATED, JsonBody(Value::Array(plan))).into_response())
}

async fn list(State(shared): State<Arc<Shared>>) -> Result<JsonBody, Refusal> {
    Ok(JsonBody(shared.faults.show_rules()))
}

async fn clear(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Refusal> {
    shared.faults.clear();
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> Result<StatusCode, Refusal> {
    Ok(if shared.faults.remove(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}

async fn fired(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Result<JsonBody, Refusal> {
    let after = match parameter(query.as_deref(), "after") {
        None => 0,
        Some(after) => after.parse().map_err(|_| invalid("after must be a whole number"))?,
    };
    Ok(JsonBody(shared.faults.show_fired(after, "deviceId")))
}

async fn read<T>(body: Body, parse: fn(Value) -> Result<T, FaultError>) -> Result<T, Refusal> {
    let body = read_body(body, MAX_BODY).await?;
    let json = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new(ErrorCode::FORMAT_ERROR, "the body is not JSON"))?;
    parse(json).map_err(|error| invalid(&error.to_string()))
}

fn invalid(what: &str) -> Refusal {
    Refusal::new(ErrorCode::ARGUMENT_INVALID, what)
}
