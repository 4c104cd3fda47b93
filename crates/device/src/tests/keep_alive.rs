//! Idle connections are pinged; a peer that is gone is noticed.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;

use super::support::{Hub, LONG, ask, device, message, send, until, within};
use crate::{Device, Error};
use azmqtt_mqtt::QoS;

fn short(hub: &Hub) -> Device {
    let mut config = hub.config();
    config.keep_alive = 1;
    config.ping_timeout = Duration::from_millis(150);
    device(config)
}

#[tokio::test]
async fn an_idle_connection_is_pinged_and_goes_on() {
    let hub = Hub::new().await;
    let device = short(&hub);
    let mut peer = hub.connect(&device).await;
    for _ in 0..2 {
        let started = Instant::now();
        let mut ping = [0; 2];
        within(peer.stream.read_exact(&mut ping)).await.unwrap();
        assert_eq!(ping, [0xC0, 0]);
        let idle = started.elapsed();
        assert!(idle > Duration::from_millis(700) && idle < Duration::from_secs(3), "{idle:?}");
        peer.raw(&[0xD0, 0]).await;
    }
    let sent = send(&device, "alive");
    assert_eq!(peer.take_message().await, "alive");
    sent.get().await.unwrap();
    assert_eq!(device.stats().connections_lost, 0);
}

#[tokio::test]
async fn a_peer_that_is_gone_is_left_and_nothing_is_lost() {
    let hub = Hub::new().await;
    let device = short(&hub);
    let mut peer = hub.connect(&device).await;
    let started = Instant::now();
    let sent = send(&device, "a");
    peer.message().await;
    // The old connection stays open and silent, as if a cable was pulled.
    let mut next = hub.accept(true).await;
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(1100) && elapsed < Duration::from_secs(4), "{elapsed:?}");
    assert_eq!(next.take_message().await, "a");
    sent.get().await.unwrap();
    assert_eq!(device.stats().connections_lost, 1);
    drop(peer);
}

#[tokio::test]
async fn the_reason_names_the_ping() {
    let hub = Hub::new().await;
    let device = short(&hub);
    let peer = hub.connect(&device).await;
    let listener = hub.listener;
    drop(listener);
    until("the loss", || device.stats().connections_lost == 1).await;
    until("the reason", || device.last_error().is_some()).await;
    drop(peer);
}

/// A change of 1,500 bytes may take 5.9 seconds, though the keep-alive interval is one.
#[tokio::test]
async fn a_large_message_on_a_slow_line_arrives() {
    let hub = Hub::new().await;
    let device = short(&hub);
    let watching = ask(|reply| device.watch_messages(LONG, reply));
    let mut peer = hub.accept(false).await;
    peer.answer_subscribe(true).await;
    watching.get().await.unwrap();
    let topic = "devices/dev/messages/devicebound/";
    let mut packet = vec![0x30, 0xFE, 0x0B, 0, topic.len() as u8];
    packet.extend_from_slice(topic.as_bytes());
    packet.resize(3 + 0x7E + 128 * 0x0B, b'x');
    for bytes in packet.chunks(60) {
        peer.raw(bytes).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until("the message", || !device.messages().is_empty()).await;
    assert_eq!(device.stats().connections_lost, 0);
}

#[tokio::test]
async fn a_hub_that_is_gone_is_left_in_time_for_who_waits() {
    let hub = Hub::new().await;
    // Its keep-alive alone would notice after 80 seconds.
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let limit = Duration::from_secs(6);
    let reading = ask(|reply| device.get_twin(limit, reply));
    peer.answer_subscribe(true).await;
    let sent = ask(|reply| device.send(message(QoS::AtLeastOnce, "a"), limit, reply));
    // The old connection stays open and silent, as if a cable was pulled.
    let mut next = hub.accept(true).await;
    assert_eq!(next.take_message().await, "a");
    sent.get().await.unwrap();
    next.answer_subscribe(true).await;
    let read = next.message().await;
    let (_, rid) = read.topic.split_once("?$rid=").unwrap();
    let twin = r#"{"desired": {"$version": 1}, "reported": {"$version": 1}}"#;
    next.publish(&format!("$iothub/twin/res/200/?$rid={rid}"), twin).await;
    reading.get().await.unwrap();
    drop(peer);
}

#[tokio::test]
async fn a_hub_that_lives_and_does_not_answer_is_kept() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent = ask(|reply| device.send(message(QoS::AtLeastOnce, "a"), Duration::from_secs(4), reply));
    peer.message().await;
    // Pings are answered by the scripted hub itself.
    let other = tokio::spawn(async move { peer.event().await });
    let error = sent.get().await.unwrap_err();
    assert!(error.to_string().contains("rate or daily quota"), "{error}");
    assert_eq!(device.stats().connections_lost, 0);
    other.abort();
}

#[tokio::test]
async fn a_timeout_tells_of_the_silence() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent = ask(|reply| device.send(message(QoS::AtLeastOnce, "a"), Duration::from_millis(1500), reply));
    peer.message().await;
    let error = sent.get().await.unwrap_err();
    assert!(matches!(error, Error::RequestTimeout { .. }), "{error}");
    assert!(error.to_string().contains("nothing has arrived from the hub for 1."), "{error}");
}
