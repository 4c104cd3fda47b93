//! From a message to those who get it.

use std::time::{Duration, Instant};

use azmqtt_mqtt::{Publish, QoS};

use super::message::{Collect, Match, Message};
use super::outcome::End;
use super::session::{Link, Waiting, size};
use super::state::Broker;
use crate::routing::SessionKey;
use crate::topic::Levels;

impl Broker {
    /// Delivers a message to everybody who has subscribed to its topic, whose levels are those.
    pub(super) fn route(
        &mut self,
        publish: Publish,
        topic: &Levels<'_>,
        publisher: Option<SessionKey>,
        now: Instant,
    ) {
        self.messages += 1;
        let mut matches = std::mem::take(&mut self.matches);
        let mut collect = Collect {
            matches: &mut matches,
            sessions: &mut self.sessions,
            random: &mut self.random,
            publisher,
            number: self.messages,
        };
        self.subscriptions.find(topic.as_slice(), &mut collect);
        if !matches.is_empty() {
            let mut message = Message::new(publish, now);
            for matched in &matches {
                self.deliver(matched, &mut message, now);
            }
            matches.clear();
        }
        self.matches = matches;
    }

    /// Sends a message to a session, or has it wait.
    fn deliver(&mut self, matched: &Match, message: &mut Message, now: Instant) {
        let Some(session) = self.sessions.get_mut(matched.session) else { return };
        let qos = matched.qos(message.publish());
        let size = size(message.publish());
        let Link::Online(online) = &mut session.link else {
            if qos > QoS::AtMostOnce {
                // It may come back with either version.
                let publish = message.kept(matched, true);
                self.wait(matched.session, Waiting { publish, accepted: message.accepted }, now);
            }
            return;
        };
        online.wake();
        let is_v5 = online.is_v5();
        if session.queue.is_empty()
            && online.has_room(qos, size, self.limits.in_flight)
            && online.may_send(&mut self.throttle, size, now)
        {
            if qos > QoS::AtMostOnce {
                online.send(message.kept(matched, is_v5), message.accepted, now);
            } else if let Some(publish) = message.passing(matched, is_v5) {
                online.send_qos0(&publish, message.accepted, now);
            } else {
                online.send_qos0(message.publish(), message.accepted, now);
            }
            return;
        }
        let publish = message.kept(matched, is_v5);
        self.wait(matched.session, Waiting { publish, accepted: message.accepted }, now);
    }

    /// Puts a message behind those that wait for a session. If there is no place for it, it is dropped at QoS 0; at QoS 1 the
    /// session is over.
    pub(super) fn wait(&mut self, key: SessionKey, waiting: Waiting, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let is_online = session.is_online();
        let limit = if is_online { self.limits.connected_queue } else { self.limits.offline_queue };
        let size = size(&waiting.publish);
        let queue = &mut session.queue;
        if !limit.holds(queue.len() + 1, queue.bytes() + size) {
            if waiting.publish.qos == QoS::AtMostOnce {
                self.dropped += 1;
                return;
            }
            queue.retain(|waiting| !is_expired(waiting, now));
        }
        if limit.holds(queue.len() + 1, queue.bytes() + size) {
            queue.push(waiting);
        } else if is_online {
            self.end_session(key, End::Overflow, now);
        } else {
            self.forget(key, now);
        }
    }

    /// Has the kept messages that a new subscription gets wait for their session, as far as there is a place for them.
    pub(super) fn wait_for_retained(
        &mut self,
        key: SessionKey,
        matched: &Match,
        filter: &Levels<'_>,
        now: Instant,
    ) {
        let Self { sessions, retained, limits, dropped, .. } = self;
        let Some(session) = sessions.get_mut(key) else { return };
        let is_v5 = session.online().is_some_and(|online| online.is_v5());
        let queue = &mut session.queue;
        retained.find(filter, now, |kept| {
            let mut publish = kept.publish.clone();
            matched.dress_retained(&mut publish, is_v5);
            let bytes = queue.bytes() + size(&publish);
            if limits.connected_queue.holds(queue.len() + 1, bytes) {
                queue.push(Waiting { publish, accepted: kept.accepted });
            } else {
                *dropped += 1;
            }
        });
    }

    /// Sends what waits for a session, as far as there is room.
    pub(super) fn send_waiting(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Link::Online(online) = &mut session.link else { return };
        while let Some(front) = session.queue.front() {
            if !online.has_room(front.publish.qos, size(&front.publish), self.limits.in_flight) {
                return;
            }
            if !online.may_send(&mut self.throttle, size(&front.publish), now) {
                return;
            }
            if let Some(Waiting { publish, accepted }) = session.queue.pop() {
                online.send(publish, accepted, now);
            }
        }
    }
}

fn is_expired(waiting: &Waiting, now: Instant) -> bool {
    let expiry = waiting.publish.properties.message_expiry().filter(|seconds| *seconds > 0);
    expiry.is_some_and(|seconds| waiting.accepted + Duration::from_secs(u64::from(seconds)) <= now)
}
