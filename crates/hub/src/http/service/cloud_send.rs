//! Sending to a device: `POST /azmqtt/devices/{id}/messages/deviceBound`. A route of this hub's own: the service takes
//! cloud-to-device messages over AMQP alone. The properties are headers as in what a device fetches over HTTPS.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::delivery::sending::{self, CloudSend};
use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal, read_body};
use crate::http::message_headers;
use crate::http::request::off_thread;
use crate::http::route::{Rate, Routes};
use crate::messages::cloud_messages::MAX_SIZE;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;

pub(super) fn routes(routes: Routes) -> Routes {
    let rate = Rate::Of(Operation::CloudToDevice);
    routes.post(
        "/azmqtt/devices/{device_id}/messages/deviceBound",
        Access::policy(Right::ServiceConnect),
        rate,
        send,
    )
}

async fn send(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read_body(body, MAX_SIZE).await?;
    let message = CloudSend { body, properties: message_headers::read(&headers)?, ..CloudSend::default() };
    let id = off_thread(&shared, move |shared| {
        sending::send(&shared.registry, &device_id, message, shared.config.cloud_to_device.ttl)
    })
    .await?;
    Ok((StatusCode::CREATED, JsonBody(json!({ "messageId": id }))).into_response())
}
