//! Messages through a line that is cut at random: each arrives, each sender is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::support::{Hub, LONG, ask, close, device, message};
use crate::{Batch, Device, Error, ReportedProperties};
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{QoS, ReasonCode};

/// A small generator: runs repeat exactly as far as the sockets allow.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Receives until told to stop; cuts the line, forgets sessions and withholds answers as the dice fall.
async fn unreliable_hub(
    hub: Hub,
    seed: u64,
    mut stop: tokio::sync::oneshot::Receiver<()>,
) -> HashMap<String, u32> {
    let mut dice = Dice(seed);
    let mut received = HashMap::new();
    let mut keeps_session = false;
    loop {
        let accepted = tokio::select! {
            peer = hub.accept(keeps_session) => Some(peer),
            _ = &mut stop => None,
        };
        let Some(mut peer) = accepted else { return received };
        let mut left = dice.roll(60);
        let mut withheld = false;
        loop {
            let event = tokio::select! {
                event = peer.event() => event,
                _ = &mut stop => return received,
                // Whoever waits for a withheld answer alone sends nothing more that could be counted.
                () = tokio::time::sleep(Duration::from_millis(200)), if withheld => break,
            };
            let Some(event) = event else { break };
            match event {
                Event::Publish(publish) if publish.topic.starts_with("$iothub/twin/PATCH") => {
                    let (_, rid) = publish.topic.split_once("$rid=").unwrap();
                    peer.publish(&format!("$iothub/twin/res/204/?$rid={rid}&$version=2"), "").await;
                }
                Event::Publish(publish) => {
                    *received.entry(super::support::text(&publish)).or_default() += 1;
                    if dice.roll(8) > 0 || left > 3 {
                        peer.acknowledge(publish.packet_id).await;
                    } else {
                        withheld = true;
                    }
                }
                Event::Subscribe(subscribe) => {
                    peer.server.suback(subscribe.packet_id, vec![ReasonCode::Success]);
                }
                Event::Disconnect(_) => return received,
                other => panic!("{other:?}"),
            }
            if left == 0 {
                break;
            }
            left -= 1;
        }
        keeps_session = dice.roll(3) > 0;
        if dice.roll(2) == 0 {
            let (tcp, _) = peer.stream.into_inner();
            tcp.set_zero_linger().unwrap();
        }
    }
}

async fn patch_now_and_then(device: &Device) {
    let mut patched = 0;
    while patched < 20 {
        let patch = ReportedProperties::from_json("{\"a\":1}").unwrap();
        match ask(|reply| device.patch_reported(patch, None, LONG, reply)).get().await {
            Ok(_) => patched += 1,
            // The messages fill it most of the time.
            Err(Error::OutboxFull { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn soak(seed: u64) {
    const MESSAGES: usize = 600;
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.outbox.messages = 50;
    config.max_in_flight = 20;
    config.retry.max = Duration::from_millis(10);
    config.retry.first_connect = true;
    let device = device(config);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let hub = tokio::spawn(unreliable_hub(hub, seed, stopped));
    let patching = tokio::spawn({
        let device = device.clone();
        async move { patch_now_and_then(&device).await }
    });

    let batch: Arc<Batch> = Arc::default();
    let mut messages: Vec<_> = (0..MESSAGES).map(|n| message(QoS::AtLeastOnce, &n.to_string())).collect();
    let started = Instant::now();
    while !messages.is_empty() {
        assert!(started.elapsed() < LONG, "seed {seed}: {} left", messages.len());
        device.send_batch(&mut messages, &batch, LONG);
        let bound = batch.outstanding() / 2;
        ask(|reply| batch.when_at_most(bound, reply)).get().await.unwrap();
    }
    ask(|reply| batch.when_at_most(0, reply)).get().await.unwrap();
    patching.await.unwrap();
    assert_eq!((batch.acknowledged(), batch.first_error()), (MESSAGES, None), "seed {seed}");
    let stats = device.stats();
    assert_eq!((stats.outstanding, stats.outstanding_bytes), (0, 0), "seed {seed}");
    assert!(stats.connections_lost > 3, "the line was cut {} times", stats.connections_lost);
    assert_eq!(close(&device).get().await, Ok(0));

    // It may have seen DISCONNECT already.
    let _ = stop.send(());
    let received = hub.await.unwrap();
    assert_eq!(received.len(), MESSAGES, "seed {seed}: sent is not received");
    let duplicates: u32 = received.values().map(|count| count - 1).sum();
    assert!(u64::from(duplicates) <= stats.messages_resent, "seed {seed}: {duplicates} duplicates");
}

#[tokio::test]
async fn nothing_is_lost_on_a_line_that_is_cut_at_random() {
    for seed in 1..=4 {
        soak(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_between_threads_either() {
    for seed in 5..=6 {
        soak(seed).await;
    }
}
