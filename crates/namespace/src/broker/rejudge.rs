//! A change of the resources, and what it does to those who are connected: whoever lost the right to one of its
//! subscriptions is disconnected, and so is a client that is disabled or deleted. Publishing is judged at the next message.

use std::time::Instant;

use super::outcome::End;
use super::state::Broker;
use crate::access::Access;
use crate::life_cycle::Happened;
use crate::names::{AuthenticationName, ClientName};
use crate::principal::Standing;
use crate::resources::{Client, Directory, ResourceError};
use crate::routing::SessionKey;
use crate::topic::{Levels, RequestedFilter};

impl Broker {
    /// Changes client groups, topic spaces or permission bindings.
    pub fn change<R>(&mut self, now: Instant, change: impl FnOnce(&mut Directory) -> R) -> R {
        let changed = change(&mut self.directory);
        self.changed(now);
        changed
    }

    /// Makes a client, or changes the one of its name. Whether it is new.
    pub fn put_client(&mut self, client: Client, now: Instant) -> Result<bool, ResourceError> {
        let name = client.principal.name.clone();
        let happened = Happened::ClientCreatedOrUpdated {
            client: client.name.clone(),
            authentication_name: name.clone(),
            is_enabled: client.is_enabled,
            attributes: client.principal.attributes.clone(),
        };
        let is_new = self.directory.put_client(client)?;
        self.life_cycle.note(happened, now);
        self.client_changed(&name, now);
        Ok(is_new)
    }

    /// Deletes a client. Whether there was one. Its sessions stay until they expire, and are nobody else's.
    pub fn delete_client(&mut self, name: &ClientName, now: Instant) -> bool {
        let Some(client) = self.directory.client(name) else { return false };
        let authentication_name = client.principal.name.clone();
        self.directory.delete_client(name);
        let (client, authentication_name) = (name.clone(), authentication_name);
        let happened = Happened::ClientDeleted { client, authentication_name: authentication_name.clone() };
        self.life_cycle.note(happened, now);
        self.client_changed(&authentication_name, now);
        true
    }

    /// One client alone changes for those who use its name.
    fn client_changed(&mut self, name: &AuthenticationName, now: Instant) {
        if !self.propagation.is_zero() {
            return self.changed(now);
        }
        for key in self.sessions.of_name(name).to_vec() {
            self.rejudge(key, now);
        }
        self.publish_due_wills(now);
    }

    fn changed(&mut self, now: Instant) {
        if self.propagation.is_zero() {
            self.apply_changes(now);
        } else {
            self.changes_at.get_or_insert(now + self.propagation);
        }
    }

    /// Judges everybody by the resources as they are now.
    pub(super) fn apply_changes(&mut self, now: Instant) {
        self.changes_at = None;
        self.access = Access::new(&self.directory);
        for key in self.sessions.keys() {
            self.rejudge(key, now);
        }
        self.publish_due_wills(now);
    }

    /// Judges the rights of one session anew.
    pub(super) fn rejudge(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.identity.standing == Standing::Resource {
            match self.directory.client_of(&session.identity.principal.name) {
                Some(client) if client.is_enabled => session.identity.principal = client.principal.clone(),
                _ => return self.end_session(key, End::Unauthenticated, now),
            }
        }
        let principal = session.identity.principal.clone();
        let rights = self.access.rights_of(&principal, session.identity.standing);
        let may = |filter: &str| {
            let levels = RequestedFilter::parse(filter).and_then(|asked| Levels::of_filter(asked.filter));
            levels.is_ok_and(|levels| rights.may_subscribe(&principal, &levels))
        };
        let (kept, lost) = std::mem::take(&mut session.filters).into_iter().partition(|filter| may(filter));
        session.filters = kept;
        session.cache.clear();
        session.rights = rights;
        let lost: Vec<Box<str>> = lost;
        let lost_some = !lost.is_empty();
        for filter in lost {
            self.unsubscribe_all_of(&filter, key);
            self.record_unsubscribed(key, filter);
        }
        if lost_some {
            self.end_session(key, End::Unauthorized, now);
        }
    }
}
