//! Idle connections are pinged; a peer that is gone is noticed.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;

use super::support::{Hub, device, send, until, within};
use crate::device::Device;

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
