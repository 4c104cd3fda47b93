//! What happens because time passes.

use std::time::Instant;

use super::session::Session;
use super::state::Broker;

impl Broker {
    /// When [`Self::tick`] has something to do; `None` as long as nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        let session = self.sessions.next_due().map(|(at, _)| at);
        [session, self.retained.deadline(), self.changes_at].into_iter().flatten().min()
    }

    /// Publishes wills and forgets sessions and kept messages whose time has come, and lets changes have their effect.
    pub fn tick(&mut self, now: Instant) {
        if self.changes_at.is_some_and(|at| at <= now) {
            self.apply_changes(now);
        }
        while let Some((at, key)) = self.sessions.next_due()
            && at <= now
        {
            let expires = self.sessions.get(key).and_then(Session::expires);
            if expires.is_some_and(|at| at <= now) {
                self.forget(key, now);
            } else {
                self.check_will(key, now);
                self.sessions.schedule(key);
            }
        }
        self.retained.expire(now);
        self.publish_due_wills(now);
    }
}
