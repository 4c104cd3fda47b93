//! Why clients were refused: MQTT has no words for it, and somebody will want to know.

use crate::events::{Events, Refused};
use azmqtt_net::sync::Mutex;

/// The last reason, and all of them as events.
pub struct Refusals {
    last: Mutex<Option<String>>,
    events: Events,
}

impl Refusals {
    pub fn new(events: Events) -> Self {
        Self { last: Mutex::default(), events }
    }

    pub fn note(&self, refused: &Refused<'_>) {
        *self.last.lock() = Some(refused.reason.to_owned());
        self.events.refused(refused);
    }

    pub fn last(&self) -> Option<String> {
        self.last.lock().clone()
    }
}
