//! What applications ask of a running hub about cloud-to-device messages.

use std::time::Duration;

use bytes::Bytes;

use super::Hub;
use crate::delivery::sending::{self, CloudSend};
use crate::error::HubError;
use crate::messages::feedback::FeedbackRecord;
use azmqtt_dialect::MessageProperties;

impl Hub {
    /// [`Self::send_c2d_message`] of a body and its properties.
    pub fn send_c2d(
        &self,
        device_id: &str,
        body: Bytes,
        properties: MessageProperties,
    ) -> Result<String, HubError> {
        self.send_c2d_message(device_id, CloudSend { body, properties, ..CloudSend::default() })
    }

    /// Queues a cloud-to-device message: delivered when the device is connected and subscribed. One without a message
    /// id gets one. Returns the id. With a state directory the message is on the disk by then.
    ///
    /// # Errors
    /// [`HubError::QueueFull`] when 50 messages wait already, [`HubError::MessageTooLarge`] over 64 KiB,
    /// [`HubError::TopicTooLong`] when its properties, encoded, have more than that.
    pub fn send_c2d_message(&self, device_id: &str, message: CloudSend) -> Result<String, HubError> {
        self.check_running()?;
        sending::send(&self.shared.registry, device_id, message, self.shared.config.cloud_to_device.ttl)
    }

    /// Cloud-to-device messages that the device has not acknowledged.
    pub fn pending_c2d(&self, device_id: &str) -> Result<usize, HubError> {
        Ok(self.shared.registry.get(device_id)?.state().cloud_messages.len())
    }

    /// Empties the device's queue, with the messages on their way (`DELETE /devices/{id}/commands`). Returns how many
    /// they were.
    pub fn purge_c2d(&self, device_id: &str) -> Result<usize, HubError> {
        self.check_running()?;
        sending::purge(&self.shared.registry, &self.shared.feedback, device_id)
    }

    /// What became of messages whose senders asked by `ack`, of a device or of all, oldest first: the newest 10,000.
    pub fn feedback(&self, device_id: Option<&str>) -> Vec<FeedbackRecord> {
        self.shared.feedback.records(device_id)
    }

    /// Blocks until there are `count` records of [`Self::feedback`], or until the time is up; whether there are.
    pub fn wait_for_feedback(&self, device_id: Option<&str>, count: usize, timeout: Duration) -> bool {
        self.shared.feedback.wait(device_id, count, timeout)
    }
}
