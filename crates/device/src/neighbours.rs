//! Clients of one process that connect as the same device or module: one takes the other's place
//! ([`azmqtt_client::lasting::neighbours`]).
//!
//! A hub keeps only the newest connection of an identity (IoT Hub docs, "Use MQTT": a second connection with the same client
//! id ends the first).

use std::borrow::Cow;

use crate::commands::Command;
use crate::config::DeviceConfig;
use crate::shared::Shared;
use azmqtt_client::lasting::neighbours::{self, Neighbour};

/// The devices and modules of a process that are connected or want to be. Keeps none of them alive.
#[derive(Debug, Default)]
pub struct Neighbours(pub(crate) neighbours::Neighbours<Shared>);

/// A client's place among its neighbours.
pub(super) type Seat = neighbours::Seat<Shared>;

impl Neighbour for Shared {
    fn client_id(&self) -> Cow<'_, str> {
        self.config.identity.client_id().into()
    }

    fn has_session_of(&self, other: &Self) -> bool {
        is_same(&self.config, &other.config)
    }

    fn is_exclusive(&self) -> bool {
        self.config.exclusive
    }

    fn replace(&self) {
        // One that has ended needs no word.
        drop(self.commands.push(Command::Replaced, true));
    }
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
