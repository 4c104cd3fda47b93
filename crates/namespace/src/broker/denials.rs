//! Events about denied publishes and subscriptions, for programs that watch the namespace. Finding the reason takes time, so
//! the number of events per second is limited: a client may retry the same action over and over. Each session has a limit of
//! its own, so that one client does not hide the events of others.

use std::time::Instant;

use super::connection::Connection;
use super::state::Broker;
use crate::access::{Action, Verdict};
use crate::life_cycle::{PUBLISH_REFUSED, SUBSCRIBE_REFUSED};
use crate::limits::MAX_TOPIC_BYTES;
use azmqtt_local::watch::{Event, Members};

impl Broker {
    /// Records that a client was denied an action, and why.
    pub(super) fn note_denied(&mut self, connection: Connection, action: Action<'_>, now: Instant) {
        let Some(session) = self.sessions.get_mut(connection.session) else { return };
        let Some(left_out) = session.denials.take(&mut self.denials, now) else { return };
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
