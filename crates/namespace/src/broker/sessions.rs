//! All sessions, by their keys, their client identifiers, and how many each authentication name has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::time::Instant;

use super::connection::Connection;
use super::session::{Link, Online, Session};
use crate::names::AuthenticationName;
use crate::routing::SessionKey;

#[derive(Debug, Default)]
pub struct Sessions {
    slots: Vec<Option<Box<Session>>>,
    free: Vec<u32>,
    by_client_id: HashMap<Arc<str>, SessionKey>,
    by_name: BTreeMap<AuthenticationName, Vec<SessionKey>>,
    /// When each of them is looked after, if it has said so.
    deadlines: BTreeSet<(Instant, SessionKey)>,
    connected: usize,
}

impl Sessions {
    pub fn len(&self) -> usize {
        self.by_client_id.len()
    }

    pub fn connected(&self) -> usize {
        self.connected
    }

    /// Counts a connection that began or ended.
    pub fn count(&mut self, begins: bool) {
        self.connected = if begins { self.connected + 1 } else { self.connected.saturating_sub(1) };
    }

    pub fn of_name(&self, name: &AuthenticationName) -> &[SessionKey] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The authentication names with sessions whose folded form comes after `after`, in order.
    pub fn names_after(&self, after: &str) -> impl Iterator<Item = &AuthenticationName> {
        self.by_name.range::<str, _>((Excluded(after), Unbounded)).map(|(name, _)| name)
    }

    pub fn find(&self, client_id: &str) -> Option<SessionKey> {
        self.by_client_id.get(client_id).copied()
    }

    #[inline]
    pub fn get(&self, key: SessionKey) -> Option<&Session> {
        self.slots.get(key.0 as usize)?.as_deref()
    }

    #[inline]
    pub fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.slots.get_mut(key.0 as usize)?.as_deref_mut()
    }

    /// The session of a connection that is not over.
    pub fn of(&mut self, connection: Connection) -> Option<&mut Session> {
        let session = self.get_mut(connection.session)?;
        match &session.link {
            Link::Online(online) if online.number == connection.number => Some(session),
            _ => None,
        }
    }

    /// A connection that is not over.
    pub fn online(&mut self, connection: Connection) -> Option<&mut Online> {
        self.of(connection)?.online()
    }

    pub fn insert(&mut self, session: Session) -> SessionKey {
        let (client_id, name) = (session.client_id.clone(), session.identity.principal.name.clone());
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // Their number is limited.
            (self.slots.len() - 1) as u32
        });
        self.slots[index as usize] = Some(Box::new(session));
        let key = SessionKey(index);
        self.by_client_id.insert(client_id, key);
        self.by_name.entry(name).or_default().push(key);
        key
    }

    pub fn remove(&mut self, key: SessionKey) -> Option<Box<Session>> {
        let session = self.slots.get_mut(key.0 as usize)?.take()?;
        self.free.push(key.0);
        self.by_client_id.remove(&session.client_id);
        if let Some(deadline) = session.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        let name = &session.identity.principal.name;
        if let Some(keys) = self.by_name.get_mut(name) {
            keys.retain(|known| *known != key);
            if keys.is_empty() {
                self.by_name.remove(name);
            }
        }
        Some(session)
    }

    pub fn keys(&self) -> Vec<SessionKey> {
        self.by_client_id.values().copied().collect()
    }

    /// Notes when the session is to be looked after.
    pub fn schedule(&mut self, key: SessionKey) {
        let Some(session) = self.slots.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else { return };
        let next = [session.will_at, session.expires()].into_iter().flatten().min();
        if next == session.deadline {
            return;
        }
        if let Some(old) = std::mem::replace(&mut session.deadline, next) {
            self.deadlines.remove(&(old, key));
        }
        self.deadlines.extend(next.map(|next| (next, key)));
    }

    /// The session that is looked after next, and when.
    pub fn next_due(&self) -> Option<(Instant, SessionKey)> {
        self.deadlines.first().copied()
    }
}
