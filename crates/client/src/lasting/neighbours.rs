//! Clients of one process that connect as the same client identifier.
//!
//! A server keeps only the newest connection of a client identifier ([MQTT-3.1.4-2] in MQTT 3.1.1, [MQTT-3.1.4-3] in MQTT 5).
//! Two clients that both reconnect would take it from each other for ever. So the one that was asked last to connect takes
//! the other's place when the server has accepted it, and the other one is closed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use azmqtt_net::sync::Mutex;

/// What handles and task of a client both see, as far as its neighbours are concerned.
pub trait Neighbour: Send + Sync + 'static {
    /// What the server knows the client by.
    fn client_id(&self) -> Cow<'_, str>;

    /// Whether a server has one session for both.
    fn has_session_of(&self, other: &Self) -> bool;

    /// Whether it is to be the only one of its session.
    fn is_exclusive(&self) -> bool;

    /// Tells it that a newer one has its place.
    fn replace(&self);
}

/// The clients of a process that are connected or want to be. Keeps none of them alive.
#[derive(Debug)]
pub struct Neighbours<S>(Mutex<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    /// By a hash of the client identifier.
    members: HashMap<u64, Vec<Member<S>>>,
    /// How many have come.
    turns: u64,
}

#[derive(Debug)]
struct Member<S> {
    /// A higher number was asked to connect later.
    turn: u64,
    /// The server has accepted it.
    accepted: bool,
    shared: Weak<S>,
}

impl<S> Default for Neighbours<S> {
    fn default() -> Self {
        Self(Mutex::new(Inner { members: HashMap::new(), turns: 0 }))
    }
}

impl<S: Neighbour> Neighbours<S> {
    /// Whether `client` takes the place of another one when it connects.
    pub fn has_rival(&self, client: &S) -> bool {
        let inner = self.0.lock();
        client.is_exclusive()
            && inner
                .beside(client)
                .any(|(_, other)| !std::ptr::eq(client, &raw const *other) && other.is_exclusive())
    }

    /// Adds a client that was asked to connect.
    pub fn enter(&'static self, shared: &Arc<S>) -> Seat<S> {
        let slot = slot(&**shared);
        let mut inner = self.0.lock();
        inner.turns += 1;
        let turn = inner.turns;
        let member = Member { turn, accepted: false, shared: Arc::downgrade(shared) };
        inner.members.entry(slot).or_insert_with(|| Vec::with_capacity(1)).push(member);
        Seat { neighbours: self, slot, turn }
    }
}

impl<S: Neighbour> Inner<S> {
    /// The members in the place of `client`, itself included.
    fn beside<'a>(&'a self, client: &'a S) -> impl Iterator<Item = (&'a Member<S>, Arc<S>)> {
        let members = self.members.get(&slot(client)).into_iter().flatten();
        members.filter_map(|member| {
            let shared = member.shared.upgrade()?;
            client.has_session_of(&shared).then_some((member, shared))
        })
    }
}

/// A client's place among its neighbours, until it rests or ends.
#[derive(Debug)]
pub struct Seat<S: 'static> {
    neighbours: &'static Neighbours<S>,
    slot: u64,
    turn: u64,
}

impl<S: Neighbour> Seat<S> {
    /// The server has accepted `client`, whose seat this is: older ones are told. False if a newer one was accepted before.
    pub fn accepted(&self, client: &S) -> bool {
        let mut inner = self.neighbours.0.lock();
        let members = inner.members.get_mut(&self.slot).into_iter().flatten();
        members.filter(|member| member.turn == self.turn).for_each(|member| member.accepted = true);
        let mut newest = true;
        for (member, other) in
            inner.beside(client).filter(|(_, other)| client.is_exclusive() && other.is_exclusive())
        {
            if member.turn < self.turn {
                other.replace();
            } else if member.turn > self.turn && member.accepted {
                newest = false;
            }
        }
        newest
    }

    /// Whether another client of the process is, or wants to be, in the same place.
    pub fn is_shared(&self, client: &S) -> bool {
        self.neighbours.0.lock().beside(client).any(|(member, _)| member.turn != self.turn)
    }

    /// Whether a newer client of the process is to have the place alone.
    pub fn is_claimed(&self, client: &S) -> bool {
        let inner = self.neighbours.0.lock();
        client.is_exclusive()
            && inner.beside(client).any(|(member, other)| member.turn > self.turn && other.is_exclusive())
    }
}

impl<S> Drop for Seat<S> {
    fn drop(&mut self) {
        let mut inner = self.neighbours.0.lock();
        if let Entry::Occupied(mut members) = inner.members.entry(self.slot) {
            members.get_mut().retain(|member| member.turn != self.turn);
            if members.get().is_empty() {
                members.remove();
            }
        }
    }
}

fn slot(client: &impl Neighbour) -> u64 {
    let mut hasher = DefaultHasher::new();
    client.client_id().hash(&mut hasher);
    hasher.finish()
}
