//! Two clients of one client identifier in one process.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Handle;

use super::support::{Peer, connect, message, publish, until};
use crate::changes::StateChanges;
use crate::managed::{Client, Config, Error, Neighbours};
use crate::watch::{Event, Log, State};
use azmqtt_mqtt::{Disconnect, Level, Packet, ReasonCode};

/// Clients of the tests of this file: each has a port of its own.
fn all() -> &'static Neighbours {
    static ALL: LazyLock<Neighbours> = LazyLock::new(Neighbours::default);
    &ALL
}

fn client(config: Config) -> Client {
    Client::among(config, Handle::current, all)
}

fn replaced() -> Error {
    Error::Replaced { client_id: "test".to_owned() }
}

#[tokio::test]
async fn the_newer_client_takes_the_place_when_the_broker_has_accepted_it() {
    for level in [Level::Mqtt311, Level::Mqtt5] {
        let (peer, config) = Peer::new(level).await;
        let (first, second) = (client(config.clone()), client(config));
        assert!(!second.takes_a_place());
        let connected = connect(&first);
        let mut old = peer.connected(false).await;
        connected.get().await.unwrap();
        let changes = StateChanges::of(first.state_changes());
        let sent = publish(&first, message("t", "x"));
        old.message().await;
        assert!(second.takes_a_place());
        let connected = connect(&second);
        let (mut new, _) = peer.accept().await;
        assert_eq!(first.state(), State::Connected);
        new.accept(false).await;
        connected.get().await.unwrap();
        let closed = until(&changes, State::Closed).await;
        assert_eq!(closed.reason.unwrap(), "another client of this process has connected as test");
        assert_eq!(sent.get().await, Err(replaced()));
        assert_eq!(publish(&first, message("t", "x")).get().await, Err(replaced()));
        assert_eq!(second.state(), State::Connected);
    }
}

#[tokio::test]
async fn a_session_that_is_taken_over_before_the_newer_is_accepted_is_the_newers() {
    let (peer, config) = Peer::new(Level::Mqtt5).await;
    let (first, second) = (client(config.clone()), client(config));
    let connected = connect(&first);
    let mut old = peer.connected(false).await;
    connected.get().await.unwrap();
    let changes = StateChanges::of(first.state_changes());
    let connected = connect(&second);
    let (mut new, _) = peer.accept().await;
    old.write(Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver))).await;
    until(&changes, State::Closed).await;
    assert_eq!(first.closed(), replaced());
    new.accept(true).await;
    connected.get().await.unwrap();
}

/// Mosquitto 2.0.11 and servers of MQTT 3.1.1 close the older connection without a word, before they accept the newer one.
#[tokio::test]
async fn a_client_whose_place_is_claimed_does_not_take_it_back() {
    for level in [Level::Mqtt311, Level::Mqtt5] {
        let (peer, config) = Peer::new(level).await;
        let (first, second) = (client(config.clone()), client(config));
        let log = Arc::new(Log::default());
        first.log_to(&log, "first".into());
        let connected = connect(&first);
        let old = peer.connected(false).await;
        connected.get().await.unwrap();
        let changes = StateChanges::of(first.state_changes());
        let connected = connect(&second);
        let (mut new, _) = peer.accept().await;
        drop(old);
        until(&changes, State::Reconnecting).await;
        new.accept(true).await;
        connected.get().await.unwrap();
        until(&changes, State::Closed).await;
        let entries = log.entries().take(usize::MAX);
        let waits = entries.iter().filter_map(|entry| match entry.event {
            Event::Retry { after, .. } => Some(after),
            _ => None,
        });
        // Without the claim it waits for at most 5 ms here.
        assert_eq!(waits.collect::<Vec<_>>(), [Duration::from_secs(1)]);
    }
}

#[tokio::test]
async fn a_newer_client_that_is_refused_closes_nothing() {
    let (peer, config) = Peer::new(Level::Mqtt5).await;
    let (first, second) = (client(config.clone()), client(config));
    let connected = connect(&first);
    let mut old = peer.connected(false).await;
    connected.get().await.unwrap();
    let connected = connect(&second);
    let (mut new, _) = peer.accept().await;
    new.refuse(ReasonCode::NotAuthorized).await;
    assert!(matches!(connected.get().await, Err(Error::AuthenticationFailed { .. })));
    let sent = publish(&first, message("t", "x"));
    let packet_id = old.message().await.packet_id;
    old.puback(packet_id).await;
    sent.get().await.unwrap();
    assert!(second.takes_a_place());
}

#[tokio::test]
async fn clients_that_are_not_exclusive_or_have_no_identifier_are_left_alone() {
    let (peer, config) = Peer::new(Level::Mqtt5).await;
    let shared = Config { exclusive: false, ..config.clone() };
    let nameless = Config { client_id: String::new(), ..config.clone() };
    for (one, other) in [(config, shared), (nameless.clone(), nameless)] {
        let (first, second) = (client(one), client(other));
        let connected = connect(&first);
        let _old = peer.connected(false).await;
        connected.get().await.unwrap();
        assert!(!second.takes_a_place());
        let connected = connect(&second);
        let _new = peer.connected(false).await;
        connected.get().await.unwrap();
        assert_eq!((first.state(), second.state()), (State::Connected, State::Connected));
    }
}
