//! Message expiry (MQTT 5 §3.3.2.3.3): the time for which a message is worth delivering, counted while it waits.

use std::time::{Duration, Instant};

use crate::packets::Publish;

/// When a message that was `accepted` then expires, if ever. An interval of 0 is not counted here: by the standard it is
/// over at once, and Event Grid allows it for no expiry; it is the server's to say.
pub fn expires(publish: &Publish, accepted: Instant) -> Option<Instant> {
    let seconds = publish.properties.message_expiry().filter(|seconds| *seconds > 0)?;
    accepted.checked_add(Duration::from_secs(u64::from(seconds)))
}

/// The seconds that are left, as they are written to the next receiver [MQTT-3.3.2-6]. A second that has begun counts,
/// so that 0 is never written; `None` once it is over.
pub fn remaining(expires: Instant, now: Instant) -> Option<u32> {
    let left = expires.checked_duration_since(now).filter(|left| !left.is_zero())?;
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}
