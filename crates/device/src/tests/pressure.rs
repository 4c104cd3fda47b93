//! Peers that do not read, send without a pause, or take their time.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use super::support::{Hub, LONG, ask, close, device, message, send, text, until};
use crate::{Error, LostSession};
use azmqtt_mqtt::{QoS, ReasonCode};

#[tokio::test]
async fn a_hub_that_sends_but_does_not_read() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let body = "x".repeat(200_000);
    let sent: Vec<_> = (0..100)
        .map(|_| {
            ask(|reply| device.send(message(QoS::AtLeastOnce, &body), Duration::from_millis(300), reply))
        })
        .collect();
    // Writing is stuck, reading goes on.
    for round in 1..=20 {
        peer.publish("devices/dev/messages/devicebound/", "read me").await;
        until("the message", || device.stats().messages_received == round).await;
    }
    for sent in sent {
        assert!(matches!(sent.get().await, Err(Error::RequestTimeout { .. })));
    }
    // What is queued for the socket is bounded, whatever the outbox holds.
    assert_eq!(device.stats().outstanding, 0);
    // Once the hub reads, the connection is as good as new.
    let next = send(&device, "next");
    loop {
        let publish = peer.message().await;
        peer.acknowledge(publish.packet_id).await;
        if text(&publish) == "next" {
            break;
        }
    }
    next.get().await.unwrap();
    assert_eq!(device.stats().connections_lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_the_hub_does_not_drown_the_application() {
    let hub = Hub::new().await;
    let device = hub.device();
    let peer = hub.connect(&device).await;
    // The smallest packets are the most work for who reads them: there is always more to read.
    let flood = [0xD0, 0].repeat(100_000);
    let (mut reading, mut writing) = tokio::io::split(peer.stream);
    let flooding = tokio::spawn(async move { while writing.write_all(&flood).await.is_ok() {} });
    let draining = tokio::spawn(async move {
        let mut sink = tokio::io::sink();
        let _ = tokio::io::copy(&mut reading, &mut sink).await;
    });
    until("the flood", || device.stats().bytes_received > 1_000_000).await;
    let started = Instant::now();
    // How much of the flood goes by until a message is out: a few rounds of reading, not all there is.
    let mut meanwhile = Vec::new();
    for _ in 0..9 {
        let before = device.stats().bytes_received;
        ask(|reply| device.send(message(QoS::AtMostOnce, "heard"), LONG, reply)).get().await.unwrap();
        meanwhile.push(device.stats().bytes_received - before);
    }
    meanwhile.sort_unstable();
    assert!(meanwhile[4] < 600_000, "{meanwhile:?}");
    let timeout = Duration::from_millis(100);
    let timed = ask(|reply| device.send(message(QoS::AtLeastOnce, "unanswered"), timeout, reply));
    assert!(matches!(timed.get().await, Err(Error::RequestTimeout { .. })));
    assert_eq!(close(&device).get().await, Ok(0));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    flooding.abort();
    draining.await.unwrap();
}

#[tokio::test]
async fn late_answers_are_waited_for_in_parallel() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let started = Instant::now();
    let sent: Vec<_> = (0..500).map(|n| send(&device, &n.to_string())).collect();
    // All are on the wire before the first answer.
    let ids = {
        let mut ids = Vec::new();
        for _ in 0..500 {
            ids.push(peer.message().await.packet_id);
        }
        ids
    };
    for id in ids.into_iter().rev() {
        peer.server.acknowledge(id, ReasonCode::Success);
    }
    peer.flush().await;
    for sent in sent {
        sent.get().await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_flood_of_commands_does_not_keep_the_hub_waiting() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.lost_session = LostSession::Fail;
    config.outbox.messages = usize::MAX;
    config.outbox.bytes = usize::MAX;
    let device = device(config);
    let mut peer = hub.connect(&device).await;
    let flooder = device.clone();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let flood = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            flooder.acknowledge(vec![crate::Delivery { connection: u64::MAX, packet_id: 1 }]);
        }
    });
    for round in 1..=20 {
        peer.publish("devices/dev/messages/devicebound/", "read me").await;
        until("the message", || device.stats().messages_received == round).await;
    }
    let sent = send(&device, "out");
    assert_eq!(peer.take_message().await, "out");
    sent.get().await.unwrap();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    flood.join().unwrap();
}
