//! Records, and how they are written. [`super::decode`] reads them.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::wall::Wall;
use crate::attributes::{AttributeValue, Attributes};
use crate::principal::{Principal, Standing};
use crate::routing::{Options, SessionKey};
use azmqtt_local::journal;
use azmqtt_mqtt::{Properties, Publish, QoS, Text, Will};

/// Something that has changed. A session is named by the key that it has while the namespace runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A session begins.
    Began {
        /// Its key from here on.
        key: SessionKey,
        /// Its client identifier.
        client_id: Arc<str>,
        /// Whose it is.
        principal: Arc<Principal>,
        /// By what that was shown.
        standing: Standing,
    },
    /// Its client has shown anew who it is.
    Identified {
        /// Which session.
        key: SessionKey,
        /// Whose it is.
        principal: Arc<Principal>,
        /// By what that was shown.
        standing: Standing,
    },
    /// Its client is there.
    Connected {
        /// Which session.
        key: SessionKey,
        /// For how many seconds the session is kept when its client goes.
        kept_for: u32,
    },
    /// Its client is there with a will, which is published if it goes without a word [MQTT-3.1.2-8].
    Will {
        /// Which session.
        key: SessionKey,
        /// The will.
        will: Will,
    },
    /// Its client goes without a word. Without this record before [`Record::Disconnected`], the client has left in order, and
    /// its will with it.
    WillDue {
        /// Which session.
        key: SessionKey,
        /// When its will is published.
        due: Wall,
    },
    /// Its will is published, or was not to be.
    WillDone {
        /// Which session.
        key: SessionKey,
    },
    /// Its client is gone.
    Disconnected {
        /// Which session.
        key: SessionKey,
        /// When the session is over.
        expires: Wall,
    },
    /// The session is over.
    Ended {
        /// Which session.
        key: SessionKey,
    },
    /// It has a subscription, or another one for the same filter.
    Subscribed {
        /// Which session.
        key: SessionKey,
        /// As it was asked for, `$share/…` included.
        filter: Box<str>,
        /// What it asks for.
        options: Options,
    },
    /// It has not that subscription any more.
    Unsubscribed {
        /// Which session.
        key: SessionKey,
        /// As it was asked for.
        filter: Box<str>,
    },
    /// A payload that several messages have.
    Payload {
        /// By which they name it.
        number: u64,
        /// Itself.
        payload: Bytes,
    },
    /// A message waits for a session, at QoS 1.
    Queued(Queued),
    /// It was sent.
    Sent {
        /// Which session.
        key: SessionKey,
        /// Which message.
        number: u64,
        /// Under which packet identifier.
        packet_id: u16,
    },
    /// It was acknowledged, or does not wait any more.
    Done {
        /// Which session.
        key: SessionKey,
        /// Which message.
        number: u64,
    },
    /// A message is kept for later subscribers, in the place of the one that its topic had.
    Retained {
        /// The message, at QoS 0 or 1.
        publish: Publish,
        /// When it came.
        accepted: Wall,
        /// When it is dropped.
        expires: Wall,
    },
    /// The message of a topic is not kept any more.
    Dropped {
        /// Which topic.
        topic: Text,
    },
}

/// A message that waits for a session, as it is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Which session.
    pub key: SessionKey,
    /// By which other records name it; each has its own.
    pub number: u64,
    /// Under which packet identifier it was sent; 0 if it was not.
    pub packet_id: u16,
    /// From when its expiry counts.
    pub accepted: Wall,
    /// Whether it has the retain flag.
    pub retain: bool,
    /// Its topic.
    pub topic: Text,
    /// Its properties.
    pub properties: Properties,
    /// What is in it.
    pub body: Body,
}

/// A payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// It is here.
    Own(Bytes),
    /// It is that of [`Record::Payload`] with this number.
    Shared(u64),
}

pub(super) const BEGAN: u8 = 1;
pub(super) const IDENTIFIED: u8 = 2;
pub(super) const CONNECTED: u8 = 3;
pub(super) const DISCONNECTED: u8 = 4;
pub(super) const ENDED: u8 = 5;
pub(super) const SUBSCRIBED: u8 = 6;
pub(super) const UNSUBSCRIBED: u8 = 7;
pub(super) const PAYLOAD: u8 = 8;
pub(super) const QUEUED: u8 = 9;
pub(super) const SENT: u8 = 10;
pub(super) const DONE: u8 = 11;
pub(super) const RETAINED: u8 = 12;
pub(super) const DROPPED: u8 = 13;
pub(super) const WILL: u8 = 14;
pub(super) const WILL_DUE: u8 = 15;
pub(super) const WILL_DONE: u8 = 16;

/// The kinds of attributes.
pub(super) const INTEGER: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const LIST: u8 = 2;

/// Each way to show who a client is, with its number.
pub(super) const STANDINGS: [(Standing, u8); 3] =
    [(Standing::Resource, 0), (Standing::Asserted, 1), (Standing::Roles, 2)];

impl journal::Record for Record {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Began { key, client_id, principal, standing } => {
                put_head(out, BEGAN, *key);
                put(out, client_id.as_bytes());
                put_identity(out, principal, *standing);
            }
            Self::Identified { key, principal, standing } => {
                put_head(out, IDENTIFIED, *key);
                put_identity(out, principal, *standing);
            }
            Self::Connected { key, kept_for } => {
                put_head(out, CONNECTED, *key);
                out.put_u32_le(*kept_for);
            }
            Self::Will { key, will } => {
                put_head(out, WILL, *key);
                put_will(out, will);
            }
            Self::WillDue { key, due } => {
                put_head(out, WILL_DUE, *key);
                out.put_u64_le(due.0);
            }
            Self::WillDone { key } => put_head(out, WILL_DONE, *key),
            Self::Disconnected { key, expires } => {
                put_head(out, DISCONNECTED, *key);
                out.put_u64_le(expires.0);
            }
            Self::Ended { key } => put_head(out, ENDED, *key),
            Self::Subscribed { key, filter, options } => {
                put_head(out, SUBSCRIBED, *key);
                put(out, filter.as_bytes());
                put_options(out, *options);
            }
            Self::Unsubscribed { key, filter } => {
                put_head(out, UNSUBSCRIBED, *key);
                put(out, filter.as_bytes());
            }
            Self::Payload { number, payload } => {
                out.put_u8(PAYLOAD);
                out.put_u64_le(*number);
                put(out, payload);
            }
            Self::Queued(queued) => put_queued(out, queued),
            Self::Sent { key, number, packet_id } => {
                put_head(out, SENT, *key);
                out.put_u64_le(*number);
                out.put_u16_le(*packet_id);
            }
            Self::Done { key, number } => {
                put_head(out, DONE, *key);
                out.put_u64_le(*number);
            }
            Self::Retained { publish, accepted, expires } => {
                out.put_u8(RETAINED);
                out.put_u64_le(accepted.0);
                out.put_u64_le(expires.0);
                out.put_u8((publish.qos > QoS::AtMostOnce).into());
                put(out, publish.topic.as_bytes());
                put(out, publish.properties.as_bytes());
                put(out, &publish.payload);
            }
            Self::Dropped { topic } => {
                out.put_u8(DROPPED);
                put(out, topic.as_bytes());
            }
        }
    }
}

fn put_head(out: &mut BytesMut, kind: u8, key: SessionKey) {
    out.put_u8(kind);
    out.put_u32_le(key.0);
}

/// Bytes behind their length. All are much shorter than 4 GiB.
fn put(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32_le(bytes.len() as u32);
    out.put_slice(bytes);
}

fn put_identity(out: &mut BytesMut, principal: &Principal, standing: Standing) {
    out.put_u8(STANDINGS.into_iter().find(|(known, _)| *known == standing).map_or(0, |(_, number)| number));
    put(out, principal.name.as_str().as_bytes());
    put_attributes(out, &principal.attributes);
}

fn put_attributes(out: &mut BytesMut, attributes: &Attributes) {
    // Less than 4 KB in all.
    out.put_u16_le(attributes.iter().count() as u16);
    for (key, value) in attributes.iter() {
        put(out, key.as_bytes());
        match value {
            AttributeValue::Integer(number) => {
                out.put_u8(INTEGER);
                out.put_i64_le(*number);
            }
            AttributeValue::Text(text) => {
                out.put_u8(TEXT);
                put(out, text.as_bytes());
            }
            AttributeValue::List(texts) => {
                out.put_u8(LIST);
                out.put_u32_le(texts.len() as u32);
                for text in texts {
                    put(out, text.as_bytes());
                }
            }
        }
    }
}

fn put_options(out: &mut BytesMut, options: Options) {
    let Options { qos, no_local, retain_as_published, identifier } = options;
    let flags = [qos > QoS::AtMostOnce, no_local, retain_as_published];
    out.put_u8(flags.into_iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(flag)));
    out.put_u32_le(identifier);
}

fn put_will(out: &mut BytesMut, will: &Will) {
    out.put_u8((will.qos > QoS::AtMostOnce).into());
    out.put_u8(will.retain.into());
    put(out, will.topic.as_bytes());
    put(out, will.properties.as_bytes());
    put(out, &will.message);
}

fn put_queued(out: &mut BytesMut, queued: &Queued) {
    put_head(out, QUEUED, queued.key);
    out.put_u64_le(queued.number);
    out.put_u16_le(queued.packet_id);
    out.put_u64_le(queued.accepted.0);
    out.put_u8(queued.retain.into());
    put(out, queued.topic.as_bytes());
    put(out, queued.properties.as_bytes());
    match &queued.body {
        Body::Own(payload) => {
            out.put_u8(0);
            put(out, payload);
        }
        Body::Shared(number) => {
            out.put_u8(1);
            out.put_u64_le(*number);
        }
    }
}
