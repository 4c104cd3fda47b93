//! Peers that do not behave.

use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::support::{Peer, message};
use crate::manual::client::Refused;
use crate::manual::{End, EventKind};
use azmqtt_mqtt::{ConnAck, Connect, LARGEST_PACKET, Packet, QoS, ReasonCode, SubscribeFilter, Version};

#[tokio::test]
async fn a_broker_that_refuses() {
    let peer = Peer::new(1).await;
    let (_, mut line) = peer.open(Peer::connect_packet()).await;
    line.write(Packet::ConnAck(ConnAck::new(ReasonCode::NotAuthorized, false))).await;
    assert_eq!(peer.happens().await, EventKind::Refused(5));
    assert!(line.is_over().await);
}

#[tokio::test]
async fn a_broker_that_does_not_answer() {
    let peer = Peer::new(1).await;
    let mut connect = Peer::connect_packet();
    connect.keep_alive = 1;
    let (_, mut line) = peer.open(connect.clone()).await;
    assert_eq!(peer.happens().await, EventKind::Ended(End::Silent));
    assert!(line.is_over().await);
    // Nor later.
    let (_, mut line) = peer.open(connect).await;
    line.write(Packet::ConnAck(ConnAck::new(ReasonCode::Success, false))).await;
    assert!(matches!(peer.happens().await, EventKind::Connected { .. }));
    assert_eq!(line.read().await, Packet::PingReq);
    assert_eq!(peer.happens().await, EventKind::Ended(End::Silent));
}

#[tokio::test]
async fn bytes_that_mqtt_forbids_end_the_connection() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"\x34\x05\x00\x01t\x00\x01",
        b"\x90\x03\x00\x01\x03",
        b"\xff",
    ] {
        let peer = Peer::new(1).await;
        let (_, mut line) = peer.connected(false).await;
        line.stream.write_all(bytes).await.unwrap();
        if bytes != b"\xff" {
            assert!(matches!(peer.happens().await, EventKind::Ended(End::Protocol(_))), "{bytes:?}");
        }
        drop(line);
    }
}

#[tokio::test]
async fn a_flood_without_anybody_who_takes_it_stops_at_the_socket() {
    let peer = Peer::new(1).await;
    let (_, mut line) = peer.connected(false).await;
    let body = "x".repeat(100_000);
    let mut sent = 0;
    // 16 MiB wait, and what the sockets hold; then the broker's writes stand still.
    while timeout(Duration::from_millis(500), line.write(Packet::Publish(message(QoS::AtMostOnce, &body))))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 1000, "nothing holds the broker back");
    }
    assert!(sent >= 160);
    // Taking some lets it go on.
    for _ in 0..sent {
        assert!(matches!(peer.happens().await, EventKind::Message(_)));
    }
}

/// A message of 1,500 bytes may take 5.9 seconds, though the keep-alive interval is one.
#[tokio::test]
async fn a_large_message_on_a_slow_line_arrives_and_one_that_drips_does_not() {
    for (piece, arrives) in [(100, true), (8, false)] {
        let peer = Peer::new(10).await;
        let (_, mut line) = peer.open(Connect { keep_alive: 1, ..Peer::connect_packet() }).await;
        line.write(Packet::ConnAck(ConnAck::new(ReasonCode::Success, false))).await;
        assert!(matches!(peer.happens().await, EventKind::Connected { .. }));
        let mut encoded = BytesMut::new();
        let publish = message(QoS::AtMostOnce, &"x".repeat(1500));
        azmqtt_mqtt::codec::encode(&Packet::Publish(publish), Version::Mqtt311, &mut encoded, 10_000)
            .unwrap();
        for bytes in encoded.chunks(piece) {
            // Who has given up does not take the rest.
            if line.stream.write_all(bytes).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        match peer.happens().await {
            EventKind::Message(_) if arrives => {}
            EventKind::Ended(End::Silent) if !arrives => {}
            other => panic!("{other:?} with {piece} bytes at a time"),
        }
    }
}

#[tokio::test]
async fn a_disconnect_that_cannot_leave_is_given_up() {
    let peer = Peer::new(1).await;
    let (_, line) = peer.connected(false).await;
    for mid in 1..=400 {
        peer.client.publish(mid, message(QoS::AtMostOnce, &"x".repeat(100_000))).unwrap();
    }
    peer.client.disconnect();
    drop(line);
    loop {
        match peer.happens().await {
            EventKind::Written(_) => {}
            EventKind::Ended(End::Disconnected | End::Lost(_)) => break,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_at_once() {
    let peer = Peer::new(1).await;
    let client = &peer.client;
    assert_eq!(client.publish(1, message(QoS::ExactlyOnce, "x")), Err(Refused::Message));
    let mut wrong = message(QoS::AtLeastOnce, "x");
    wrong.topic = "a/+".into();
    assert_eq!(client.publish(1, wrong), Err(Refused::Message));
    let mut large = message(QoS::AtLeastOnce, "");
    large.payload = vec![0; LARGEST_PACKET].into();
    assert_eq!(client.publish(1, large), Err(Refused::Message));
    assert_eq!(client.subscribe(1, Vec::new()), Err(Refused::Filter));
    let filter = SubscribeFilter::new("a/#/b", QoS::AtMostOnce);
    assert_eq!(client.subscribe(1, vec![filter]), Err(Refused::Filter));
    assert_eq!(client.unsubscribe(1, vec!["x".repeat(65_536)]), Err(Refused::Filter));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever comes, the client lives and can connect again.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let peer = Peer::new(1).await;
            let (_, mut line) = peer.open(Peer::connect_packet()).await;
            line.stream.write_all(&bytes).await.unwrap();
            drop(line);
            while !matches!(peer.happens().await, EventKind::Ended(_) | EventKind::Refused(_)) {}
            peer.connected(false).await;
        });
    }
}
