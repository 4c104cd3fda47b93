//! Calls of direct methods, `POST /twins/{id}[/modules/{module}]/methods`: by services (IoT Hub docs, "Understand and invoke
//! direct methods"), and by modules as an IoT Edge gateway takes them, with the caller in `x-ms-edge-moduleId`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::{JSON, Refusal, Spelling, read_body};
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::id::Id;
use crate::methods::pending;
use crate::security::policies::Right;
use crate::shared::Shared;
use azmqtt_dialect::MAX_METHOD_BODY;
use azmqtt_dialect::service_error::ErrorCode;

/// Of a request's body: the largest payload, and what is around it.
const MAX_BODY: usize = MAX_METHOD_BODY + (64 << 10);

pub(super) fn routes(routes: Routes) -> Routes {
    let callers = Access::policy_or_module(Right::ServiceConnect).nested();
    routes.post("/twins/{device_id}/methods", callers, Rate::Method, of_device).post(
        "/twins/{device_id}/modules/{module_id}/methods",
        callers,
        Rate::Method,
        of_module,
    )
}

async fn of_device(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    call(&shared, Id::from(&device_id), body).await
}

async fn of_module(
    State(shared): State<Arc<Shared>>,
    Path((device_id, module_id)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Refusal> {
    let id = Id::from((device_id.as_str(), module_id.as_str()));
    call(&shared, id, body).await
}

async fn call(shared: &Arc<Shared>, id: Id<'_>, body: Body) -> Result<Response, Refusal> {
    answer(shared, id, body).await.map_err(|refusal| refusal.spelled(Spelling::Nested))
}

async fn answer(shared: &Arc<Shared>, id: Id<'_>, body: Body) -> Result<Response, Refusal> {
    let body = read_body(body, MAX_BODY).await?;
    let invalid = |what: &str| Refusal::new(ErrorCode::ARGUMENT_INVALID, what);
    let body: Fields<'_> = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new(ErrorCode::FORMAT_ERROR, "the body is not a JSON object"))?;
    let name = field(&body, "methodName");
    let name = name.as_ref().and_then(Value::as_str).ok_or_else(|| invalid("methodName is missing"))?;
    let response = seconds(&body, "responseTimeoutInSeconds", 30, 5).map_err(|rule| invalid(&rule))?;
    let connect = seconds(&body, "connectTimeoutInSeconds", 0, 0).map_err(|rule| invalid(&rule))?;
    pending::check_timeouts(connect, response).map_err(|rule| invalid(&rule))?;
    let payload = body.get("payload").map_or("", |payload| payload.get());
    let call = pending::begin(&shared.registry, id, name, payload.as_bytes(), response, connect)?;
    Ok(([JSON], call.outcome().await?.to_body()).into_response())
}

/// The members of a request's body, as they are written: the payload is the device's affair alone.
type Fields<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

fn field(body: &Fields<'_>, name: &str) -> Option<Value> {
    serde_json::from_str(body.get(name)?.get()).ok()
}

fn seconds(body: &Fields<'_>, name: &str, default: u64, least: u64) -> Result<Duration, String> {
    let seconds = match field(body, name) {
        None | Some(Value::Null) => Some(default),
        Some(value) => value.as_u64().filter(|seconds| (least..=300).contains(seconds)),
    };
    let seconds = seconds.ok_or_else(|| format!("{name} must be within [{least}; 300]."))?;
    Ok(Duration::from_secs(seconds))
}
