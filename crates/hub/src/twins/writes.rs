//! Writes to twins by services (IoT Hub docs, "Understand and use device twins": back-end operations).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::HubError;
use crate::id::Id;
use crate::registry::Registry;
use crate::registry::device::{Change, Device};
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::{Twin, TwinError};

/// How a body is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// As a merge patch (RFC 7396) of tags and desired properties.
    Patch,
    /// In the place of each part that it has.
    Replace,
}

/// The parts of a document that [`write()`] takes, if it has any of them: absent ones stay absent, null ones null.
pub fn parts(document: &Value) -> Option<Value> {
    let part = |name: &str| Some((name.to_owned(), document.get(name)?.clone()));
    let parts: Map<_, _> = ["tags", "properties"].into_iter().filter_map(part).collect();
    (!parts.is_empty()).then_some(Value::Object(parts))
}

/// Writes to the twin of a device or module, `{"tags":{…},"properties":{"desired":{…}}}`, and tells the device of desired
/// properties that changed: after a replacement as the patch that leads to it. What it returns from is on the disk, if there
/// is one. `if_match` is an etag of the twin, or `*`.
pub fn write(
    registry: &Registry,
    id: Id<'_>,
    how: Write,
    body: &Value,
    if_match: Option<&str>,
) -> Result<(), HubError> {
    let device = registry.get(id)?;
    registry.change(&device, |change| {
        apply(change, how, body, if_match).map_err(|error| match error {
            TwinError::EtagMismatch => HubError::TwinEtagMismatch(device.id.clone()),
            error => HubError::Twin(error),
        })
    })
}

/// [`write()`] of a replacement that depends on the twin: nobody changes it in between.
pub fn replace_by(
    registry: &Registry,
    device: &Arc<Device>,
    body: impl FnOnce(&Twin) -> Value,
) -> Result<(), HubError> {
    registry.change(device, |change| {
        let body = body(change.twin());
        apply(change, Write::Replace, &body, None).map_err(HubError::Twin)
    })
}

/// [`write()`] as a part of a change.
pub fn apply(
    change: &mut Change<'_>,
    how: Write,
    body: &Value,
    if_match: Option<&str>,
) -> Result<(), TwinError> {
    let now = Timestamp::now();
    change.twin_by(|twin| {
        let notification = match how {
            Write::Patch => twin.patch_by_service(body, if_match, now)?,
            Write::Replace => twin.replace_by_service(body, if_match, now)?,
        };
        Ok(((), notification))
    })?;
    if let Some(tags) = body.get("tags") {
        change.wrote_tags(tags.clone());
    }
    Ok(())
}
