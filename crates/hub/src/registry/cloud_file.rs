//! A device's queue of cloud-to-device messages as its file keeps it.
//!
//! A message is there from the moment it was sent. That it was acknowledged is noted when the hub stops: one that ends
//! in another way delivers it again, as at least once allows.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::messages::cloud_messages::{CloudMessage, CloudMessages};
use crate::unix_time::unix_now;
use azmqtt_dialect::PropertyBag;

pub fn to_json(queue: &CloudMessages) -> Value {
    // A module's inputs may hold too much to be written whole for each of them.
    let messages = queue.all().filter(|message| message.input.is_none()).map(|message| {
        json!({
            "properties": message.bag.to_string(),
            "body": STANDARD.encode(&message.body),
            "enqueued": message.enqueued,
            "expires": message.expires_unix,
            "deliveries": message.deliveries,
        })
    });
    messages.collect()
}

/// `None` if it is not what [`to_json`] makes.
pub fn from_json(messages: &Value) -> Option<CloudMessages> {
    let (now, unix) = (Instant::now(), unix_now());
    let mut queue = CloudMessages::default();
    for message in messages.as_array()? {
        let expires_unix = message.get("expires")?.as_u64()?;
        let message = CloudMessage {
            body: STANDARD.decode(message.get("body")?.as_str()?).ok()?.into(),
            bag: PropertyBag::parse(message.get("properties")?.as_str()?).ok()?,
            enqueued: message.get("enqueued")?.as_u64()?,
            expires: now.checked_add(Duration::from_secs(expires_unix.saturating_sub(unix)))?,
            expires_unix,
            deliveries: u32::try_from(message.get("deliveries")?.as_u64()?).ok()?,
            input: None,
            sequence: 0,
        };
        queue.push(message)?;
    }
    // It is as the disk has it.
    queue.take_news();
    Some(queue)
}
