//! What there was, out of the records.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::record::{Body, Queued, Record};
use super::wall::Wall;
use crate::principal::{Principal, Standing};
use crate::routing::{Options, SessionKey};
use azmqtt_mqtt::{Publish, QoS, Text, Will};

/// Reads records one after the other.
#[derive(Debug, Default)]
pub struct Replay {
    sessions: BTreeMap<SessionKey, Session>,
    retained: HashMap<Text, RestoredMessage>,
    payloads: HashMap<u64, Bytes>,
}

/// A session as the records have it so far.
#[derive(Debug)]
struct Session {
    client_id: Arc<str>,
    principal: Arc<Principal>,
    standing: Standing,
    expires: Expires,
    will: Option<RestoredWill>,
    filters: BTreeMap<Box<str>, Options>,
    /// By when they were queued or sent.
    messages: BTreeMap<u64, RestoredMessage>,
    /// Where they are, by their numbers.
    places: HashMap<u64, u64>,
    /// The next place.
    next: u64,
}

/// When a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// Then: its client was gone.
    At(Wall),
    /// So many seconds from now: its client was there.
    After(u32),
}

/// A session that there was.
#[derive(Debug, PartialEq, Eq)]
pub struct RestoredSession {
    /// Its client identifier.
    pub client_id: Arc<str>,
    /// Whose it is.
    pub principal: Arc<Principal>,
    /// By what that was shown.
    pub standing: Standing,
    /// When it is over.
    pub expires: Expires,
    /// The will that is to be published.
    pub will: Option<RestoredWill>,
    /// What it has subscribed to.
    pub filters: Vec<(Box<str>, Options)>,
    /// What was sent and not acknowledged, in the order in which it was sent.
    pub in_flight: Vec<RestoredMessage>,
    /// What waits.
    pub queue: Vec<RestoredMessage>,
}

/// A will that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredWill {
    /// The will.
    pub will: Will,
    /// When; `None` if its client was there.
    pub due: Option<Wall>,
}

/// A message that there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredMessage {
    /// The message, with its packet identifier if it was sent.
    pub publish: Publish,
    /// From when its expiry counts.
    pub accepted: Wall,
    /// When it is dropped, if it is kept for later subscribers.
    pub expires: Wall,
}

/// All that there was.
#[derive(Debug, Default)]
pub struct Restored {
    /// Sessions.
    pub sessions: Vec<RestoredSession>,
    /// Messages that are kept for later subscribers.
    pub retained: Vec<RestoredMessage>,
}

impl Replay {
    /// Takes a record as it was written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.apply(Record::decode(bytes)?)
    }

    fn apply(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Began { key, client_id, principal, standing } => {
                self.sessions.insert(key, Session::new(client_id, principal, standing));
            }
            Record::Identified { key, principal, standing } => self.change(key, |session| {
                session.principal = principal;
                session.standing = standing;
            }),
            Record::Connected { key, kept_for } => {
                self.change(key, |session| {
                    session.expires = Expires::After(kept_for);
                    session.will = None;
                });
            }
            Record::Disconnected { key, expires } => {
                self.change(key, |session| {
                    session.expires = Expires::At(expires);
                    // Its client has left in order.
                    session.will.take_if(|will| will.due.is_none());
                });
            }
            Record::Will { key, will } => {
                self.change(key, |session| session.will = Some(RestoredWill { will, due: None }));
            }
            Record::WillDue { key, due } => self.change(key, |session| {
                if let Some(will) = &mut session.will {
                    will.due = Some(due);
                }
            }),
            Record::WillDone { key } => self.change(key, |session| session.will = None),
            Record::Ended { key } => drop(self.sessions.remove(&key)),
            Record::Subscribed { key, filter, options } => {
                self.change(key, |session| {
                    session.filters.insert(filter, options);
                });
            }
            Record::Unsubscribed { key, filter } => {
                self.change(key, |session| {
                    session.filters.remove(&filter);
                });
            }
            Record::Payload { number, payload } => drop(self.payloads.insert(number, payload)),
            Record::Queued(queued) => self.queue(queued)?,
            Record::Sent { key, number, packet_id } => {
                self.change(key, |session| session.sent(number, packet_id));
            }
            Record::Done { key, number } => self.change(key, |session| drop(session.take(number))),
            Record::Retained { publish, accepted, expires } => {
                let topic = publish.topic.clone();
                self.retained.insert(topic, RestoredMessage { publish, accepted, expires });
            }
            Record::Dropped { topic } => drop(self.retained.remove(&topic)),
        }
        Ok(())
    }

    /// A record about a session that has ended says nothing.
    fn change(&mut self, key: SessionKey, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.sessions.get_mut(&key) {
            change(session);
        }
    }

    fn queue(&mut self, queued: Queued) -> Result<(), String> {
        let Queued { key, number, packet_id, accepted, retain, topic, properties, body } = queued;
        let payload = match body {
            Body::Own(payload) => payload,
            Body::Shared(number) => {
                self.payloads.get(&number).cloned().ok_or("a message has a payload that is not there")?
            }
        };
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        (publish.retain, publish.properties, publish.packet_id) = (retain, properties, packet_id);
        self.change(key, |session| {
            session.put(number, RestoredMessage { publish, accepted, expires: accepted });
        });
        Ok(())
    }

    /// What there was at the last record.
    pub fn finish(self) -> Restored {
        let sessions = self.sessions.into_values().map(Session::finish).collect();
        Restored { sessions, retained: self.retained.into_values().collect() }
    }
}

impl Session {
    fn new(client_id: Arc<str>, principal: Arc<Principal>, standing: Standing) -> Self {
        Self {
            client_id,
            principal,
            standing,
            expires: Expires::After(0),
            will: None,
            filters: BTreeMap::new(),
            messages: BTreeMap::new(),
            places: HashMap::new(),
            next: 0,
        }
    }

    fn put(&mut self, number: u64, message: RestoredMessage) {
        self.places.insert(number, self.next);
        self.messages.insert(self.next, message);
        self.next += 1;
    }

    fn take(&mut self, number: u64) -> Option<RestoredMessage> {
        self.messages.remove(&self.places.remove(&number)?)
    }

    fn sent(&mut self, number: u64, packet_id: u16) {
        if let Some(mut message) = self.take(number) {
            message.publish.packet_id = packet_id;
            self.put(number, message);
        }
    }

    fn finish(self) -> RestoredSession {
        let (in_flight, queue) =
            self.messages.into_values().partition(|message| message.publish.packet_id != 0);
        RestoredSession {
            client_id: self.client_id,
            principal: self.principal,
            standing: self.standing,
            expires: self.expires,
            will: self.will,
            filters: self.filters.into_iter().collect(),
            in_flight,
            queue,
        }
    }
}
