//! What must become of each message on its way through a lossy pipe.

use std::collections::{BTreeSet, HashMap};

use bytes::Buf;

use crate::tests::*;

/// What must hold for the messages of one direction.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) next: u32,
    /// In which connection a message was last published as new.
    published: HashMap<u32, u32>,
    /// Published, and the token did not come back yet.
    pub(super) open: BTreeSet<u32>,
    received: BTreeSet<u32>,
}

impl Ledger {
    pub(super) fn message(token: u32) -> Publish {
        Publish::new("t", QoS::AtLeastOnce, token.to_be_bytes().to_vec())
    }

    pub(super) fn published(&mut self, connection: u32) {
        self.published.insert(self.next, connection);
        self.open.insert(self.next);
        self.next += 1;
    }

    pub(super) fn republished(&mut self, token: u32, connection: u32) {
        assert!(self.open.contains(&token), "{token} came back twice");
        self.published.insert(token, connection);
    }

    pub(super) fn arrived(&mut self, publish: &Publish, connection: u32) {
        let token = publish.payload.clone().get_u32();
        assert_eq!(publish.dup, self.published[&token] != connection, "DUP of {token}");
        let newest = self.received.last().copied();
        assert!(
            self.received.contains(&token) || newest.is_none_or(|newest| newest < token),
            "{token} came first after {newest:?}"
        );
        self.received.insert(token);
    }

    pub(super) fn acknowledged(&mut self, token: u32) {
        assert!(self.received.contains(&token), "{token} was acknowledged and never came");
        assert!(self.open.remove(&token), "{token} came back twice");
    }

    pub(super) fn abandoned(&mut self, token: u32) {
        assert!(self.open.remove(&token), "{token} came back twice");
    }
}
