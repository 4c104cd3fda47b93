//! Telemetry over HTTPS: `POST /devices/{id}/messages/events`, one message or a batch (IoT Hub docs, "Send Device Event"). Modules
//! send over MQTT alone.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::error::HubError;
use crate::http::access::Access;
use crate::http::admission::Admitted;
use crate::http::answer::{Refusal, read_body};
use crate::http::message_headers;
use crate::http::route::{Rate, Routes};
use crate::messages::telemetry::Incoming;
use crate::registry::device::Device;
use crate::shared::Shared;
use crate::throttle::Operation;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::{MAX_MESSAGE_SIZE, MessageProperties};

/// The type of a body that is several messages.
const BATCH: &str = "application/vnd.microsoft.iothub.json";

/// Of a batch, which is base64 in JSON for the most part.
const MAX_BATCH: usize = 2 * MAX_MESSAGE_SIZE;

pub(super) fn routes(routes: Routes) -> Routes {
    let rate = Rate::Of(Operation::DeviceToCloud);
    routes.post("/devices/{device_id}/messages/events", Access::device(), rate, take)
}

async fn take(
    State(shared): State<Arc<Shared>>,
    Admitted { device, of_hub }: Admitted,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_batch = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(BATCH));
    let most = if is_batch { MAX_BATCH } else { MAX_MESSAGE_SIZE };
    let body = read_body(body, most).await?;
    let messages = if is_batch { read_batch(&body)? } else { vec![(message_headers::read(&headers)?, body)] };
    // All of a batch, or none.
    let size = messages.iter().map(|(properties, body)| properties.size(body.len())).sum();
    if size > MAX_MESSAGE_SIZE {
        return Err(HubError::MessageTooLarge { size, limit: MAX_MESSAGE_SIZE }.into());
    }
    for (properties, body) in messages {
        record(&shared, &device, of_hub, properties, body);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn record(shared: &Shared, device: &Device, of_hub: bool, properties: MessageProperties, body: Bytes) {
    device.state().last_activity = Some(Timestamp::now());
    let (source, properties) = (device.source.clone(), properties.into());
    shared.recorder.record(Incoming { source, body, properties, model_id: None, of_hub });
}

/// `[{"body": …, "base64Encoded": true, "properties": {"iothub-app-…": …}}, …]`; a body is base64 unless it says otherwise.
fn read_batch(body: &[u8]) -> Result<Vec<(MessageProperties, Bytes)>, Refusal> {
    let batch: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::new(ErrorCode::FORMAT_ERROR, format!("the body is not JSON: {error}")))?;
    let wrong = |what: &str| Refusal::new(ErrorCode::ARGUMENT_INVALID, what);
    let entries = batch.as_array().ok_or_else(|| wrong("a batch must be a list"))?;
    let nothing = Map::new();
    let messages = entries.iter().map(|entry| {
        let text = entry.get("body").and_then(Value::as_str).ok_or_else(|| wrong("body must be text"))?;
        let body = match entry.get("base64Encoded") {
            Some(Value::Bool(false)) => Bytes::copy_from_slice(text.as_bytes()),
            None | Some(Value::Null | Value::Bool(true)) => {
                STANDARD.decode(text).map_err(|_| wrong("body must be base64"))?.into()
            }
            Some(_) => return Err(wrong("base64Encoded must be true or false")),
        };
        let properties = match entry.get("properties") {
            None | Some(Value::Null) => &nothing,
            Some(properties) => {
                properties.as_object().ok_or_else(|| wrong("properties must be an object"))?
            }
        };
        Ok((message_headers::read_json(properties)?, body))
    });
    messages.collect()
}
