//! How a cloud-to-device message gets into a device's queue.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::HubError;
use crate::events;
use crate::messages::cloud_messages::{CloudMessage, MAX_PENDING, MAX_SIZE};
use crate::messages::feedback::{Feedback, FeedbackStatus};
use crate::random;
use crate::registry::Registry;
use crate::unix_time::unix_now;
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

/// Queues a message, for whatever takes messages from senders; it lives as long as `usual` unless it says otherwise. With a state directory it is on the disk afterwards.
pub fn send(
    registry: &Registry,
    device_id: &str,
    send: CloudSend,
    usual: Duration,
) -> Result<String, HubError> {
    let CloudSend { body, mut properties, nulls, ttl } = send;
    let device = registry.get(device_id)?;
    let (now, unix) = (Instant::now(), unix_now());
    let ttl = life(&mut properties, ttl, usual, unix);
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
        sequence: 0,
    };
    message.check_topic(device.key())?;
    registry.change(&device, |change| {
        let limit = MAX_PENDING;
        let pushed = change.cloud_messages.push(message);
        let pushed = pushed.ok_or_else(|| HubError::QueueFull { device_id: device_id.to_owned(), limit })?;
        // Told under the lock: before it is delivered.
        registry.events.tell(events::C2D_ENQUEUED, device.key(), pushed.as_members());
        Ok::<_, HubError>(())
    })?;
    Ok(id)
}

/// Empties the device's queue, with the messages on their way. Returns how many they were.
pub fn purge(registry: &Registry, feedback: &Feedback, device_id: &str) -> Result<usize, HubError> {
    let device = registry.get(device_id)?;
    let (purged, unsaved) =
        registry.change_unsaved(&device, |change| Ok::<_, HubError>(change.cloud_messages.purge()))?;
    feedback.report(&device.source, &purged, FeedbackStatus::Purged);
    unsaved.save().map(|()| purged.len())
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
    let random = random::bytes().map_err(HubError::System)?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}
