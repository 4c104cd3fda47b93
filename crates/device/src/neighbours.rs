//! Clients of one process that connect as the same device or module.
//!
//! A hub keeps only the newest connection of an identity (IoT Hub docs, "Use MQTT": a second connection with the same client
//! id ends the first). Two clients that both reconnect would take it from each other for ever. So the one that was asked
//! last to connect takes the other's place when the hub has accepted it, and the other one is closed.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use crate::commands::Command;
use crate::config::DeviceConfig;
use crate::shared::Shared;
use azmqtt_net::sync::Mutex;

/// The clients of a process that are connected or want to be. Keeps none of them alive.
#[derive(Debug, Default)]
pub struct Neighbours(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By a hash of the identity.
    members: HashMap<u64, Vec<Member>>,
    /// How many have come.
    turns: u64,
}

#[derive(Debug)]
struct Member {
    /// A higher number was asked to connect later.
    turn: u64,
    /// The hub has accepted it.
    accepted: bool,
    shared: Weak<Shared>,
}

impl Neighbours {
    /// Whether `client` takes the place of another one when it connects.
    pub(super) fn has_rival(&self, client: &Shared) -> bool {
        let inner = self.0.lock();
        client.config.exclusive
            && inner
                .of(&client.config)
                .any(|(_, other)| !std::ptr::eq(client, &raw const *other) && other.config.exclusive)
    }

    /// Adds a client that was asked to connect.
    pub(super) fn enter(&'static self, shared: &Arc<Shared>) -> Seat {
        let slot = slot(&shared.config);
        let mut inner = self.0.lock();
        inner.turns += 1;
        let turn = inner.turns;
        let member = Member { turn, accepted: false, shared: Arc::downgrade(shared) };
        inner.members.entry(slot).or_insert_with(|| Vec::with_capacity(1)).push(member);
        Seat { neighbours: self, slot, turn }
    }
}

impl Inner {
    /// The members that connect to the hub of `config` as the same identity.
    fn of<'a>(&'a self, config: &'a DeviceConfig) -> impl Iterator<Item = (&'a Member, Arc<Shared>)> {
        let members = self.members.get(&slot(config)).into_iter().flatten();
        members.filter_map(|member| {
            let shared = member.shared.upgrade()?;
            is_same(config, &shared.config).then_some((member, shared))
        })
    }
}

/// A client's place among its neighbours, until it rests or ends.
#[derive(Debug)]
pub(super) struct Seat {
    neighbours: &'static Neighbours,
    slot: u64,
    turn: u64,
}

impl Seat {
    /// The hub has accepted this client: older ones are told. False if a newer one was accepted before.
    pub(super) fn accepted(&self, config: &DeviceConfig) -> bool {
        let mut inner = self.neighbours.0.lock();
        let members = inner.members.get_mut(&self.slot).into_iter().flatten();
        members.filter(|member| member.turn == self.turn).for_each(|member| member.accepted = true);
        let mut newest = true;
        for (member, other) in
            inner.of(config).filter(|(_, other)| config.exclusive && other.config.exclusive)
        {
            if member.turn < self.turn {
                // One that has ended needs no word.
                drop(other.commands.push(Command::Replaced, true));
            } else if member.turn > self.turn && member.accepted {
                newest = false;
            }
        }
        newest
    }

    /// Whether another client of the process is, or wants to be, in the same place.
    pub(super) fn is_shared(&self, config: &DeviceConfig) -> bool {
        self.neighbours.0.lock().of(config).any(|(member, _)| member.turn != self.turn)
    }
}

impl Drop for Seat {
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

fn slot(config: &DeviceConfig) -> u64 {
    let mut hasher = DefaultHasher::new();
    config.identity.device_id.hash(&mut hasher);
    config.identity.module_id.hash(&mut hasher);
    hasher.finish()
}

/// Whether two clients would have the same session of the same hub. Names of hosts know no case (RFC 4343).
fn is_same(one: &DeviceConfig, other: &DeviceConfig) -> bool {
    one.identity.device_id == other.identity.device_id
        && one.identity.module_id == other.identity.module_id
        && one.identity.host_name.eq_ignore_ascii_case(&other.identity.host_name)
        && one.endpoint.host.eq_ignore_ascii_case(&other.endpoint.host)
        && match (one.endpoint.websocket, other.endpoint.websocket) {
            // WebSockets have the port of HTTPS.
            (true, false) => one.endpoint.port == other.https_port,
            (false, true) => one.https_port == other.endpoint.port,
            _ => one.endpoint.port == other.endpoint.port,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credentials, Endpoint};
    use azmqtt_dialect::{Identity, SymmetricKey};

    fn config(host: &str, module: Option<&str>, port: u16, websocket: bool) -> DeviceConfig {
        let identity = Identity::new(host, "d", module).unwrap();
        let key = SymmetricKey::from_base64("a2V5").unwrap();
        let config = DeviceConfig::new(identity, Credentials::key(key));
        let endpoint = Endpoint { port, websocket, ..config.endpoint.clone() };
        DeviceConfig { endpoint, ..config }
    }

    #[test]
    fn the_same_session_is_known_by_host_port_and_ids() {
        let one = config("hub.example", None, 8883, false);
        assert!(is_same(&one, &config("HUB.Example", None, 8883, false)));
        assert!(is_same(&one, &config("hub.example", None, 443, true)));
        assert!(is_same(&config("hub.example", None, 443, true), &one));
        assert!(!is_same(&one, &config("hub.example", None, 8884, false)));
        assert!(!is_same(&one, &config("hub.example", None, 8883, true)));
        assert!(!is_same(&one, &config("other.example", None, 8883, false)));
        assert!(!is_same(&one, &config("hub.example", Some("m"), 8883, false)));
        let mut behind_a_gateway = config("hub.example", None, 8883, false);
        behind_a_gateway.endpoint.host = "gateway.example".to_owned();
        assert!(!is_same(&one, &behind_a_gateway));
    }
}
