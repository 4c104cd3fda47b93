//! `_core.Hub`: its cloud-to-device messages, and what became of them.

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::core::span;
use azmqtt_dialect::{MessageProperties, PropertyBag};
use azmqtt_hub::{CloudSend, FeedbackRecord, HubConfig};

/// How the hub treats cloud-to-device messages, by name; times in seconds.
#[derive(FromPyObject, Clone, Copy)]
#[pyo3(from_item_all)]
pub(super) struct CloudOptions {
    lock: f64,
    ttl: f64,
    max_deliveries: u32,
    feedback_interval: f64,
    clean_session_purges: bool,
}

impl CloudOptions {
    pub(super) fn apply(self, config: &mut HubConfig) -> PyResult<()> {
        config.cloud_to_device.lock = span("c2d_lock", self.lock)?;
        config.cloud_to_device.ttl = span("c2d_ttl", self.ttl)?;
        config.cloud_to_device.max_deliveries = self.max_deliveries;
        config.cloud_to_device.feedback.interval = span("c2d_feedback_interval", self.feedback_interval)?;
        config.clean_session_purges = self.clean_session_purges;
        Ok(())
    }
}

/// Message id, Unix time in seconds, status, description, device, generation.
pub(super) type Record = (String, u64, String, &'static str, String, String);

/// Lays a message out for the hub. A property without a value is null.
pub(super) fn message(
    body: &[u8],
    properties: Vec<(String, Option<String>)>,
    ttl: Option<f64>,
) -> PyResult<CloudSend> {
    let ttl = ttl.map(|ttl| span("ttl", ttl)).transpose()?;
    let is_null = |(name, value): &(String, Option<String>)| value.is_none() && !name.starts_with("$.");
    let (nulls, bag): (Vec<_>, Vec<_>) = properties.into_iter().partition(is_null);
    let properties = MessageProperties::from_bag(bag.into_iter().collect::<PropertyBag>());
    let mut all = properties.clone();
    all.application.extend(nulls.iter().map(|(name, _)| (name.clone(), String::new())));
    all.validate().map_err(|error| PyValueError::new_err(error.to_string()))?;
    let nulls = nulls.into_iter().map(|(name, _)| name).collect();
    Ok(CloudSend { body: Bytes::copy_from_slice(body), properties, nulls, ttl })
}

/// Lays a record of feedback out for Python.
pub(super) fn record(record: FeedbackRecord) -> Record {
    let (status, description) = (record.status.to_string(), record.status.description());
    let (device_id, generation_id) = (record.source.device_id.clone(), record.source.generation_id.clone());
    (record.message_id, record.time, status, description, device_id, generation_id)
}
