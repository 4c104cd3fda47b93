//! Sending to a device: `POST /azmqtt/devices/{id}/messages/deviceBound`. A route of this hub's own: the service takes
//! cloud-to-device messages over AMQP alone. The properties are headers as in what a device fetches over HTTPS.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;

use super::admission::Caller;
use super::request::{body_of, off_thread};
use crate::http::answer::{JsonBody, Refusal};
use crate::http::message_headers;
use crate::messages::cloud_messages::MAX_SIZE;
use crate::messages::sending::{self, CloudSend};
use crate::security::policies::Right;
use crate::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/azmqtt/devices/{device_id}/messages/deviceBound", post(send))
}

async fn send(
    State(shared): State<Arc<Shared>>,
    caller: Result<Caller, Refusal>,
    Path(device_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body_of(caller, Right::ServiceConnect, body, MAX_SIZE).await?;
    let message = CloudSend { body, properties: message_headers::read(&headers)?, ..CloudSend::default() };
    let id = off_thread(&shared, move |shared| sending::send(shared, &device_id, message)).await?;
    Ok((StatusCode::CREATED, JsonBody(json!({ "messageId": id }))).into_response())
}
