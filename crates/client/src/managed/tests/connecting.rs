//! Connections: made when they are wanted, made again, and given up.

use std::time::Duration;

use super::support::{Peer, ask, client, connect, message, publish, until};
use crate::changes::StateChanges;
use crate::managed::Error;
use crate::watch::State;
use azmqtt_mqtt::{ConnAck, Level, Packet, ReasonCode};
use azmqtt_net::Step;

#[tokio::test]
async fn the_first_operation_connects() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    assert_eq!(client.state(), State::Disconnected);
    let sent = publish(&client, message("t", "x"));
    let (mut line, packet) = peer.accept().await;
    assert_eq!((packet.client_id.as_str(), packet.keep_alive, packet.clean_start), ("test", 60, false));
    line.write(Packet::ConnAck(ConnAck::new(ReasonCode::Success, false))).await;
    let got = line.message().await;
    line.puback(got.packet_id).await;
    assert_eq!(sent.get().await.unwrap().code, ReasonCode::Success);
    assert_eq!(connect(&client).get().await, Ok(()));
    assert_eq!(client.stats().connects, 1);
}

#[tokio::test]
async fn without_auto_connect_operations_wait_for_nobody() {
    let (peer, mut config) = Peer::new(Level::Mqtt311).await;
    config.auto_connect = false;
    let client = client(config);
    let refused = publish(&client, message("t", "x")).get().await;
    assert!(matches!(refused, Err(Error::ConnectionFailed { step: Step::Mqtt, .. })), "{refused:?}");
    assert_eq!(client.stats().outstanding, 0);
    let connected = connect(&client);
    let mut line = peer.connected(false).await;
    assert_eq!(connected.get().await, Ok(()));
    let sent = publish(&client, message("t", "x"));
    let id = line.message().await.packet_id;
    line.puback(id).await;
    assert!(sent.get().await.is_ok());
}

#[tokio::test]
async fn the_first_attempt_fails_fast_and_says_where() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    drop(peer);
    let failed = connect(&client(config)).get().await;
    assert!(matches!(failed, Err(Error::ConnectionFailed { step: Step::Tcp, .. })), "{failed:?}");
}

#[tokio::test]
async fn refused_credentials_are_an_error_of_their_own() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let (connected, sent) = (connect(&client), publish(&client, message("t", "x")));
    let (mut line, _) = peer.accept().await;
    line.write(Packet::ConnAck(ConnAck::new(ReasonCode::NotAuthorized, false))).await;
    for failed in [connected.get().await, sent.get().await.map(|_| ())] {
        let Err(Error::AuthenticationFailed { code, reason }) = failed else { panic!("{failed:?}") };
        assert_eq!(code, Some(ReasonCode::NotAuthorized));
        assert!(reason.contains("Not authorized (0x87)"), "{reason}");
    }
    assert_eq!(client.state(), State::Disconnected);
}

#[tokio::test]
async fn a_lost_connection_comes_back_and_what_was_under_way_with_it() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let changes = StateChanges::of(client.state_changes());
    let sent = publish(&client, message("t", "x"));
    let mut line = peer.connected(false).await;
    assert!(!line.message().await.dup);
    drop(line);
    let mut line = peer.connected(true).await;
    let again = line.message().await;
    assert!(again.dup);
    line.puback(again.packet_id).await;
    assert!(sent.get().await.is_ok());
    assert_eq!(until(&changes, State::Reconnecting).await.previous, State::Connected);
    assert_eq!(until(&changes, State::Connected).await.previous, State::Reconnecting);
    let stats = client.stats();
    assert_eq!((stats.connections_lost, stats.reconnects, stats.messages_resent), (1, 1, 1));
}

#[tokio::test]
async fn an_operation_ends_in_its_time_and_says_what_it_waited_for() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let late = ask(|reply| client.publish(message("t", "x"), Duration::from_millis(50), reply));
    let (_line, _) = peer.accept().await;
    let Err(Error::Timeout { operation, known, .. }) = late.get().await else { panic!("no timeout") };
    assert_eq!(operation, "publish");
    assert!(known.unwrap().contains("the answer to CONNECT"), "it says what is awaited");
    assert_eq!(client.stats().outstanding, 0);
}

#[tokio::test]
async fn the_session_goes_with_every_connection_but_the_first() {
    let (peer, mut config) = Peer::new(Level::Mqtt311).await;
    config.clean_start = true;
    let client = client(config);
    let connected = connect(&client);
    let (mut line, first) = peer.accept().await;
    assert!(first.clean_start);
    line.write(Packet::ConnAck(ConnAck::new(ReasonCode::Success, false))).await;
    connected.get().await.unwrap();
    drop(line);
    let (_, second) = peer.accept().await;
    assert!(!second.clean_start);
}

#[tokio::test]
async fn a_silent_broker_is_left_for_another_connection() {
    let (peer, mut config) = Peer::new(Level::Mqtt311).await;
    config.deadlines.connack = Duration::from_millis(50);
    config.retry.first_connect = true;
    let client = client(config);
    let connected = connect(&client);
    let (_silent, _) = peer.accept().await;
    let _line = peer.connected(false).await;
    assert_eq!(connected.get().await, Ok(()));
}
