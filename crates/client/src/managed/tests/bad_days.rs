//! Brokers that disconnect for any reason, or break the protocol.

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;

use super::support::{Peer, client, connect, connected, message, publish, until};
use crate::changes::StateChanges;
use crate::managed::Error;
use crate::watch::State;
use azmqtt_mqtt::{ConnAck, Disconnect, Level, Packet, PropertiesBuilder, ReasonCode};

#[tokio::test]
async fn a_client_that_is_taken_over_does_not_fight() {
    let (client, peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
    let changes = StateChanges::of(client.state_changes());
    let sent = publish(&client, message("t", "x"));
    line.message().await;
    line.write(Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver))).await;
    assert_eq!(sent.get().await, Err(Error::TakenOver));
    until(&changes, State::Disconnected).await;
    // Operations do not connect by themselves any more.
    assert_eq!(publish(&client, message("t", "x")).get().await, Err(Error::TakenOver));
    let connected = connect(&client);
    let _line = peer.connected(true).await;
    assert_eq!(connected.get().await, Ok(()));
    assert_eq!(client.stats().connects, 2);
}

#[tokio::test]
async fn where_the_broker_moved_to_is_told() {
    for code in [ReasonCode::UseAnotherServer, ReasonCode::ServerMoved] {
        let (client, _peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
        let sent = publish(&client, message("t", "x"));
        line.message().await;
        let properties = PropertiesBuilder::new().server_reference("b.example").build().unwrap();
        line.write(Packet::Disconnect(Disconnect { reason: code, properties })).await;
        let moved = Error::ServerMoved { code, reference: Some("b.example".to_owned()) };
        assert_eq!(sent.get().await, Err(moved));
    }
    let (peer, config) = Peer::new(Level::Mqtt5).await;
    let client = client(config);
    let connected = connect(&client);
    let (mut line, _) = peer.accept().await;
    let properties = PropertiesBuilder::new().server_reference("b.example").build().unwrap();
    let refusal = ConnAck::new(ReasonCode::ServerMoved, false);
    line.write(Packet::ConnAck(ConnAck { properties, ..refusal })).await;
    let moved = Error::ServerMoved { code: ReasonCode::ServerMoved, reference: Some("b.example".to_owned()) };
    assert_eq!(connected.get().await, Err(moved));
}

/// The codes that a server may send in DISCONNECT (MQTT 5 §3.14.2.1).
const DISCONNECTS: [u8; 25] = [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    0x99, 0x9A, 0x9B, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];

#[tokio::test]
async fn every_other_disconnect_is_followed_by_another_connection() {
    let (client, peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
    let changes = StateChanges::of(client.state_changes());
    let sent = publish(&client, message("t", "x"));
    line.message().await;
    for code in DISCONNECTS {
        let code = ReasonCode::from_byte(code).unwrap();
        line.write(Packet::Disconnect(Disconnect::new(code))).await;
        let reason = until(&changes, State::Reconnecting).await.reason.unwrap();
        assert!(reason.contains(&code.to_string()), "{code}: {reason}");
        line = peer.connected(true).await;
        assert!(line.message().await.dup);
    }
    line.puback(1).await;
    assert!(sent.get().await.is_ok(), "the message survives them all");
}

#[tokio::test]
async fn a_broken_rule_ends_the_connection_with_its_code() {
    let cases: [(&str, &[u8], ReasonCode); 6] = [
        ("topic alias 0", b"\x30\x07\x00\x01t\x03\x23\x00\x00", ReasonCode::TopicAliasInvalid),
        ("unknown topic alias", b"\x30\x06\x00\x00\x03\x23\x00\x05", ReasonCode::ProtocolError),
        ("topic alias over the maximum", b"\x30\x07\x00\x01t\x03\x23\x01\x00", ReasonCode::TopicAliasInvalid),
        ("a property twice", b"\x30\x08\x00\x01t\x04\x01\x00\x01\x00", ReasonCode::ProtocolError),
        ("a property of another packet", b"\x30\x06\x00\x01t\x02\x24\x01", ReasonCode::ProtocolError),
        ("a packet too large", b"\x30\xff\xff\xff\x7f", ReasonCode::PacketTooLarge),
    ];
    for (name, bytes, expected) in cases {
        let (client, peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
        let sent = publish(&client, message("t", "x"));
        let first = line.message().await;
        line.stream.write_all(&BytesMut::from(bytes)).await.unwrap();
        let packets = line.rest().await;
        let Some(Packet::Disconnect(disconnect)) = packets.last() else {
            panic!("{name}: no DISCONNECT: {packets:?}")
        };
        if name != "unknown topic alias" && expected != ReasonCode::ProtocolError {
            assert_eq!(disconnect.reason, expected, "{name}");
        }
        assert!(disconnect.reason.is_error(), "{name}");
        let mut line = peer.connected(true).await;
        assert_eq!((line.message().await.payload, name), (first.payload, name));
        line.puback(first.packet_id).await;
        assert!(sent.get().await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_is_a_lie() {
    let (peer, mut config) = Peer::new(Level::Mqtt5).await;
    config.clean_start = true;
    let client = client(config);
    let connected = connect(&client);
    let _line = peer.connected(true).await;
    let Err(Error::ConnectionFailed { reason, .. }) = connected.get().await else { panic!("it is believed") };
    assert!(reason.contains("session present"), "{reason}");
}
