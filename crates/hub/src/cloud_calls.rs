//! What applications ask of a running hub about cloud-to-device messages.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::api::Hub;
use super::cloud_messages::{CloudMessage, MAX_PENDING, MAX_SIZE};
use super::device::Command;
use super::error::HubError;
use super::feedback::{FeedbackRecord, FeedbackStatus};
use super::shared::Shared;
use super::telemetry::unix_now;
use azmqtt_dialect::{MessageProperties, time};

/// A message for a device.
#[derive(Clone, Debug, Default)]
pub struct CloudSend {
    /// The bytes.
    pub body: Bytes,
    /// `ack` asks for feedback, `expiry` ends the message's life at that time.
    pub properties: MessageProperties,
    /// Names of application properties without a value, which the service calls null.
    pub nulls: Vec<String>,
    /// How long the message lives, in place of an expiry. The device is told the time, in whole seconds rounded up.
    pub ttl: Option<Duration>,
}

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
        send(&self.shared, device_id, message)
    }

    /// Cloud-to-device messages that the device has not acknowledged.
    pub fn pending_c2d(&self, device_id: &str) -> Result<usize, HubError> {
        Ok(self.shared.registry.get(device_id)?.state().cloud_messages.len())
    }

    /// Empties the device's queue, with the messages on their way (`DELETE /devices/{id}/commands`). Returns how many
    /// they were.
    pub fn purge_c2d(&self, device_id: &str) -> Result<usize, HubError> {
        self.check_running()?;
        purge(&self.shared, device_id)
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

/// [`Hub::send_c2d_message`], for whatever takes messages from senders.
pub(super) fn send(shared: &Shared, device_id: &str, send: CloudSend) -> Result<String, HubError> {
    let CloudSend { body, mut properties, nulls, ttl } = send;
    let device = shared.registry.get(device_id)?;
    let (now, unix) = (Instant::now(), unix_now());
    let ttl = life(&mut properties, ttl, shared.config.cloud_to_device.ttl, unix);
    let nulls_size: usize = nulls.iter().map(String::len).sum();
    let (size, limit) = (properties.size(body.len()) + nulls_size, MAX_SIZE);
    if size > limit {
        return Err(HubError::MessageTooLarge { size, limit });
    }
    let id = match &properties.message_id {
        Some(id) => id.clone(),
        None => random_id()?,
    };
    properties.message_id = Some(id.clone());
    properties.to.get_or_insert_with(|| format!("/devices/{device_id}/messages/deviceBound"));
    let mut bag = properties.to_bag();
    for name in nulls {
        bag.push(name, None);
    }
    let message = CloudMessage {
        body,
        bag,
        enqueued: unix,
        expires: now + ttl,
        expires_unix: unix.saturating_add(ttl.as_secs()),
        deliveries: 0,
        input: None,
    };
    message.check_topic(device.key())?;
    {
        let mut state = device.state();
        if state.cloud_messages.push(message).is_err() {
            let limit = MAX_PENDING;
            return Err(HubError::QueueFull { device_id: device_id.to_owned(), limit });
        }
        state.revision += 1;
        shared.cloud_clock.due(&device, &mut state);
        state.tell(Command::SendCloudMessages { lost_deliveries: false });
    }
    shared.save(&device).map(|()| id)
}

/// [`Hub::purge_c2d`], for whatever takes it from services.
pub(super) fn purge(shared: &Shared, device_id: &str) -> Result<usize, HubError> {
    let device = shared.registry.get(device_id)?;
    let purged = {
        let mut state = device.state();
        state.revision += 1;
        state.tell(Command::SendCloudMessages { lost_deliveries: true });
        state.cloud_messages.purge()
    };
    shared.feedback.report(&device.source, &purged, FeedbackStatus::Purged);
    shared.save(&device).map(|()| purged.len())
}

/// How long a message lives: as asked, or until its expiry, or by default. A longest time keeps the clock in range.
fn life(properties: &mut MessageProperties, ttl: Option<Duration>, default: Duration, unix: u64) -> Duration {
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
    let expiry = properties.expiry.as_deref().and_then(time::parse_utc);
    let life = match (ttl, expiry) {
        (Some(ttl), _) => {
            let whole = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
            properties.expiry = Some(time::format_utc(unix.saturating_add(whole)));
            ttl
        }
        (None, Some(expiry)) => Duration::from_secs(expiry.saturating_sub(unix)),
        (None, None) => default,
    };
    life.min(LONGEST)
}

/// A message id that no other message has.
fn random_id() -> Result<String, HubError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| HubError::System(std::io::Error::other(error.to_string())))?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}
