//! A message on its way out, and who is told what became of it.

use bytes::Bytes;

use crate::error::Error;
use crate::reply::Reply;
use azmqtt_mqtt::{Publish, QoS, Text};

/// A message ready for the wire. Whoever builds it has checked the service's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The whole topic, property bag included.
    pub topic: Text,
    /// The body.
    pub payload: Bytes,
    /// At most once or at least once; IoT Hub knows no QoS 2.
    pub qos: QoS,
}

impl Outgoing {
    pub(super) fn size(&self) -> u32 {
        // A packet has at most 256 MiB, and the service takes a thousandth of that.
        u32::try_from(self.topic.len() + self.payload.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn into_publish(self) -> Publish {
        Publish::new(self.topic, self.qos, self.payload)
    }
}

/// What travels with a message until its outcome is known.
pub(crate) type Ticket = azmqtt_client::Ticket<Owner>;

/// Who is told.
#[derive(Debug)]
pub(crate) enum Owner {
    One(Reply<()>),
    Member(Member),
}

impl Owner {
    pub(super) fn settle(self, outcome: Result<(), Error>) {
        match self {
            Self::One(reply) => reply.send(outcome),
            Self::Member(member) => member.settle(outcome),
        }
    }
}

/// The messages of one `send_messages` call: counted, not answered one by one.
pub type Batch = azmqtt_client::Batch<Error>;
/// A message's place in a batch.
pub(crate) type Member = azmqtt_client::Member<Error>;
