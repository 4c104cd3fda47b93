//! MQTT over WebSockets, by clients that break the rules.

use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::{LARGEST_PACKET, Packet, Publish, QoS, Subscribe, Version};
use azmqtt_net::websocket::{Role, WebSocketBytes};
use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::tests::bad_days::{connect_packet, shaken_on};

/// A correct request for the upgrade; its key is the RFC's example.
const UPGRADE: &str = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: mqtt\r\n\r\n";

/// The head of the answer to a request of `name`, and the stream behind it.
async fn ask(world: &World, name: &str, request: &str) -> (String, TlsStream<TcpStream>) {
    let mut stream = shaken_on(world, name, world.namespace.https_port()).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
    };
    timeout(LONG, reading).await.expect("an answer in time");
    (String::from_utf8(head).unwrap(), stream)
}

/// A WebSocket, and nothing sent on it.
async fn upgraded(world: &World, name: &str) -> TlsStream<TcpStream> {
    let (head, stream) = ask(world, name, UPGRADE).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

#[tokio::test]
async fn requests_that_break_a_rule_are_refused() {
    let world = patient();
    let mut honest = Honest::at(&world).await;
    let large = format!("X: {}\r\nHost", "x".repeat(20_000));
    let many = format!("{}Host", "X: y\r\n".repeat(2000));
    for (status, old, new) in [
        ("400", "GET", "POST"),
        ("400", "HTTP/1.1", "HTTP/1.0"),
        ("400", "Host: localhost\r\n", ""),
        ("426", "Upgrade: WebSocket", "Upgrade: h2c"),
        ("426", "Version: 13", "Version: 8"),
        ("400", "dGhlIHNhbXBsZSBub25jZQ==", "not base64 at all"),
        ("400", "Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: amqp"),
        ("403", "Host: localhost", "Host: localhost\r\nOrigin: https://evil.example"),
        ("431", "Host", &large),
        ("431", "Host", &many),
    ] {
        let request = UPGRADE.replacen(old, new, 1);
        assert_ne!(request, UPGRADE, "{old}");
        let (head, mut stream) = ask(&world, "rude", &request).await;
        assert_eq!(head.split(' ').nth(1), Some(status), "{new:.60}: {head}");
        assert!(ends(&mut stream).await);
        honest.works().await;
    }
}

#[tokio::test]
async fn frames_that_break_a_rule_end_the_connection() {
    let world = patient();
    let mut honest = Honest::at(&world).await;
    // A ping of more than 125 bytes [RFC 6455 §5.5].
    let mut long_ping = vec![0x89, 0xFE, 0, 126];
    long_ping.resize(8 + 126, 0);
    for frame in [
        &long_ping[..],
        &[0x82, 0xFF, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4], // 2 GiB
        &[0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4],
        &[0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 1, 1, 2, 3, 4], // a byte more than 1 MiB
        &[0x82, 2, 0x10, 0],                                  // not masked [RFC 6455 §5.1]
        &[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'],                // text
        &[0xC2, 0x80, 0, 0, 0, 0],                            // a reserved bit
        &[0x83, 0x80, 0, 0, 0, 0],                            // an opcode nobody knows
        &[0x80, 0x80, 0, 0, 0, 0],                            // the rest of nothing
        &[0x88, 0x81, 0, 0, 0, 0, 0],                         // a close with half a code
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = upgraded(&world, "rude").await;
        stream.write_all(frame).await.unwrap();
        assert!(ends(&mut stream).await, "{frame:?}");
        honest.works().await;
    }
}

#[tokio::test]
async fn fragments_without_end_count_together() {
    let world = patient();
    let mut honest = Honest::at(&world).await;
    let mut connect = BytesMut::new();
    codec::encode(&connect_packet("rude"), Version::Mqtt5, &mut connect, LARGEST_PACKET).unwrap();
    for is_known in [false, true] {
        let mut stream = upgraded(&world, "rude").await;
        if is_known {
            stream.write_all(&[0x82, 0x80 | connect.len() as u8, 0, 0, 0, 0]).await.unwrap();
            stream.write_all(&connect).await.unwrap();
            // CONNACK in a frame.
            assert_eq!(stream.read_u8().await.unwrap(), 0x82);
        }
        let mut frame = vec![0x02, 0xFF, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0, 0];
        frame.resize(14 + (64 << 10), 0);
        let mut written = 0;
        while written < 100 && stream.write_all(&frame).await.is_ok() {
            frame[0] = 0;
            written += 1;
        }
        assert!(ends(&mut stream).await, "{is_known}");
        honest.works().await;
    }
}

#[tokio::test]
async fn a_packet_in_frames_of_one_byte_is_a_packet() {
    let world = World::new();
    let mut honest = Honest::at(&world).await;
    let mut stream = upgraded(&world, "slow").await;
    let mut bytes = BytesMut::new();
    for packet in [connect_packet("slow"), Packet::PingReq] {
        codec::encode(&packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    }
    for byte in bytes {
        // An empty frame, a ping, and a byte.
        stream
            .write_all(&[0x82, 0x80, 0, 0, 0, 0, 0x89, 0x80, 0, 0, 0, 0, 0x82, 0x81, 0, 0, 0, 0, byte])
            .await
            .unwrap();
    }
    let mut socket = WebSocketBytes::new(stream, Role::Client, Vec::new()).await;
    let mut input = BytesMut::new();
    for expected in ["ConnAck", "PingResp"] {
        let packet = loop {
            let packet = codec::decode(&mut input, Sender::Server, Version::Mqtt5, LARGEST_PACKET);
            if let Some(packet) = packet.unwrap() {
                break packet;
            }
            assert_ne!(timeout(LONG, socket.read_buf(&mut input)).await.unwrap().unwrap(), 0);
        };
        assert!(format!("{packet:?}").starts_with(expected), "{packet:?}");
    }
    honest.works().await;
}

#[tokio::test]
async fn pings_and_messages_that_nobody_reads_the_answers_of_end_the_connection() {
    let world = impatient(100);
    let mut honest = Honest::at(&world).await;
    let stream = upgraded(&world, "deaf").await;
    let mut socket = WebSocketBytes::new(stream, Role::Client, Vec::new()).await;
    let mut bytes = BytesMut::new();
    let subscribe = Subscribe { packet_id: 1, ..Subscribe::new("t/deaf", QoS::AtMostOnce) };
    let publish = Publish::new("t/deaf", QoS::AtMostOnce, "x".repeat(1000));
    for packet in [connect_packet("deaf"), Packet::Subscribe(subscribe)] {
        codec::encode(&packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    }
    for _ in 0..100 {
        let packet = Packet::Publish(publish.clone());
        codec::encode(&packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    }
    let flooding = async {
        let first = bytes.split_to(bytes.len());
        let mut written = socket.write_all(&first).await;
        while written.is_ok() {
            // All that it publishes comes back to it.
            written = socket.write_all(&first[first.len() - 100_000..]).await;
        }
    };
    timeout(LONG, flooding).await.expect("the namespace closes");
    honest.works().await;

    // The same with pings of WebSocket.
    let mut stream = upgraded(&world, "deaf").await;
    let pings = [0x89, 0xFD, 0, 0, 0, 0].into_iter().chain([7; 125]).collect::<Vec<u8>>().repeat(100);
    let flooding = async { while stream.write_all(&pings).await.is_ok() {} };
    timeout(LONG, flooding).await.expect("the namespace closes");
    honest.works().await;
}

#[tokio::test]
async fn a_websocket_that_says_nothing_is_closed() {
    let world = impatient(100);
    let mut honest = Honest::at(&world).await;
    let mut silent = upgraded(&world, "silent").await;
    let mut half = upgraded(&world, "half").await;
    half.write_all(&[0x82, 0xFE, 0x01]).await.unwrap();
    let mut pinging = upgraded(&world, "pinging").await;
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    let all = async {
        while pinging.write_all(&ping).await.is_ok() && pinging.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, all).await.expect("pings are no CONNECT");
    assert!(ends(&mut silent).await && ends(&mut half).await);
    honest.works().await;
}
