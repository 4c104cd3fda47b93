//! What became of cloud-to-device messages, for their senders: `GET /messages/serviceBound/feedback`, and completing or
//! giving back what it answered.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::http::access::Access;
use crate::http::answer::Refusal;
use crate::http::request::quoted;
use crate::http::route::{Rate, Routes};
use crate::messages::feedback::FeedbackRecord;
use crate::messages::feedback_queue::BatchLock;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;
use crate::unix_time::unix_now;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::format_utc;

/// The type of a batch.
const TYPE: &str = "application/vnd.microsoft.iothub.feedback.json";

pub(super) fn routes(routes: Routes) -> Routes {
    let (services, rate) = (Access::policy(Right::ServiceConnect), Rate::Of(Operation::CloudReceive));
    routes
        .get("/messages/serviceBound/feedback", services, rate, receive)
        .delete("/messages/serviceBound/feedback/{lock}", services, rate, complete)
        .post("/messages/serviceBound/feedback/{lock}/abandon", services, rate, abandon)
}

/// The next batch, locked; 204 when there is none.
async fn receive(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let how = &shared.config.cloud_to_device.feedback;
    let Some(batch) = shared.feedback.queue().receive(Instant::now(), how) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let records: Value = batch.records.iter().map(record).collect();
    let newest = batch.records.iter().map(|record| record.time).max();
    let headers = [
        (CONTENT_TYPE.as_str(), TYPE.to_owned()),
        (ETAG.as_str(), quoted(&batch.lock.to_token(shared.run))),
        ("iothub-enqueuedtime", format_utc(newest.unwrap_or_else(unix_now))),
        ("iothub-deliverycount", batch.deliveries.to_string()),
    ];
    Ok((headers, records.to_string()).into_response())
}

fn record(record: &FeedbackRecord) -> Value {
    json!({
        "originalMessageId": record.message_id,
        "enqueuedTimeUtc": format_utc(record.time),
        "statusCode": record.status.to_string(),
        "description": record.status.description(),
        "deviceId": record.source.device_id,
        "deviceGenerationId": record.source.generation_id,
    })
}

async fn complete(
    State(shared): State<Arc<Shared>>,
    Path(lock): Path<String>,
) -> Result<StatusCode, Refusal> {
    let done =
        read(&shared, &lock).is_some_and(|lock| shared.feedback.queue().complete(lock, Instant::now()));
    answer(done)
}

async fn abandon(State(shared): State<Arc<Shared>>, Path(lock): Path<String>) -> Result<StatusCode, Refusal> {
    let how = &shared.config.cloud_to_device.feedback;
    let given_back = |lock: BatchLock| shared.feedback.queue().abandon(lock, Instant::now(), how);
    answer(read(&shared, &lock).is_some_and(given_back))
}

/// Of a lock as it stands in a path, with its quotes or without.
fn read(shared: &Shared, lock: &str) -> Option<BatchLock> {
    BatchLock::parse(lock.trim_matches('"'), shared.run)
}

fn answer(done: bool) -> Result<StatusCode, Refusal> {
    let lost = || Refusal::new(ErrorCode::MESSAGE_LOCK_LOST, "the lock of the feedback is lost or unknown");
    done.then_some(StatusCode::NO_CONTENT).ok_or_else(lost)
}
