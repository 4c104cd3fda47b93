//! Who has not shown yet who it is.

use azmqtt_mqtt::codec;
use azmqtt_mqtt::{LARGEST_PACKET, Packet, Version};
use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::tests::bad_days::{connect_packet, tls};

#[tokio::test]
async fn those_that_do_not_go_on_are_closed_beside_a_working_client() {
    let world = impatient(100);
    let mut honest = Honest::at(&world).await;
    for port in [world.namespace.port(), world.namespace.https_port()] {
        let mut silent = tcp(port).await;
        let mut half_hello = tcp(port).await;
        half_hello.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.unwrap();
        let mut silent_in_tls = tls(&world, port, None).await;
        let mut half_said = tls(&world, port, None).await;
        let half: &[u8] = if port == world.namespace.port() {
            b"\x10\x40\x00\x04MQTT\x05"
        } else {
            b"GET /mqtt HTTP/1.1\r\nHost: loc"
        };
        half_said.write_all(half).await.unwrap();
        honest.works().await;
        assert!(ends(&mut silent).await && ends(&mut half_hello).await);
        assert!(ends(&mut silent_in_tls).await && ends(&mut half_said).await);
    }
    honest.works().await;
}

#[tokio::test]
async fn a_handshake_or_connect_that_trickles_in_is_closed() {
    let world = impatient(100);
    let mut honest = Honest::at(&world).await;
    // A CONNECT of 4 KiB is announced, most of it the client identifier.
    let mut connect = b"\x10\x80\x20\x00\x04MQTT\x05\x02\x00\x3c\x00\x0f\xf3".to_vec();
    connect.resize(500, b'x');
    // A ClientHello of 512 bytes is announced.
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    hello.resize(500, 7);
    let mut raw = tcp(world.namespace.port()).await;
    let mut inside = tls(&world, world.namespace.port(), None).await;
    let trickle = async {
        let mut both = (false, false);
        for (one, other) in hello.into_iter().zip(connect) {
            both.0 |= raw.write_all(&[one]).await.is_err();
            both.1 |= inside.write_all(&[other]).await.is_err() || inside.flush().await.is_err();
            if both == (true, true) {
                break;
            }
            honest.works().await;
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, trickle).await.expect("they are closed");
    assert!(ends(&mut raw).await && ends(&mut inside).await);
}

#[tokio::test]
async fn they_cannot_keep_others_out() {
    let world = impatient(4);
    let mut strangers = Vec::new();
    for port in [world.namespace.port(), world.namespace.https_port()] {
        for _ in 0..12 {
            strangers.push(tcp(port).await);
        }
    }
    connect(&world.client("late")).await.unwrap();
}

#[tokio::test]
async fn they_cannot_make_the_namespace_hold_much() {
    let world = patient();
    let mut honest = Honest::at(&world).await;
    // A CONNECT of 128 KiB is announced, and only a part of it comes.
    let head = b"\x10\x80\x80\x08\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x01x\x00\x00\x01t\xff\xff";
    let mut part = head.to_vec();
    part.resize(20_000, b'x');
    let mut waiting = JoinSet::new();
    for _ in 0..80 {
        let mut stream = tls(&world, world.namespace.port(), None).await;
        stream.write_all(&part).await.unwrap();
        waiting.spawn(async move {
            ends(&mut stream).await;
        });
    }
    // As many as there are places for large greetings may wait for the rest of it; the others are closed at once.
    for _ in 64..80 {
        timeout(LONG / 3, waiting.join_next()).await.expect("closed").unwrap().unwrap();
    }
    honest.works().await;
    waiting.shutdown().await;
}

#[tokio::test]
async fn rubbish_ends_the_connection() {
    let world = patient();
    let mut honest = Honest::at(&world).await;
    for port in [world.namespace.port(), world.namespace.https_port()] {
        for rubbish in
            [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"\x10\x0c\x00\x04MQTT\x05", &[0; 300]]
        {
            let mut stream = tcp(port).await;
            stream.write_all(rubbish).await.unwrap();
            assert!(ends(&mut stream).await, "{port} {rubbish:?}");
        }
    }
    for rubbish in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"\x00\x00",
        b"\xff\xff\xff\xff\xff\xff",
        b"\x10\xff\xff\xff\x7f",                             // a CONNECT of 256 MiB
        b"\x30\x05\x00\x01a12",                              // a PUBLISH first
        b"\xc0\x00",                                         // a PINGREQ first
        b"\xf0\x00",                                         // an AUTH first
        b"\x10\x0d\x00\x04MQTT\x05\x03\x00\x3c\x00\x00\x00", // the reserved flag
        b"\x10\x0d\x00\x04MQTT\x09\x02\x00\x3c\x00\x00\x00", // a level of the future
        b"\x10\x0d\x00\x04QTTM\x05\x02\x00\x3c\x00\x00\x00", // another protocol
        b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x02\x16\x00\x00\x00\x00", // a property that is cut
    ] {
        let mut stream = tls(&world, world.namespace.port(), None).await;
        stream.write_all(rubbish).await.unwrap();
        let said = last_words(&mut stream).await;
        // CONNACK with an error, or nothing.
        assert!(
            said.is_empty() || said[0] == 0x20 && said[3] >= 0x80 || said == b"\x20\x02\x00\x01",
            "{said:?}"
        );
        honest.works().await;
    }
}

#[tokio::test]
async fn a_flood_of_them_leaves_a_client_its_turn() {
    let world = patient();
    let mut honest = Honest::at(&world).await;
    let port = world.namespace.port();
    let mut flood = JoinSet::new();
    for index in 0..300 {
        flood.spawn(async move {
            let mut stream = tcp(port).await;
            let rubbish = vec![if index % 2 == 0 { 0x16 } else { b'x' }; 2000];
            // It may be closed in the middle.
            let _ = stream.write_all(&rubbish).await;
            ends(&mut stream).await
        });
    }
    for _ in 0..20 {
        honest.works().await;
    }
    while let Some(ended) = flood.join_next().await {
        assert!(ended.unwrap());
    }
    // And those that come as far as CONNECT, each refused.
    let mut connect = BytesMut::new();
    codec::encode(&connect_packet("nobody"), Version::Mqtt5, &mut connect, LARGEST_PACKET).unwrap();
    for _ in 0..100 {
        let mut stream = tls(&world, port, None).await;
        stream.write_all(&connect).await.unwrap();
        let (said, ()) = tokio::join!(last_words(&mut stream), honest.works());
        assert_eq!(said[..4], [0x20, 3, 0, 0x87]);
    }
    assert_eq!(world.namespace.with_broker(|broker| (broker.sessions(), broker.connected())), (1, 1));
}

#[tokio::test]
async fn what_comes_behind_a_refused_connect_is_not_looked_at() {
    let world = patient();
    let mut honest = Honest::at(&world).await;
    let mut bytes = BytesMut::new();
    let publish = azmqtt_mqtt::Publish::new("t/honest", azmqtt_mqtt::QoS::AtMostOnce, "forged");
    for packet in [connect_packet("nobody"), Packet::Publish(publish)] {
        codec::encode(&packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    }
    let mut stream = tls(&world, world.namespace.port(), None).await;
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(last_words(&mut stream).await, [0x20, 3, 0, 0x87, 0]);
    honest.works().await;
}
