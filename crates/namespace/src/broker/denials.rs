//! What clients may not do, as those see it who watch the namespace. Looking for the reason takes a while, so that a client that
//! tries the same over and over has it looked for a few times a second.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::state::Broker;
use crate::access::{Action, Verdict};
use crate::life_cycle::{PUBLISH_REFUSED, SUBSCRIBE_REFUSED};
use crate::limits::MAX_TOPIC_BYTES;
use azmqtt_local::watch::{Event, Members};

/// Events within [`PERIOD`].
const MOST: u32 = 50;
const PERIOD: Duration = Duration::from_secs(1);

/// How many of them were noted of late.
#[derive(Debug, Default)]
pub struct Denials {
    ends: Option<Instant>,
    noted: u32,
    /// Those that were not, since the last one that was.
    left_out: u64,
}

impl Denials {
    /// Whether another one may be noted, and how many were left out before it.
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
    /// Notes what a client may not do, and why.
    pub(super) fn note_denied(&mut self, connection: Connection, action: Action<'_>, now: Instant) {
        let Some(left_out) = self.denials.take(now) else { return };
        let Some(session) = self.sessions.get(connection.session) else { return };
        let (kind, member, topic) = match action {
            Action::Publish(topic) => (PUBLISH_REFUSED, "topic", topic),
            Action::Subscribe(filter) => (SUBSCRIBE_REFUSED, "filter", filter),
        };
        // Until a change of the resources has its effect, the session may have had other rights than these.
        let (reason, advice) = match self.judge(&session.identity, action) {
            Verdict::Denied(denial) => (denial.to_string(), denial.advice()),
            Verdict::Allowed(_) => ("the client had no right to it".to_owned(), "Try again.".to_owned()),
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
