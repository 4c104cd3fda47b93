//! A device's requests to its twin, and the answers (IoT Hub docs, MQTT support: device twins).

use std::sync::Arc;

use bytes::Bytes;

use crate::error::HubError;
use crate::error::tracking::Tracking;
use crate::registry::Registry;
use crate::registry::device::Device;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::topic::HubTopic;
use azmqtt_dialect::{ServiceError, twin};

/// An answer on its way.
pub struct TwinAnswer {
    pub topic: String,
    pub body: Bytes,
}

/// The whole twin as the device sees it.
pub fn get(device: &Device, request_id: &str) -> TwinAnswer {
    let body = device.state().twin().device_view().to_string();
    TwinAnswer { topic: response_topic(200, request_id, None), body: body.into() }
}

/// Applies a patch of the reported properties; what it answers is safe on the disk, where there is one.
pub async fn patch_reported(
    registry: &Registry,
    device: &Arc<Device>,
    request_id: &str,
    if_version: Option<u64>,
    body: &[u8],
) -> TwinAnswer {
    let patched = twin::parse_patch(body).and_then(|patch| {
        registry.change_unsaved(device, |change| change.patch_reported(patch, if_version, Timestamp::now()))
    });
    let saved = match patched {
        Ok((version, unsaved)) => {
            unsaved.save_async().await.map(|()| version).map_err(|error| server_error(&error))
        }
        Err(error) => Err(error.to_service_error()),
    };
    match saved {
        Ok(version) => {
            TwinAnswer { topic: response_topic(204, request_id, Some(version)), body: Bytes::new() }
        }
        Err(error) => refusal(error, request_id),
    }
}

/// The answer to a patch over a connection whose user name has no api-version.
pub fn no_api_version(request_id: &str) -> TwinAnswer {
    let message = "the user name has no api-version";
    refusal(ServiceError::new(ErrorCode::INVALID_PROTOCOL_VERSION, message), request_id)
}

fn server_error(error: &HubError) -> ServiceError {
    ServiceError::new(ErrorCode::SERVER_ERROR, format!("the twin could not be stored: {error}"))
}

/// The answer to a request that is refused.
pub fn refusal(mut error: ServiceError, request_id: &str) -> TwinAnswer {
    Tracking::new().mark_for_device(&mut error);
    TwinAnswer { topic: response_topic(error.status, request_id, None), body: error.to_body().into() }
}

fn response_topic(status: u16, request_id: &str, version: Option<u64>) -> String {
    HubTopic::TwinResponse { status, request_id, version }.to_string()
}
