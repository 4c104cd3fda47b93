//! Who may ask over HTTPS: devices and modules with a token of their own, as in the password of CONNECT.

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::super::device::Device;
use super::super::id::Id;
use super::super::shared::Shared;
use super::super::telemetry::unix_seconds;
use super::answer::{Refusal, parameter};
use crate::dialect::Identity;
use crate::dialect::sas::{CLOCK_SKEW, SasToken};
use crate::dialect::service_error::ErrorCode;

/// The device or module that asks, if it shows a token of its own.
pub(super) fn admit(
    shared: &Shared,
    id: Id<'_>,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Arc<Device>, Refusal> {
    if parameter(query, "api-version").is_none() {
        return Err(Refusal::new(ErrorCode::INVALID_PROTOCOL_VERSION, "there is no api-version"));
    }
    let refuse = |reason: String| {
        shared.note_refusal(format!("HTTPS: {reason}"));
        Refusal::new(ErrorCode::UNAUTHORIZED, "the device's credentials are not accepted")
    };
    let device = shared.registry.find(id).ok_or_else(|| refuse("there is no such device".to_owned()))?;
    let identity = Identity::new(&shared.config.hostname, id.device, id.module);
    let identity = identity.map_err(|error| refuse(error.to_string()))?;
    let token = headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    let token = SasToken::parse(token.unwrap_or_default()).map_err(|error| refuse(error.to_string()))?;
    let now = unix_seconds(SystemTime::now());
    let skew = shared.config.sas_skew.as_secs();
    token
        .verify(&identity.sas_resource(), &device.keys.each_ref(), (now + CLOCK_SKEW).saturating_sub(skew))
        .map_err(|error| refuse(error.to_string()))?;
    if !device.may_connect() {
        return Err(Refusal::new(ErrorCode::DEVICE_DISABLED, "the device is disabled"));
    }
    Ok(device)
}
