//! Cloud-to-device messages over HTTPS: fetch one, then complete, reject or abandon it by its lock (IoT Hub docs, "Send
//! cloud-to-device messages": message lifecycle; "Receive Device Bound Notification").

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ETAG, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};

use crate::events;
use crate::http::access::Access;
use crate::http::admission::Admitted;
use crate::http::answer::Refusal;
use crate::http::message_headers;
use crate::http::route::{Rate, Routes};
use crate::messages::cloud_messages::{CloudMessage, DeliveryTag};
use crate::messages::feedback::FeedbackStatus;
use crate::registry::device::Device;
use crate::shared::Shared;
use crate::throttle::Operation;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::{MessageProperties, time};
use azmqtt_local::watch::Members;

pub(super) fn routes(routes: Routes) -> Routes {
    let path = "/devices/{device_id}/messages/deviceBound";
    // Completing and abandoning a message is part of receiving it.
    let (device, rate) = (Access::device(), Rate::Uncounted);
    routes
        .get(path, device, Rate::Of(Operation::CloudReceive), fetch)
        .delete(&format!("{path}/{{lock}}"), device, rate, complete)
        .post(&format!("{path}/{{lock}}/abandon"), device, rate, abandon)
}

/// The next message, locked as on MQTT; 204 when none waits.
async fn fetch(
    State(shared): State<Arc<Shared>>,
    Admitted { device, .. }: Admitted,
) -> Result<Response<Body>, Refusal> {
    device.state().last_activity = Some(Timestamp::now());
    let lock = shared.config.cloud_to_device.lock;
    let next = shared.registry.change_queue(&device, |queue| queue.fetch(Instant::now(), lock));
    let Some((tag, message)) = next else {
        let mut empty = Response::new(Body::empty());
        *empty.status_mut() = StatusCode::NO_CONTENT;
        return Ok(empty);
    };
    shared.events().tell(events::C2D_DELIVERED, device.key(), message.as_members());
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
    Path((_, lock)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Admitted { device, .. }: Admitted,
) -> Result<StatusCode, Refusal> {
    let tag = tag(&shared, &lock)?;
    let query = query.unwrap_or_default();
    let rejected = query.split('&').any(|part| part.split('=').next() == Some("reject"));
    let message = shared.registry.change_queue(&device, |queue| queue.complete(tag)).ok_or_else(lost)?;
    let status = if rejected { FeedbackStatus::Rejected } else { FeedbackStatus::Success };
    shared.feedback.report(&device.source, &[message], status);
    Ok(StatusCode::NO_CONTENT)
}

async fn abandon(
    State(shared): State<Arc<Shared>>,
    Path((_, lock)): Path<(String, String)>,
    Admitted { device, .. }: Admitted,
) -> Result<StatusCode, Refusal> {
    give_back(&shared, &device, tag(&shared, &lock)?)?;
    Ok(StatusCode::NO_CONTENT)
}

fn give_back(shared: &Shared, device: &Arc<Device>, tag: DeliveryTag) -> Result<(), Refusal> {
    let most = shared.config.cloud_to_device.max_deliveries;
    let ended = shared.registry.change_queue(device, |queue| queue.abandon(tag, most)).map_err(|_| lost())?;
    let sequence = Members::default().with("sequence", tag.message());
    shared.events().tell(events::C2D_ABANDONED, device.key(), sequence);
    let ended: Vec<_> = ended.into_iter().collect();
    shared.feedback.report(&device.source, &ended, FeedbackStatus::DeliveryCountExceeded);
    Ok(())
}

/// Of a lock as it stands in a path, with its quotes or without.
fn tag(shared: &Shared, lock: &str) -> Result<DeliveryTag, Refusal> {
    DeliveryTag::parse(lock.trim_matches('"'), shared.run).ok_or_else(lost)
}

fn lost() -> Refusal {
    Refusal::new(ErrorCode::MESSAGE_LOCK_LOST, "the lock of the message is lost or unknown")
}
