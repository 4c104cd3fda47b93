//! What applications ask of a running hub about what happens in it.

use std::time::Duration;

use azmqtt_local::watch::Feed;

use super::Hub;

impl Hub {
    /// The next events after the number `after`, oldest first, each a JSON object as `GET /azmqtt/events` shows it; blocks for at
    /// most `timeout` until there is one. There may be more than it returns. Events that made room for newer ones are
    /// counted by an object `{"id", "lost"}`, which comes first.
    pub fn events_after(&self, after: u64, timeout: Duration) -> Vec<String> {
        self.shared.events().ring().wait(after, timeout)
    }

    /// How many events there were, those that made room for newer ones included: the number of the newest.
    pub fn event_count(&self) -> u64 {
        self.shared.events().ring().newest()
    }
}
