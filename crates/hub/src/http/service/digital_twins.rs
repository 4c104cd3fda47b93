//! Digital twins: `GET` and `PATCH /digitaltwins/{id}`, and commands, which are direct methods (IoT Hub docs, REST: "Digital
//! Twin"). A component's command is the method `component*command`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::HubError;
use crate::http::access::Access;
use crate::http::answer::{JSON, JsonBody, Refusal, Spelling, parameter, read_body};
use crate::http::request::{condition, json_of, off_thread, quoted};
use crate::http::route::{Rate, Routes};
use crate::id::Id;
use crate::if_match::IfMatch;
use crate::methods::pending;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;
use crate::twins::writes::{self, Write};
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::{MAX_METHOD_BODY, digital_twin};

/// Of a patch's body: all desired properties, and what is around them.
const MAX_BODY: usize = 256 << 10;

pub(super) fn routes(routes: Routes) -> Routes {
    let services = Access::policy(Right::ServiceConnect);
    let (reads, writes) = (Rate::Of(Operation::TwinRead), Rate::Of(Operation::TwinUpdate));
    routes
        .get("/digitaltwins/{device_id}", services, reads, read)
        .patch("/digitaltwins/{device_id}", services, writes, write)
        .post("/digitaltwins/{device_id}/commands/{command}", services.nested(), Rate::Method, call)
        .post(
            "/digitaltwins/{device_id}/components/{component}/commands/{command}",
            services.nested(),
            Rate::Method,
            call_component,
        )
}

async fn read(State(shared): State<Arc<Shared>>, Path(device_id): Path<String>) -> Result<Response, Refusal> {
    let twin = view(&shared, &device_id)?;
    Ok(([etag(&twin)], JsonBody(digital_twin::view(&twin))).into_response())
}

async fn write(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    let desired = digital_twin::read_patch(&body).map_err(invalid)?;
    let patch = json!({ "properties": { "desired": desired } });
    let location = format!("https://{}/digitaltwins/{device_id}", shared.config.hostname);
    let written = off_thread(&shared, move |shared| {
        let if_match = condition.as_ref().map(IfMatch::as_str);
        writes::write(&shared.registry, Id::from(&device_id), Write::Patch, &patch, if_match)?;
        view(shared, &device_id)
    });
    Ok((StatusCode::ACCEPTED, [etag(&written.await?), (LOCATION, location)]).into_response())
}

async fn call(
    State(shared): State<Arc<Shared>>,
    Path((device_id, command)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Refusal> {
    let answer = invoke(&shared, &device_id, &command, query.as_deref(), body).await;
    answer.map_err(|refusal| refusal.spelled(Spelling::Nested))
}

async fn call_component(
    State(shared): State<Arc<Shared>>,
    Path((device_id, component, command)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Refusal> {
    let method = format!("{component}*{command}");
    let answer = invoke(&shared, &device_id, &method, query.as_deref(), body).await;
    answer.map_err(|refusal| refusal.spelled(Spelling::Nested))
}

/// The device's status is a header, its answer the body.
async fn invoke(
    shared: &Shared,
    device_id: &str,
    method: &str,
    query: Option<&str>,
    body: Body,
) -> Result<Response, Refusal> {
    let payload = read_body(body, MAX_METHOD_BODY).await?;
    let response = seconds(query, "responseTimeoutInSeconds", 30, 5)?;
    let connect = seconds(query, "connectTimeoutInSeconds", 0, 0)?;
    pending::check_timeouts(connect, response).map_err(invalid)?;
    let call = pending::begin(&shared.registry, Id::from(device_id), method, &payload, response, connect)?;
    let result = call.outcome().await?;
    let status = [("x-ms-command-statuscode", result.status.to_string())];
    Ok(([JSON], status, result.payload).into_response())
}

fn seconds(query: Option<&str>, name: &str, default: u64, least: u64) -> Result<Duration, Refusal> {
    let seconds = match parameter(query, name) {
        None => Some(default),
        Some(text) => text.parse().ok().filter(|seconds| (least..=300).contains(seconds)),
    };
    let rule = || invalid(format!("{name} must be within [{least}; 300]."));
    seconds.map(Duration::from_secs).ok_or_else(rule)
}

fn view(shared: &Shared, device_id: &str) -> Result<Value, HubError> {
    let device = shared.registry.get(device_id)?;
    let state = device.state();
    Ok(state.twin().service_view(&state.facts(device.key())))
}

/// The twin's.
fn etag(twin: &Value) -> (axum::http::HeaderName, String) {
    (ETAG, quoted(twin["etag"].as_str().unwrap_or_default()))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::ARGUMENT_INVALID, message)
}
