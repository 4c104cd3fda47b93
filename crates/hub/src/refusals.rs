//! Why clients were refused: MQTT has no words for it, and somebody will want to know.

use azmqtt_net::sync::Mutex;

/// The last reason.
#[derive(Default)]
pub struct Refusals(Mutex<Option<String>>);

impl Refusals {
    pub fn note(&self, reason: String) {
        *self.0.lock() = Some(reason);
    }

    pub fn last(&self) -> Option<String> {
        self.0.lock().clone()
    }
}
