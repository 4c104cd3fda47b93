//! Messages: who is told what became of one that goes out, and one that came in.

use std::time::Instant;

use crate::batch::Member;
use crate::managed::error::Error;
use crate::reply::Reply;
use crate::ticket;
use azmqtt_mqtt::{Properties, Publish, ReasonCode};

/// The broker has a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The code of PUBACK or PUBCOMP: [`ReasonCode::Success`], or [`ReasonCode::NoMatchingSubscribers`]. At QoS 0 the
    /// message has left, and the code says nothing.
    pub code: ReasonCode,
}

/// What a broker said when it accepted a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The session is that of before.
    pub session_present: bool,
    /// CONNACK's properties: the broker's limits, and what it decided itself. Empty in MQTT 3.1.1.
    pub properties: Properties,
}

/// What travels with a message until its outcome is known.
pub(crate) type Ticket = ticket::Ticket<Owner>;

/// The name of a request: its correlation data.
pub(crate) type Correlation = [u8; 16];

/// Who is told.
#[derive(Debug)]
pub(crate) enum Owner {
    One(Reply<Published>),
    Member(Member<Error>),
    /// The request that the message carries: its answer is another message.
    Request(Correlation),
}

/// What a message takes of the outbox, in bytes.
pub(super) fn size_of(publish: &Publish) -> u32 {
    // A packet has at most 256 MiB.
    u32::try_from(publish.topic.len() + publish.payload.len() + publish.properties.len()).unwrap_or(u32::MAX)
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The message as it came, topic aliases resolved.
    pub publish: Publish,
    /// When it was read from the socket.
    pub received: Instant,
    /// What to acknowledge once the application is done with it; QoS 0 needs nothing.
    pub delivery: Option<Delivery>,
}

impl Received {
    /// In bytes, as it waits.
    pub(super) fn size(&self) -> usize {
        size_of(&self.publish) as usize
    }
}

/// One delivery of a message at QoS 1 or 2. At QoS 1 it can be acknowledged on its own connection only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Which connection; see [`Self::ANY`].
    pub(super) connection: u64,
    /// Its place in the order of arrival.
    pub(super) place: u64,
}

impl Delivery {
    /// At QoS 2 a delivery is the session's, and outlives connections.
    pub(super) const ANY: u64 = u64::MAX;
}
