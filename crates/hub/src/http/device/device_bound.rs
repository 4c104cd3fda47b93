//! Cloud-to-device messages over HTTPS: fetch one, then complete, reject or abandon it by its lock (IoT Hub docs, "Send
//! cloud-to-device messages": message lifecycle; "Receive Device Bound Notification").

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ETAG, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::routing::{delete, get, post};

use crate::http::admission::Asker;
use crate::http::answer::Refusal;
use crate::http::message_headers;
use crate::id::Id;
use crate::messages::cloud_messages::{CloudMessage, DeliveryTag};
use crate::messages::feedback::FeedbackStatus;
use crate::registry::device::Device;
use crate::shared::Shared;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::{MessageProperties, time};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/devices/{device_id}/messages/deviceBound", get(fetch))
        .route("/devices/{device_id}/messages/deviceBound/{lock}", delete(complete))
        .route("/devices/{device_id}/messages/deviceBound/{lock}/abandon", post(abandon))
}

/// The next message, locked as on MQTT; 204 when none waits.
async fn fetch(
    State(shared): State<Arc<Shared>>,
    Path(device_id): Path<String>,
    asker: Asker,
) -> Result<Response<Body>, Refusal> {
    let device = asker.admit(&shared, Id::from(&device_id))?;
    device.state().last_activity = Some(Timestamp::now());
    let lock = shared.config.cloud_to_device.lock;
    let next = shared.change_queue(&device, |queue| queue.fetch(Instant::now(), lock));
    let Some((tag, message)) = next else {
        let mut empty = Response::new(Body::empty());
        *empty.status_mut() = StatusCode::NO_CONTENT;
        return Ok(empty);
    };
    let mut response = Response::new(Body::from(message.body.clone()));
    write_headers(&message, tag, &tag.to_token(shared.run), response.headers_mut());
    Ok(response)
}

fn write_headers(message: &CloudMessage, tag: DeliveryTag, token: &str, headers: &mut HeaderMap) {
    message_headers::write(&MessageProperties::from_bag(message.bag.clone()), headers);
    // The service sends these always, empty where there is nothing to say.
    for name in ["iothub-ack", "iothub-correlationid", "iothub-expiry", "iothub-userid"] {
        headers.entry(name).or_insert(HeaderValue::from_static(""));
    }
    let hub = [
        (ETAG.as_str(), format!("\"{token}\"")),
        ("iothub-sequencenumber", tag.message().to_string()),
        ("iothub-enqueuedtime", time::format_utc(message.enqueued)),
        ("iothub-deliverycount", message.deliveries.to_string()),
    ];
    for (name, value) in hub {
        // Digits and the like.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// With `?reject` the device does not want the message at all.
async fn complete(
    State(shared): State<Arc<Shared>>,
    Path((device_id, lock)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    asker: Asker,
) -> Result<StatusCode, Refusal> {
    let device = asker.admit(&shared, Id::from(&device_id))?;
    let tag = tag(&shared, &lock)?;
    let query = query.unwrap_or_default();
    let rejected = query.split('&').any(|part| part.split('=').next() == Some("reject"));
    let message = shared.change_queue(&device, |queue| queue.complete(tag)).ok_or_else(lost)?;
    let status = if rejected { FeedbackStatus::Rejected } else { FeedbackStatus::Success };
    shared.feedback.report(&device.source, &[message], status);
    Ok(StatusCode::NO_CONTENT)
}

async fn abandon(
    State(shared): State<Arc<Shared>>,
    Path((device_id, lock)): Path<(String, String)>,
    asker: Asker,
) -> Result<StatusCode, Refusal> {
    let device = asker.admit(&shared, Id::from(&device_id))?;
    give_back(&shared, &device, tag(&shared, &lock)?)?;
    Ok(StatusCode::NO_CONTENT)
}

fn give_back(shared: &Shared, device: &Arc<Device>, tag: DeliveryTag) -> Result<(), Refusal> {
    let most = shared.config.cloud_to_device.max_deliveries;
    let ended = shared.change_queue(device, |queue| queue.abandon(tag, most)).map_err(|_| lost())?;
    let ended: Vec<_> = ended.into_iter().collect();
    shared.feedback.report(&device.source, &ended, FeedbackStatus::DeliveryCountExceeded);
    Ok(())
}

/// Of a lock as it stands in a path, with its quotes or without.
fn tag(shared: &Shared, lock: &str) -> Result<DeliveryTag, Refusal> {
    DeliveryTag::parse(lock.trim_matches('"'), shared.run).ok_or_else(lost)
}

fn lost() -> Refusal {
    Refusal::new(ErrorCode::MESSAGE_LOCK_LOST, "the lock of the message is lost or is none")
}
