//! What the namespace's owner may change while it runs.

use std::time::Instant;

use super::outcome::End;
use super::state::Broker;
use crate::limits::Limits;

impl Broker {
    /// Has other limits from now on. What is there already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.directory.set_most_clients(limits.clients);
        self.retained.set_limit(limits.retained);
        self.throttle.set_rates(limits.rates.clone());
        self.limits = limits;
    }

    /// Whether clients are let in. If not, those that are connected are disconnected.
    pub fn set_enabled(&mut self, is_enabled: bool, now: Instant) {
        self.is_enabled = is_enabled;
        if !is_enabled {
            self.end_all(&End::Stopped, now);
        }
    }

    /// Whether clients are let in.
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }
}
