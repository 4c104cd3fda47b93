//! Events about denied publishes and subscriptions, for programs that watch the namespace. Finding the reason takes time, so
//! the number of events per second is limited: a client may retry the same action over and over.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::state::Broker;
use crate::access::{Action, Verdict};
use crate::life_cycle::{PUBLISH_REFUSED, SUBSCRIBE_REFUSED};
use crate::limits::MAX_TOPIC_BYTES;
use azmqtt_local::watch::{Event, Members};

/// The most events in a [`PERIOD`].
const MOST: u32 = 50;
const PERIOD: Duration = Duration::from_secs(1);

/// Counts the recent events.
#[derive(Debug, Default)]
pub struct Denials {
    ends: Option<Instant>,
    noted: u32,
    /// Denials without an event since the last event.
    left_out: u64,
}

impl Denials {
    /// `Some` if another event is allowed, with the number of denials left out before it.
    fn take(&mut self, now: Instant) -> Option<u64> {
        if self.ends.is_none_or(|ends| now >= ends) {
            (self.ends, self.noted) = (Some(now + PERIOD), 0);
        }
        if self.noted >= MOST {
            self.left_out += 1;
            return None;
        }
        self.noted += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

impl Broker {
    /// Records that a client was denied an action, and why.
    pub(super) fn note_denied(&mut self, connection: Connection, action: Action<'_>, now: Instant) {
        let Some(left_out) = self.denials.take(now) else { return };
        let Some(session) = self.sessions.get(connection.session) else { return };
        let (kind, member, topic) = match action {
            Action::Publish(topic) => (PUBLISH_REFUSED, "topic", topic),
            Action::Subscribe(filter) => (SUBSCRIBE_REFUSED, "filter", filter),
        };
        // The session may still have had its previous rights: a change of the resources takes effect later.
        let (reason, advice) = match self.judge(&session.identity, action) {
            Verdict::Denied(denial) => (denial.to_string(), denial.advice()),
            Verdict::Allowed(_) => {
                ("the client did not have this permission yet".to_owned(), "Try again.".to_owned())
            }
        };
        let topic: String = topic.chars().take(MAX_TOPIC_BYTES).collect();
        let members = Members::default()
            .with("session", &*session.client_id)
            .with("connection", connection.number)
            .with(member, topic)
            .with("reason", reason)
            .with("advice", advice)
            .with_some("left_out", (left_out > 0).then_some(left_out));
        let name = session.identity.principal.name.as_str();
        self.life_cycle.watched().push(Event::new(kind).about(name, None).saying(members));
    }
}
