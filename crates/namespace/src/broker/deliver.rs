//! From a message to those who get it.

use std::time::Instant;

use azmqtt_mqtt::{Publish, QoS};

use super::message::{Collect, Match, Message};
use super::outcome::End;
use super::session::{Link, Online, Waiting, size};
use super::state::Broker;
use crate::durable::Recorder;
use crate::routing::SessionKey;
use crate::topic::Levels;

impl Broker {
    /// Delivers a message to everybody who has subscribed to its topic, whose levels are those.
    pub(super) fn route(
        &mut self,
        publish: &Publish,
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
        self.work += matches.len();
        if !matches.is_empty() {
            let mut message = Message::new(publish, now);
            for (index, matched) in matches.iter().enumerate() {
                self.deliver(matched, &mut message, index + 1 == matches.len(), now);
            }
            matches.clear();
        }
        self.matches = matches;
    }

    /// Sends a message to a session, or has it wait. Nobody gets it after the `last`.
    fn deliver(&mut self, matched: &Match, message: &mut Message<'_>, last: bool, now: Instant) {
        let Some(session) = self.sessions.get_mut(matched.session) else { return };
        let (qos, size) = (message.qos(matched), message.size);
        let Link::Online(online) = &mut session.link else {
            if qos > QoS::AtMostOnce {
                // It may come back with either version.
                let waiting = Waiting::new(message.kept(matched, true, last), message.accepted);
                self.wait(matched.session, waiting, now);
            }
            return;
        };
        self.wakes.wake(matched.session, online, size);
        let is_v5 = online.is_v5();
        if session.queue.is_empty()
            && online.has_room(qos, size, self.limits.in_flight)
            && online.may_send(&mut self.throttle, size, now)
        {
            if qos > QoS::AtMostOnce {
                let mut waiting = Waiting::new(message.kept(matched, is_v5, last), message.accepted);
                let recorder = self.recorder.as_mut().filter(|_| session.is_durable);
                if let Some(recorder) = recorder {
                    let packet_id = online.server.next_packet_id().unwrap_or(0);
                    waiting.number =
                        recorder.queued(matched.session, &waiting.publish, waiting.accepted, packet_id);
                }
                send(online, &mut self.recorder, matched.session, waiting, now);
            } else {
                let accepted = message.accepted;
                online.send_qos0(&message.passing(matched, is_v5), accepted, now);
            }
            return;
        }
        let waiting = Waiting::new(message.kept(matched, is_v5, last), message.accepted);
        self.wait(matched.session, waiting, now);
    }

    /// Puts a message behind those that wait for a session. If there is no place for it, it is dropped at QoS 0; at QoS 1 the
    /// session is over.
    pub(super) fn wait(&mut self, key: SessionKey, mut waiting: Waiting, now: Instant) {
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
            if let (Some(recorder), true) = (&mut self.recorder, session.is_durable) {
                waiting.number = number(recorder, key, &waiting);
            }
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
        let Self { sessions, retained, limits, dropped, recorder, work, .. } = self;
        let Some(session) = sessions.get_mut(key) else { return };
        let mut recorder = recorder.as_mut().filter(|_| session.is_durable);
        let is_v5 = session.online().is_some_and(|online| online.is_v5());
        let queue = &mut session.queue;
        *work += retained.find(filter, now, |kept| {
            // The subscription's identifier is not counted: what is not taken costs no copy.
            if !limits.connected_queue.holds(queue.len() + 1, queue.bytes() + size(&kept.publish)) {
                *dropped += 1;
                return;
            }
            let mut publish = kept.publish.clone();
            matched.dress_retained(&mut publish, is_v5);
            let mut waiting = Waiting::new(publish, kept.accepted);
            waiting.number = recorder.as_mut().map_or(0, |recorder| number(recorder, key, &waiting));
            queue.push(waiting);
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
            if let Some(waiting) = session.queue.pop() {
                if let (Some(recorder), 1..) = (&mut self.recorder, waiting.number) {
                    let packet_id = online.server.next_packet_id().unwrap_or(0);
                    recorder.sent(key, waiting.number, packet_id);
                }
                send(online, &mut self.recorder, key, waiting, now);
            }
        }
    }
}

/// Sends a message for which there is room. If it is not in flight then, it is done with.
fn send(
    online: &mut Online,
    recorder: &mut Option<Recorder>,
    key: SessionKey,
    waiting: Waiting,
    now: Instant,
) {
    let number = waiting.number;
    if !online.send(waiting, now)
        && let (Some(recorder), 1..) = (recorder, number)
    {
        recorder.done(key, number);
    }
}

/// Notes that a message waits. Its number; 0 at QoS 0, where nothing is noted.
fn number(recorder: &mut Recorder, key: SessionKey, waiting: &Waiting) -> u64 {
    if waiting.publish.qos == QoS::AtMostOnce {
        return 0;
    }
    recorder.queued(key, &waiting.publish, waiting.accepted, 0)
}

fn is_expired(waiting: &Waiting, now: Instant) -> bool {
    waiting.expires().is_some_and(|expires| expires <= now)
}
