//! What a test may look at, over real sockets.

use azmqtt_local::packets::{Content, PacketRecording};
use azmqtt_mqtt::{Level, Packet, PropertiesBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::bad_days::{connect_packet, read, shaken, shaken_on, tls, write};
use super::support::*;
use crate::NamespaceConfig;

fn recording() -> World {
    World::with(NamespaceConfig { packets: PacketRecording::ON, ..config() })
}

#[tokio::test]
async fn packets_are_recorded_without_secrets() {
    let world = recording();
    let mut stream = shaken(&world, "secretive").await;
    let Packet::Connect(mut connect) = connect_packet("secretive") else { unreachable!() };
    assert_eq!(connect.level, Level::Mqtt5);
    connect.set_login("user", b"hunter2".to_vec());
    let properties =
        PropertiesBuilder::new().authentication_method("CUSTOM-JWT").authentication_data(b"hunter2");
    connect.properties = properties.build().unwrap();
    write(&mut stream, &Packet::Connect(connect)).await.unwrap();
    let answer = read(&mut stream, &mut bytes::BytesMut::new()).await;
    assert!(matches!(answer, Some(Packet::ConnAck(_))), "{answer:?}");
    drop(stream);
    let mut seen = 0;
    until(|| {
        seen = world.namespace.packets(Some("secretive"), 0).unwrap().len();
        seen >= 3
    })
    .await;
    let records = world.namespace.packets(Some("secretive"), 0).unwrap();
    let kinds: Vec<&str> = records.iter().map(|record| record.content.kind()).collect();
    assert_eq!((kinds[0], kinds[1], kinds.last()), ("CONNECT", "CONNACK", Some(&"CLOSED")));
    assert!(matches!(records[0].content, Content::Connect { has_password: true, .. }));
    assert!(!format!("{records:?}").contains("hunter2"));
}

#[tokio::test]
async fn nothing_is_recorded_unless_it_is_asked_for() {
    let world = World::new();
    connect(&world.client("a")).await.unwrap();
    assert!(world.namespace.packets(None, 0).is_none());
}

#[tokio::test]
async fn web_pages_of_elsewhere_open_no_websocket() {
    let allowed = vec!["https://example.com".to_owned()];
    let world = World::with(NamespaceConfig { allowed_origins: allowed, ..config() });
    for (origin, status) in
        [("https://evil.example", "403"), ("https://example.com", "101"), ("http://localhost:3000", "101")]
    {
        let mut stream = shaken_on(&world, "a", world.namespace.https_port()).await;
        let request = format!(
            "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head[9..], status.as_bytes(), "{origin}");
    }
    assert!(world.namespace.last_refusal().unwrap().contains("origin"));
}

#[tokio::test]
async fn a_refusal_names_nobody_if_the_client_gives_no_name() {
    let world = World::new();
    for name in ["", "stranger"] {
        let mut stream = tls(&world, world.namespace.port(), None).await;
        write(&mut stream, &connect_packet(name)).await.unwrap();
        let answer = read(&mut stream, &mut bytes::BytesMut::new()).await;
        assert!(matches!(&answer, Some(Packet::ConnAck(connack)) if connack.reason.is_error()), "{answer:?}");
    }
    assert_eq!(refused_clients(&world), [Value::Null, "stranger".into()]);
}
