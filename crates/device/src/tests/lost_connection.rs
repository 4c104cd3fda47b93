//! A lost connection loses no message and answers every sender.

use std::time::{Duration, Instant};

use super::support::{Hub, LONG, ask, config, device, message, send, text, until, within};
use crate::{Error, LostSession, RetryPolicy, State};
use azmqtt_mqtt::{Properties, QoS, ReasonCode};

#[tokio::test]
async fn a_kept_session_gets_the_unacknowledged_again_as_duplicates() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent: Vec<_> = ["a", "b", "c"].map(|text| send(&device, text)).into();
    let first: Vec<_> = [peer.message().await, peer.message().await, peer.message().await].into();
    peer.acknowledge(first[1].packet_id).await;
    until("the acknowledgement", || device.stats().messages_sent == 1).await;
    drop(peer);

    let mut peer = hub.accept(true).await;
    for original in [&first[0], &first[2]] {
        let again = peer.message().await;
        assert_eq!((again.packet_id, again.dup, text(&again)), (original.packet_id, true, text(original)));
        peer.acknowledge(again.packet_id).await;
    }
    for sent in sent {
        sent.get().await.unwrap();
    }
    let stats = device.stats();
    assert_eq!((stats.messages_resent, stats.messages_sent, stats.connections_lost), (2, 3, 1));
    assert_eq!(device.state(), State::Connected);
}

#[tokio::test]
async fn a_forgotten_session_gets_them_as_new_before_anything_younger() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let mut sent = vec![send(&device, "a"), send(&device, "b")];
    peer.message().await;
    peer.message().await;
    drop(peer);
    until("the loss", || device.stats().connections_lost == 1).await;
    sent.push(send(&device, "c"));
    let mut peer = hub.accept(false).await;
    for expected in ["a", "b", "c"] {
        let publish = peer.message().await;
        assert_eq!((text(&publish).as_str(), publish.dup), (expected, false));
        peer.acknowledge(publish.packet_id).await;
    }
    for sent in sent {
        sent.get().await.unwrap();
    }
}

#[tokio::test]
async fn a_forgotten_session_fails_them_if_that_is_wanted() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.lost_session = LostSession::Fail;
    let device = device(config);
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    peer.message().await;
    drop(peer);
    until("the loss", || device.stats().connections_lost == 1).await;
    let younger = send(&device, "b");
    let mut peer = hub.accept(false).await;
    let error = sent.get().await.unwrap_err();
    assert!(matches!(&error, Error::ConnectionLost { reason } if reason.contains("forgot")), "{error}");
    assert_eq!(peer.take_message().await, "b");
    younger.get().await.unwrap();
    assert_eq!(device.stats().outstanding, 0);
}

#[tokio::test]
async fn answers_that_came_before_the_end_count() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent: Vec<_> = (0..50).map(|n| send(&device, &n.to_string())).collect();
    for _ in 0..50 {
        let publish = peer.message().await;
        peer.server.acknowledge(publish.packet_id, ReasonCode::Success);
    }
    peer.flush().await;
    drop(peer);
    let peer = hub.accept(true).await;
    for sent in sent {
        sent.get().await.unwrap();
    }
    assert_eq!(device.stats().messages_resent, 0);
    drop(peer);
}

#[tokio::test]
async fn a_line_cut_in_mid_packet() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    peer.message().await;
    // PUBACK without its last byte, and no close_notify of TLS either.
    peer.raw(&[0x40, 2, 0]).await;
    let (tcp, _) = peer.stream.into_inner();
    tcp.set_zero_linger().unwrap();
    drop(tcp);
    let mut peer = hub.accept(true).await;
    assert_eq!(peer.take_message().await, "a");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_hub_that_breaks_the_protocol_is_left() {
    for rubbish in
        [&[0xF0, 0][..], &[0x30, 3, 0, 5, b'x'], &[0x20, 2, 0, 0], &[0x40, 0xFF, 0xFF, 0xFF, 0xFF, 1]]
    {
        let hub = Hub::new().await;
        let device = hub.device();
        let mut peer = hub.connect(&device).await;
        let sent = send(&device, "a");
        peer.message().await;
        peer.raw(rubbish).await;
        assert_eq!(peer.event().await, None, "the device closes");
        assert_eq!(hub.accept(true).await.take_message().await, "a");
        sent.get().await.unwrap();
    }
}

#[tokio::test]
async fn a_qos_0_message_that_may_have_left_is_not_sent_twice() {
    let hub = Hub::new().await;
    let device = hub.device();
    let peer = hub.connect(&device).await;
    // The peer does not read: sooner or later the socket is full, with messages cut off by that.
    let body = "x".repeat(100_000);
    let mut sent: Vec<_> = (0..200)
        .map(|n| {
            let text = format!("{n:03}{body}");
            ask(|reply| device.send(message(QoS::AtMostOnce, &text), LONG, reply))
        })
        .collect();
    let mut before = device.stats().bytes_sent;
    until("the socket is full", || {
        let now = device.stats().bytes_sent;
        let full = now > 100_000 && now == std::mem::replace(&mut before, now);
        std::thread::sleep(Duration::from_millis(5));
        full
    })
    .await;
    let mut peer = peer;
    let mut received = Vec::new();
    for _ in 0..3 {
        received.push(text(&peer.message().await)[..3].to_owned());
    }
    let (tcp, _) = peer.stream.into_inner();
    tcp.set_zero_linger().unwrap();
    drop(tcp);
    let mut peer = hub.accept(true).await;
    let marker = send(&device, "end");
    loop {
        let text = peer.take_message().await;
        if text == "end" {
            break;
        }
        assert!(!received.contains(&text[..3].to_owned()), "{} came twice", &text[..3]);
        received.push(text[..3].to_owned());
    }
    marker.get().await.unwrap();
    let mut failed = 0;
    for sent in sent.drain(..) {
        match sent.get().await {
            Ok(()) => {}
            Err(Error::ConnectionLost { reason }) => {
                assert!(reason.contains("may or may not"), "{reason}");
                failed += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(failed > 0, "some were written and not flushed");
    assert_eq!(device.stats().outstanding, 0);
}

#[tokio::test]
async fn a_hub_that_accepts_and_closes_is_not_stormed() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.retry.base = Duration::from_millis(20);
    config.retry.max = Duration::from_millis(400);
    let device = device(config);
    let mut watching = ask(|reply| device.watch_messages(LONG, reply));
    let started = Instant::now();
    let mut connections = 0u32;
    while started.elapsed() < Duration::from_millis(1500) {
        let next = tokio::time::timeout(Duration::from_millis(1500), hub.accept(true)).await;
        let Ok(mut peer) = next else { break };
        connections += 1;
        if watching.is_open() {
            peer.answer_subscribe(true).await;
        }
    }
    // With full jitter the mean wait is half of min(400, 20 × 2ⁿ) ms: about a dozen attempts. Without any
    // wait there would be hundreds.
    assert!((3..=40).contains(&connections), "{connections} connections");
    assert_eq!(device.state(), State::Reconnecting);
    assert!(device.last_error().is_some());
}

#[tokio::test]
async fn a_timeout_while_offline_says_what_is_wrong() {
    let hub = Hub::new().await;
    let device = hub.device();
    let peer = hub.connect(&device).await;
    drop(peer);
    let port = hub.port();
    drop(hub);
    until("an attempt", || device.last_error().is_some_and(|error| error.contains("refused"))).await;
    let timeout = Duration::from_millis(100);
    let sent = ask(|reply| device.send(message(QoS::AtLeastOnce, "a"), timeout, reply));
    let Err(Error::RequestTimeout { known: Some(reason), .. }) = within(sent.get()).await else {
        panic!("it cannot be sent")
    };
    assert!(reason.contains(&format!("localhost:{port}")), "{reason}");
}

#[tokio::test]
async fn a_hub_that_does_not_answer_a_subscription_is_left() {
    let hub = Hub::new().await;
    let mut config = config(hub.port());
    config.deadlines.suback = Duration::from_millis(100);
    let device = device(config);
    let mut peer = hub.connect(&device).await;
    let reading = ask(|reply| device.get_twin(LONG, reply));
    peer.subscribe().await;
    assert_eq!(peer.event().await, None, "the device gives the connection up");
    let mut peer = hub.accept(false).await;
    peer.answer_subscribe(true).await;
    let read = peer.message().await;
    let rid = read.topic.strip_prefix("$iothub/twin/GET/?$rid=").unwrap().to_owned();
    let body = r#"{"desired":{"$version":1},"reported":{"$version":1}}"#;
    peer.publish(&format!("$iothub/twin/res/200/?$rid={rid}"), body).await;
    reading.get().await.unwrap();
}

#[tokio::test]
async fn asking_for_a_connection_ends_the_wait_for_the_next_attempt() {
    let hub = Hub::new().await;
    let mut config = config(hub.port());
    // Half a minute on average: longer than anybody waits here.
    config.retry = RetryPolicy { base: LONG * 10, max: LONG * 10, first_connect: false };
    let device = device(config);
    let peer = hub.connect(&device).await;
    drop(peer);
    until("the loss is noticed", || device.state() == State::Reconnecting).await;
    let connecting = ask(|reply| device.connect(LONG, reply));
    hub.accept(false).await;
    connecting.get().await.unwrap();
}

#[tokio::test]
async fn after_a_refusal_the_next_call_fails_fast_again() {
    let hub = Hub::new().await;
    let device = hub.device();
    let peer = hub.connect(&device).await;
    drop(peer);
    for _ in 0..2 {
        let (mut peer, _) = hub.accept_mqtt().await;
        peer.server.refuse(ReasonCode::NotAuthorized, Properties::default());
        peer.flush().await;
    }
    until("the device gives up", || device.state() == State::Disconnected).await;
    drop(hub);
    let outcome = ask(|reply| device.connect(LONG, reply)).get().await;
    assert!(matches!(outcome, Err(Error::ConnectionFailed { .. })), "{outcome:?}");
}
