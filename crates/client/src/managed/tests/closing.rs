//! The end of a client.

use std::time::Duration;

use super::support::{LONG, Peer, ask, client, connect, message, publish, subscribe, until};
use crate::changes::StateChanges;
use crate::managed::Error;
use crate::watch::State;
use azmqtt_mqtt::{Level, Packet};

#[tokio::test]
async fn what_was_accepted_leaves_before_the_disconnect() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let sent = publish(&client, message("t", "x"));
    let mut line = peer.connected(false).await;
    let closed = ask(|reply| client.close(LONG, reply));
    let got = line.message().await;
    line.puback(got.packet_id).await;
    assert!(matches!(line.read().await, Packet::Disconnect(_)));
    assert!(sent.get().await.is_ok());
    assert_eq!(closed.get().await, Ok(0));
    assert_eq!(client.state(), State::Closed);
    assert_eq!(publish(&client, message("t", "x")).get().await, Err(Error::Closed));
    assert_eq!(ask(|reply| client.close(LONG, reply)).get().await, Ok(0));
}

#[tokio::test]
async fn what_does_not_make_it_is_counted_and_told() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let sent = [publish(&client, message("t", "1")), publish(&client, message("t", "2"))];
    let mut line = peer.connected(false).await;
    line.message().await;
    let closed = ask(|reply| client.close(Duration::from_millis(50), reply));
    assert_eq!(closed.get().await, Ok(2));
    for sent in sent {
        assert_eq!(sent.get().await, Err(Error::Closed));
    }
}

#[tokio::test]
async fn a_client_that_was_never_used_has_nothing_to_close() {
    let (_peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let changes = StateChanges::of(client.state_changes());
    assert_eq!(ask(|reply| client.close(LONG, reply)).get().await, Ok(0));
    assert_eq!(until(&changes, State::Closed).await.previous, State::Disconnected);
    assert_eq!(subscribe(&client, "a").get().await, Err(Error::Closed));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_connection() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let connected = connect(&client);
    let mut line = peer.connected(false).await;
    connected.get().await.unwrap();
    let receiver = client.receiver(None).unwrap();
    drop(client);
    drop(receiver);
    assert!(matches!(line.rest().await[..], [Packet::Disconnect(_)]));
}
