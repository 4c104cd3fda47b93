//! What of a broker outlasts it: records of its changes, the whole as records, and what comes back at the next start.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use azmqtt_local::journal::Status;
use azmqtt_mqtt::Publish;

use super::connection::Connection;
use super::outcome::End;
use super::rates::Denials;
use super::session::{Identity, Link, Offline, Queue, Session, Token, Waiting, size};
use super::state::Broker;
use crate::access::{Access, TopicCache};
use crate::durable::{
    Body, Expires, Queued, Record, Recorder, Restored, RestoredMessage, RestoredSession, RestoredWill, Wall,
};
use crate::routing::{RetainedMessage, SessionKey, Subscriber};
use crate::topic::{Levels, RequestedFilter};

/// The record of a message that is kept for later subscribers.
pub fn retained(message: &RetainedMessage) -> Record {
    let RetainedMessage { publish, accepted, expires } = message;
    Record::Retained { publish: publish.clone(), accepted: Wall::of(*accepted), expires: Wall::of(*expires) }
}

impl Broker {
    /// The position of the last record that somebody may wait for.
    pub(super) fn position(&self) -> u64 {
        self.recorder.as_ref().map_or(0, Recorder::position)
    }

    /// If there were records since `before`, the client hears nothing more until they are on the disk.
    pub(super) fn hold_after(&mut self, connection: Connection, before: u64) {
        let position = self.position();
        if position != before
            && let Some(online) = self.sessions.online(connection)
        {
            online.after = position;
        }
    }

    /// The client of a durable session hears nothing more until what is known of it is on the disk.
    pub(super) fn hold(&mut self, connection: Connection) {
        if self.sessions.of(connection).is_some_and(|session| session.is_durable) {
            self.hold_after(connection, 0);
        }
    }

    /// Looks whether the output of a connection may be written, or the connection is over because it never may. False if it
    /// is over.
    pub(super) fn check_kept(&mut self, connection: Connection, now: Instant) -> bool {
        let Some(recorder) = &self.recorder else { return true };
        let Some(online) = self.sessions.online(connection) else { return false };
        if online.after == 0 {
            return true;
        }
        match recorder.status(online.after) {
            Status::Kept => (online.after, online.is_held) = (0, false),
            Status::Waiting if online.is_held => {}
            Status::Waiting => {
                online.is_held = true;
                self.held.push(connection);
            }
            Status::Failed => {
                self.end_session(connection.session, End::NotKept, now);
                return false;
            }
        }
        true
    }

    /// The disk has taken records, or not: those who wait for it look again.
    pub fn wake_held(&mut self) {
        for connection in std::mem::take(&mut self.held) {
            if let Some(online) = self.sessions.online(connection) {
                online.is_held = false;
                online.wake();
            }
        }
    }

    /// Notes whose session a connection continues or begins, if it outlasts the connection.
    pub(super) fn record_connected(&mut self, connection: Connection, is_known: bool) {
        let Some(recorder) = &mut self.recorder else { return };
        let Some(session) = self.sessions.of(connection) else { return };
        let kept_for = session.online().map_or(0, |online| online.server.session_expiry());
        let (key, kept_for) = (connection.session, kept_for.min(self.limits.session_expiry));
        let was_durable = std::mem::replace(&mut session.is_durable, kept_for > 0);
        let Identity { principal, standing } = session.identity.clone();
        match (was_durable && is_known, session.is_durable) {
            (true, true) => recorder.add(&Record::Identified { key, principal, standing }),
            (false, true) => {
                let client_id = session.client_id.clone();
                recorder.add(&Record::Began { key, client_id, principal, standing });
            }
            (true, false) => return recorder.add(&Record::Ended { key }),
            (false, false) => return,
        }
        recorder.add(&Record::Connected { key, kept_for });
        if let Some(will) = session.will.clone() {
            recorder.add(&Record::Will { key, will });
        }
        self.hold(connection);
    }

    /// Notes that the client of a durable session is gone, and whether its will is to be published.
    pub(super) fn record_gone(&mut self, key: SessionKey, expires: Instant) {
        let Some(session) = self.sessions.get(key).filter(|session| session.is_durable) else { return };
        if let Some(recorder) = &mut self.recorder {
            if let (Some(_), Some(due)) = (&session.will, session.will_at) {
                recorder.add(&Record::WillDue { key, due: Wall::of(due) });
            }
            recorder.add(&Record::Disconnected { key, expires: Wall::of(expires) });
        }
    }

    /// Notes that the will of a durable session has had its time.
    pub(super) fn record_will_done(&mut self, key: SessionKey) {
        let is_durable = self.sessions.get(key).is_some_and(|session| session.is_durable);
        if let (Some(recorder), true) = (&mut self.recorder, is_durable) {
            recorder.add(&Record::WillDone { key });
        }
    }

    /// Notes that a durable session has a subscription no more.
    pub(super) fn record_unsubscribed(&mut self, key: SessionKey, filter: Box<str>) {
        let is_durable = self.sessions.get(key).is_some_and(|session| session.is_durable);
        if let (Some(recorder), true) = (&mut self.recorder, is_durable) {
            recorder.add(&Record::Unsubscribed { key, filter });
        }
    }

    /// All durable sessions and all kept messages as records, and the position of the last record that they make
    /// superfluous.
    pub fn snapshot(&mut self) -> (Vec<Record>, u64) {
        let mut records = Vec::new();
        let mut payloads = HashMap::new();
        for key in self.sessions.keys() {
            if let Some(session) = self.sessions.get(key).filter(|session| session.is_durable) {
                self.add_session(key, session, &mut records, &mut payloads);
            }
        }
        records.extend(self.retained.iter().map(retained));
        (records, self.recorder.as_mut().map_or(0, Recorder::is_in_snapshot))
    }

    fn add_session(
        &self,
        key: SessionKey,
        session: &Session,
        records: &mut Vec<Record>,
        payloads: &mut Payloads,
    ) {
        let Identity { principal, standing } = session.identity.clone();
        records.push(Record::Began { key, client_id: session.client_id.clone(), principal, standing });
        for filter in &session.filters {
            let Ok(RequestedFilter { share, filter: levels }) = RequestedFilter::parse(filter) else {
                continue;
            };
            let levels = Levels::of_filter(levels);
            let options =
                levels.ok().and_then(|levels| self.subscriptions.options(levels.as_slice(), share, key));
            records.extend(options.map(|options| Record::Subscribed {
                key,
                filter: filter.clone(),
                options,
            }));
        }
        let mut add = |publish: &Publish, number: u64, accepted: Instant| {
            if number != 0 {
                add_message(key, publish, number, accepted, records, payloads);
            }
        };
        match &session.link {
            Link::Online(online) => {
                for (publish, token, expires) in online.server.unacknowledged() {
                    add(publish, token.number, accepted(publish, expires));
                }
            }
            Link::Offline(offline) => {
                for (publish, token, expires) in offline.stored.unacknowledged() {
                    add(publish, token.number, accepted(publish, expires));
                }
            }
        }
        for waiting in session.queue.iter() {
            add(&waiting.publish, waiting.number, waiting.accepted);
        }
        let will = session.will.clone().map(|will| Record::Will { key, will });
        match &session.link {
            Link::Online(online) => {
                let kept_for = online.server.session_expiry().min(self.limits.session_expiry);
                records.push(Record::Connected { key, kept_for });
                records.extend(will);
            }
            Link::Offline(offline) => {
                records.extend(will);
                records.extend(session.will_at.map(|due| Record::WillDue { key, due: Wall::of(due) }));
                records.push(Record::Disconnected { key, expires: Wall::of(offline.expires) });
            }
        }
    }

    /// Takes what there was before a restart, as far as its time is not over or there is a will to be published; the
    /// resources are there already. How many numbers of messages are given.
    pub fn restore(&mut self, restored: Restored, now: Instant, wall: Wall) -> u64 {
        self.changes_at = None;
        self.access = Access::new(&self.directory);
        let mut number = 0;
        for session in restored.sessions {
            self.restore_session(session, &mut number, now, wall);
        }
        for RestoredMessage { publish, accepted, expires } in restored.retained {
            let topic = publish.topic.clone();
            if let (Ok(levels), true) = (Levels::of(&topic), expires > wall) {
                let [accepted, expires] = [accepted, expires].map(|at| at.instant(now, wall));
                // There may be fewer than before.
                let _ = self.retained.put(&levels, RetainedMessage { publish, accepted, expires });
            }
        }
        number
    }

    /// Writes down from here on what is to outlast it.
    pub fn record_to(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    fn restore_session(&mut self, session: RestoredSession, number: &mut u64, now: Instant, wall: Wall) {
        let RestoredSession { client_id, principal, standing, expires, will, filters, in_flight, queue } =
            session;
        let expires = match expires {
            Expires::At(at) => at.instant(now, wall),
            Expires::After(seconds) => now + Duration::from_secs(u64::from(seconds)),
        };
        // It is not kept for longer than sessions are now.
        let expires = expires.min(now + Duration::from_secs(u64::from(self.limits.session_expiry)));
        let will_at = will.as_ref().map(|RestoredWill { will, due }| {
            let delay = Duration::from_secs(u64::from(will.properties.will_delay().unwrap_or(0)));
            // That of a client that was there waits from now on.
            due.map_or(now + delay, |due| due.instant(now, wall))
        });
        let mut next_number = || {
            *number += 1;
            *number
        };
        let in_flight: Vec<_> = in_flight
            .into_iter()
            .map(|RestoredMessage { publish, accepted, .. }| {
                let waiting = Waiting::new(publish, accepted.instant(now, wall));
                let token = Token { size: size(&waiting.publish) as u32, number: next_number() };
                let expires = waiting.expires();
                (waiting.publish, token, expires)
            })
            .collect();
        let mut waiting = Queue::default();
        for RestoredMessage { publish, accepted, .. } in queue {
            let accepted = accepted.instant(now, wall);
            waiting.push(Waiting { publish, accepted, number: next_number() });
        }
        waiting.retain(|waiting| waiting.expires().is_none_or(|expires| expires > now));
        let holds = self.limits.offline_queue.holds(waiting.len(), waiting.bytes());
        let expires = if holds { expires } else { now };
        // The next tick ends a session whose time is over, and publishes its will.
        if expires <= now && will.is_none() || self.sessions.find(&client_id).is_some() {
            return;
        }
        let bytes = in_flight.iter().map(|(_, token, _)| token.size as usize).sum();
        let stored = azmqtt_mqtt::session::Session::new(self.window()).with_messages(in_flight);
        let rights = self.access.rights_of(&principal, standing);
        let key = self.sessions.insert(Session {
            client_id,
            identity: Identity { principal, standing },
            rights,
            cache: TopicCache::default(),
            link: Link::Offline(Box::new(Offline { stored, in_flight: bytes, expires })),
            filters: Vec::new(),
            queue: waiting,
            will: will.map(|restored| restored.will),
            will_at,
            deadline: None,
            is_durable: true,
            matched: (0, 0),
            denials: Denials::default(),
        });
        for (asked, options) in filters {
            let Ok(RequestedFilter { share, filter }) = RequestedFilter::parse(&asked) else { continue };
            let Ok(levels) = Levels::of_filter(filter) else { continue };
            let subscriber = Subscriber { session: key, options };
            if self.subscriptions.insert(levels.as_slice(), share, subscriber).is_ok()
                && let Some(session) = self.sessions.get_mut(key)
            {
                session.filters.push(asked);
            }
        }
        // The resources may have changed in the last moment.
        self.rejudge(key, now);
        self.sessions.schedule(key);
    }
}

/// Numbers of payloads that are in a snapshot already, by their places in memory.
type Payloads = HashMap<(*const u8, usize), u64>;

/// When a message came that expires then.
fn accepted(publish: &Publish, expires: Option<Instant>) -> Instant {
    let interval = publish.properties.message_expiry().unwrap_or(0);
    let accepted = expires.and_then(|at| at.checked_sub(Duration::from_secs(u64::from(interval))));
    accepted.unwrap_or_else(Instant::now)
}

fn add_message(
    key: SessionKey,
    publish: &Publish,
    number: u64,
    accepted: Instant,
    records: &mut Vec<Record>,
    payloads: &mut Payloads,
) {
    let payload = &publish.payload;
    let body = if payload.len() < Recorder::SHARED {
        Body::Own(payload.clone())
    } else {
        // All of them are in memory until the snapshot is whole: each is at a place of its own.
        Body::Shared(*payloads.entry((payload.as_ptr(), payload.len())).or_insert_with(|| {
            records.push(Record::Payload { number, payload: payload.clone() });
            number
        }))
    };
    records.push(Record::Queued(Queued {
        key,
        number,
        packet_id: publish.packet_id,
        accepted: Wall::of(accepted),
        retain: publish.retain,
        topic: publish.topic.clone(),
        properties: publish.properties.clone(),
        body,
    }));
}
