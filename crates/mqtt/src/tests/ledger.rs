//! What must become of each message on its way through a lossy pipe.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Buf;

use crate::tests::*;

/// What must hold for the messages of one direction.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) next: u32,
    /// In which connection a message was last published as new.
    published: HashMap<u32, u32>,
    /// Published, and the token did not come back yet.
    pub(super) open: BTreeMap<u32, QoS>,
    received: BTreeSet<u32>,
}

impl Ledger {
    pub(super) fn message(&self, qos: QoS) -> Publish {
        // More topics than aliases.
        let topic = format!("topic/{}", self.next % 5);
        Publish::new(topic, qos, self.next.to_be_bytes().to_vec())
    }

    pub(super) fn published(&mut self, qos: QoS, connection: u32) {
        self.published.insert(self.next, connection);
        self.open.insert(self.next, qos);
        self.next += 1;
    }

    pub(super) fn republished(&mut self, token: u32, connection: u32) {
        assert_eq!(self.open.get(&token), Some(&QoS::AtLeastOnce), "{token} is not to be published again");
        self.published.insert(token, connection);
    }

    pub(super) fn arrived(&mut self, publish: &Publish, connection: u32) {
        let token = publish.payload.clone().get_u32();
        assert_eq!(publish.topic, format!("topic/{}", token % 5));
        assert_eq!(publish.dup, self.published[&token] != connection, "DUP of {token}");
        let newest = self.received.last().copied();
        let is_first = self.received.insert(token);
        assert!(
            !is_first || newest.is_none_or(|newest| newest < token),
            "{token} came first after {newest:?}"
        );
        assert!(is_first || publish.qos == QoS::AtLeastOnce, "{token} came twice");
    }

    pub(super) fn acknowledged(&mut self, token: u32) {
        assert!(self.received.contains(&token), "{token} was acknowledged and never came");
        self.closed(token);
    }

    /// Its sender gave up on it, or is told that it may have arrived or not.
    pub(super) fn closed(&mut self, token: u32) {
        assert!(self.open.remove(&token).is_some(), "{token} came back twice");
    }

    /// It was not acknowledged when its session was lost: the message, if it may be published as new.
    pub(super) fn lost(&mut self, message: Unacknowledged<u32>) -> Option<(Publish, u32)> {
        match message {
            Unacknowledged::Written(publish, token) if publish.qos == QoS::AtLeastOnce => {
                Some((publish, token))
            }
            Unacknowledged::Received(token, _) => {
                self.acknowledged(token);
                None
            }
            Unacknowledged::Written(_, token) | Unacknowledged::NotSentAgain(token, _) => {
                self.closed(token);
                None
            }
        }
    }
}
