//! The end of a connection, and of a session.

use std::time::{Duration, Instant};

use azmqtt_mqtt::{Properties, QoS};

use super::connection::Connection;
use super::outcome::End;
use super::session::{Link, Offline};
use super::state::{Broker, Farewell};
use super::wills::DueWill;
use crate::durable::Record;
use crate::life_cycle::Happened;
use crate::routing::SessionKey;
use crate::topic::{Levels, RequestedFilter};

impl Broker {
    /// Ends a connection, unless it is over.
    pub fn end(&mut self, connection: Connection, end: End, now: Instant) {
        if self.sessions.online(connection).is_some() {
            self.end_session(connection.session, end, now);
            self.publish_due_wills(now);
        }
    }

    /// Ends every connection.
    pub fn end_all(&mut self, end: &End, now: Instant) {
        for key in self.sessions.keys() {
            self.end_session(key, end.clone(), now);
        }
        self.publish_due_wills(now);
    }

    /// Ends the connection of a session, if it has one, and the session with it unless it is to be kept.
    pub(super) fn end_session(&mut self, key: SessionKey, end: End, now: Instant) {
        let limits = &self.limits;
        let Some(session) = self.sessions.get_mut(key) else { return };
        let nobody = Offline { stored: azmqtt_mqtt::session::Session::new(1), in_flight: 0, expires: now };
        if !session.is_online() {
            return;
        }
        let link = std::mem::replace(&mut session.link, Link::Offline(Box::new(nobody)));
        let Link::Online(mut online) = link else { return };
        if end == End::NotKept {
            // It would say that something is kept.
            online.server.output().clear();
            online.after = 0;
        }
        if let Some(code) = end.code() {
            online.server.disconnect(code, Properties::default());
        }
        self.wakes.settle(&mut online);
        online.wake();
        let ended = session.as_client(online.number);
        let output = std::mem::take(online.server.output());
        let kept_for = online.server.session_expiry().min(limits.session_expiry);
        let kept_for = Duration::from_secs(u64::from(kept_for));
        let (number, after) = (online.number, online.after);
        session.link = Link::Offline(Box::new(Offline {
            in_flight: online.in_flight,
            stored: online.server.into_session(),
            expires: now + kept_for,
        }));
        if end.wants_will() {
            let delay = session.will.as_ref().and_then(|will| will.properties.will_delay());
            session.will_at = Some(now + Duration::from_secs(u64::from(delay.unwrap_or(0))));
        } else {
            session.will = None;
        }
        session.queue.retain(|waiting| waiting.publish.qos > QoS::AtMostOnce);
        let holds = limits.offline_queue.holds(session.queue.len(), session.queue.bytes());
        let is_over = kept_for.is_zero() || end == End::Overflow || !holds;
        self.sessions.count(false);
        let happened = Happened::Disconnected(ended, end.life_cycle_reason());
        self.life_cycle.note(happened, now);
        self.farewells.insert(number, Farewell { output, after, end });
        if is_over {
            self.forget(key, now);
        } else {
            self.record_gone(key, now + kept_for);
            self.check_will(key, now);
            self.sessions.schedule(key);
        }
    }

    /// Ends a session to which nobody is connected. Its will is due.
    pub(super) fn forget(&mut self, key: SessionKey, _now: Instant) {
        let Some(mut session) = self.sessions.remove(key) else { return };
        if let (Some(recorder), true) = (&mut self.recorder, session.is_durable) {
            recorder.add(&Record::Ended { key });
        }
        self.leave_orphans(&mut session);
        for filter in &session.filters {
            self.unsubscribe_all_of(filter, key);
        }
        if let (Some(will), Some(_)) = (session.will.take(), session.will_at) {
            self.due_wills.push(DueWill { will, principal: session.identity.principal, publisher: None });
        }
    }

    pub(super) fn unsubscribe_all_of(&mut self, filter: &str, key: SessionKey) {
        // It was read when it was subscribed.
        let Ok(RequestedFilter { share, filter }) = RequestedFilter::parse(filter) else { return };
        if let Ok(levels) = Levels::of(filter) {
            self.subscriptions.remove(levels.as_slice(), share, key);
        }
    }
}
