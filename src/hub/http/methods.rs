//! Calls of direct methods by a module, as an IoT Edge gateway takes them:
//! `POST /twins/{id}[/modules/{module}]/methods` with the caller in `x-ms-edge-moduleId`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::super::error::HubError;
use super::super::id::Id;
use super::super::methods::{self, MethodResult, PendingCall};
use super::super::shared::Shared;
use super::admission::Asker;
use super::answer::{JsonBody, Refusal, read_body};
use crate::dialect::MAX_METHOD_BODY;
use crate::dialect::service_error::ErrorCode;

const CALLER: &str = "x-ms-edge-moduleid";

/// Of a request's body: the largest payload, and what is around it.
const MAX_BODY: usize = MAX_METHOD_BODY + (64 << 10);

/// How soon it is seen that the caller has gone.
const TICK: Duration = Duration::from_millis(250);

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/twins/{device_id}/methods", post(of_device))
        .route("/twins/{device_id}/modules/{module_id}/methods", post(of_module))
}

async fn of_device(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    asker: Asker,
    body: Body,
) -> Result<Response, Refusal> {
    call(&shared, Id::from(&device_id), &asker, body).await
}

async fn of_module(
    State(shared): State<Arc<Shared>>,
    Path((device_id, module_id)): Path<(String, String)>,
    asker: Asker,
    body: Body,
) -> Result<Response, Refusal> {
    let id = Id::from((device_id.as_str(), module_id.as_str()));
    call(&shared, id, &asker, body).await
}

async fn call(shared: &Shared, id: Id<'_>, asker: &Asker, body: Body) -> Result<Response, Refusal> {
    let caller = asker.headers.get(CALLER).and_then(|caller| caller.to_str().ok());
    let caller = caller.and_then(|caller| caller.split_once('/')).map(Id::from);
    let nobody = || Refusal::new(ErrorCode::UNAUTHORIZED, "x-ms-edge-moduleId does not name a module");
    let caller = caller.ok_or_else(nobody).and_then(|caller| asker.admit(shared, caller));
    let (_, body) = read_body(caller, body, MAX_BODY).await?;
    let invalid = |what: &str| Refusal::new(ErrorCode::ARGUMENT_INVALID, what);
    let body: Value = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new(ErrorCode::FORMAT_ERROR, "the body is not JSON"))?;
    let name = body.get("methodName").and_then(Value::as_str);
    let name = name.ok_or_else(|| invalid("there is no methodName"))?;
    let response = seconds(&body, "responseTimeoutInSeconds", 30, 5).map_err(|rule| invalid(&rule))?;
    let connect = seconds(&body, "connectTimeoutInSeconds", 0, 0).map_err(|rule| invalid(&rule))?;
    let payload = body.get("payload").map(Value::to_string).unwrap_or_default();
    let call = methods::begin(&shared.registry, id, name, payload.as_bytes(), response, connect)?;
    let MethodResult { status, payload } = outcome(call).await?;
    // A device may answer with what is not JSON; then there is nothing to pass on but the text.
    let payload = match payload.as_ref() {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes)
            .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into()),
    };
    Ok(JsonBody(json!({ "status": status, "payload": payload })).into_response())
}

/// Waits bit by bit on threads that may block, so that nobody waits for a caller who has gone.
async fn outcome(mut call: PendingCall) -> Result<MethodResult, HubError> {
    loop {
        let waited = spawn_blocking(move || {
            let outcome = call.wait(TICK);
            (call, outcome)
        });
        let (waiting, outcome) =
            waited.await.map_err(|error| HubError::System(std::io::Error::other(error)))?;
        if let Some(result) = outcome? {
            return Ok(result);
        }
        call = waiting;
    }
}

fn seconds(body: &Value, name: &str, default: u64, least: u64) -> Result<Duration, String> {
    let seconds = match body.get(name) {
        None | Some(Value::Null) => Some(default),
        Some(value) => value.as_u64().filter(|seconds| (least..=300).contains(seconds)),
    };
    let seconds = seconds.ok_or_else(|| format!("{name} must be within [{least}; 300]."))?;
    Ok(Duration::from_secs(seconds))
}
