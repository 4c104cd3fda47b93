//! Wills (§3.1.2.5): published when a connection ends without a word, after a delay, but no later than its session ends.

use std::sync::Arc;
use std::time::Instant;

use azmqtt_mqtt::{PropertiesBuilder, Property, Publish, Will};

use super::message::keep;
use super::state::Broker;
use crate::messages::Publisher;
use crate::principal::Principal;
use crate::routing::SessionKey;
use crate::topic::Levels;

/// A will whose time has come.
#[derive(Debug)]
pub struct DueWill {
    pub will: Will,
    /// Whose it is.
    pub principal: Arc<Principal>,
    /// The session, if it still is.
    pub publisher: Option<SessionKey>,
}

impl Broker {
    /// Has the will of a session published if it is due.
    pub(super) fn check_will(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.will_at.is_none_or(|due| now < due) {
            return;
        }
        session.will_at = None;
        if let Some(will) = session.will.take() {
            let principal = session.identity.principal.clone();
            self.due_wills.push(DueWill { will, principal, publisher: Some(key) });
        }
    }

    /// Publishes the wills that are due. One may end another session, whose will is due then; each is published once.
    pub(super) fn publish_due_wills(&mut self, now: Instant) {
        self.adopt_orphans(now);
        while let Some(due) = self.due_wills.pop() {
            let publisher = due.publisher;
            self.publish_will(due, now);
            self.adopt_orphans(now);
            // After the records of the message: a crash in between has it published again.
            if let Some(key) = publisher {
                self.record_will_done(key);
            }
        }
    }

    fn publish_will(&mut self, due: DueWill, now: Instant) {
        let DueWill { will, principal, publisher } = due;
        let topic = will.topic.clone();
        let Ok(levels) = Levels::of(&topic) else { return };
        // The rights may have changed since CONNECT.
        if !self.access.rights(&principal).may_publish(&principal, &levels) {
            return;
        }
        let properties = PropertiesBuilder::from(&will.properties).without(Property::WillDelayInterval);
        let mut publish = Publish::new(will.topic, will.qos, will.message);
        publish.retain = will.retain;
        publish.properties = properties.build().unwrap_or_default();
        // Nobody hears of it if it is one too many to be kept.
        if self.keep_if_retained(&publish, &levels, now).is_err() {
            return;
        }
        if let Some(log) = &self.log {
            let session = publisher.and_then(|key| self.sessions.get(key));
            let client_id = session.map(|session| session.client_id.clone());
            log.record(keep(&publish), Some(Publisher { principal, client_id }));
        }
        self.route(&publish, &levels, publisher, now);
    }
}
