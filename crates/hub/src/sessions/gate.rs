//! What a hub's limits do to the packets of one connection.

use std::time::{Duration, Instant};

use super::device_session::DeviceSession;
use crate::registry::device::{CloseReason, Delivery};
use crate::shared::Shared;
use crate::throttle::bucket::Verdict;
use crate::throttle::tier::Operation;
use crate::unix_time::unix_now;
use azmqtt_mqtt::Publish;
use azmqtt_mqtt::server::Event;

/// What becomes of a packet.
pub enum Passage {
    /// It is looked at now.
    Now(Event<Delivery>),
    /// It is looked at that much later, and nothing behind it before.
    Later(Event<Delivery>, Duration),
    /// It was refused, and answered.
    Refused,
}

/// The state of one connection.
#[derive(Debug, Default)]
pub struct Gate {
    /// Since when everything that comes has to wait.
    waiting_since: Option<Instant>,
}

impl Gate {
    /// Judges a packet.
    ///
    /// # Errors
    /// The connection has to end: the day's quota is used up, or it was over its rate for too long.
    pub fn judge(
        &mut self,
        shared: &Shared,
        session: &mut DeviceSession,
        event: Event<Delivery>,
    ) -> Result<Passage, CloseReason> {
        let Event::Publish(publish) = &event else { return Ok(Passage::Now(event)) };
        let now = Instant::now();
        let Some(operation) = operation(publish) else { return Ok(Passage::Now(event)) };
        if operation != Operation::DeviceToCloud {
            return match shared.throttle.take_now(operation, now) {
                Ok(()) => Ok(Passage::Now(event)),
                Err(error) => session.refuse_twin_request(publish, error).map(|()| Passage::Refused),
            };
        }
        // Properties are in the topic; their encoding counts too, where the service counts what it means.
        if !shared.throttle.take_message(publish.payload.len() + properties_size(publish), unix_now()) {
            return Err(CloseReason::Throttled("the hub's messages of the day are used up (403002)"));
        }
        match shared.throttle.take(operation, now) {
            Verdict::Go => {
                self.waiting_since = None;
                Ok(Passage::Now(event))
            }
            Verdict::Wait(time) => {
                let since = *self.waiting_since.get_or_insert(now);
                if now.saturating_duration_since(since) > shared.throttle.patience() {
                    return Err(OVER_RATE);
                }
                Ok(Passage::Later(event, time))
            }
            Verdict::Refuse(_) => Err(OVER_RATE),
        }
    }
}

const OVER_RATE: CloseReason =
    CloseReason::Throttled("the device sent more than the hub's tier takes, for too long");

/// Counts a CONNECT: how long it waits; `None` where that would be too long.
pub fn admit(shared: &Shared) -> Option<Duration> {
    match shared.throttle.take(Operation::Connect, Instant::now()) {
        Verdict::Go => Some(Duration::ZERO),
        Verdict::Wait(time) => Some(time),
        Verdict::Refuse(_) => None,
    }
}

fn operation(publish: &Publish) -> Option<Operation> {
    let topic = publish.topic.as_str();
    if topic.starts_with("devices/") {
        Some(Operation::DeviceToCloud)
    } else if topic.starts_with("$iothub/twin/GET/") {
        Some(Operation::TwinRead)
    } else if topic.starts_with("$iothub/twin/PATCH/") {
        Some(Operation::TwinUpdate)
    } else {
        None
    }
}

fn properties_size(publish: &Publish) -> usize {
    publish.topic.rsplit_once("/messages/events/").map_or(0, |(_, bag)| bag.len())
}
