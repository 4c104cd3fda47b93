//! Clients of one process that connect as the same client identifier: one takes the other's place
//! ([`crate::lasting::neighbours`]).

use std::borrow::Cow;

use super::commands::Command;
use super::shared::Shared;
use crate::lasting::neighbours::{self, Neighbour};

/// The clients of a process that are connected or want to be. Keeps none of them alive.
#[derive(Debug, Default)]
pub struct Neighbours(pub(super) neighbours::Neighbours<Shared>);

/// A client's place among its neighbours.
pub(super) type Seat = neighbours::Seat<Shared>;

impl Neighbour for Shared {
    fn client_id(&self) -> Cow<'_, str> {
        self.config.client_id.as_str().into()
    }

    /// Names of hosts know no case (RFC 4343).
    fn has_session_of(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.config.broker.endpoint(), other.config.broker.endpoint());
        self.config.client_id == other.config.client_id
            && ours.host.eq_ignore_ascii_case(&theirs.host)
            && ours.port == theirs.port
    }

    fn is_exclusive(&self) -> bool {
        self.config.exclusive
    }

    fn replace(&self) {
        // One that has ended needs no word.
        drop(self.commands.push(Command::Replaced, true));
    }
}
