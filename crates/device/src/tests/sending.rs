//! Messages go out in order, and every sender hears what became of its message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::support::{Answer, Hub, LONG, ask, close, device, message, send, until};
use crate::{Batch, Device, Error, OutboxLimits};
use azmqtt_mqtt::QoS;

fn send_within(device: &Device, qos: QoS, text: &str, timeout: Duration) -> Answer<()> {
    ask(|reply| device.send(message(qos, text), timeout, reply))
}

#[tokio::test]
async fn qos_1_is_answered_by_its_puback() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let mut sent = send(&device, "hello");
    let publish = peer.message().await;
    assert_eq!(
        (publish.qos, publish.dup, publish.topic.as_str()),
        (QoS::AtLeastOnce, false, "devices/dev/messages/events/")
    );
    // A round trip later it is still open.
    assert_eq!(device.stats().outstanding, 1);
    assert!(sent.is_open());
    peer.acknowledge(publish.packet_id).await;
    sent.get().await.unwrap();
    let stats = device.stats();
    assert_eq!((stats.messages_sent, stats.outstanding, stats.outstanding_bytes), (1, 0, 0));
}

#[tokio::test]
async fn qos_0_is_answered_without_the_hub() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    send_within(&device, QoS::AtMostOnce, "hello", LONG).get().await.unwrap();
    assert_eq!(peer.take_message().await, "hello");
    assert_eq!(device.stats().outstanding, 0);
}

#[tokio::test]
async fn order_is_kept_across_kinds_and_a_small_window() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.max_in_flight = 2;
    let device = device(config);
    let sent: Vec<_> = (0..9).map(|n| send(&device, &n.to_string())).collect();
    let mut peer = hub.accept(false).await;
    for n in 0..9 {
        assert_eq!(peer.take_message().await, n.to_string());
    }
    for sent in sent {
        sent.get().await.unwrap();
    }
}

#[tokio::test]
async fn answers_out_of_order_repeated_and_unknown() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let mut first = send(&device, "first");
    let second = send(&device, "second");
    let (one, two) = (peer.message().await.packet_id, peer.message().await.packet_id);
    for id in [two, two, 0xFFFF, 77] {
        peer.acknowledge(id).await;
    }
    second.get().await.unwrap();
    assert!(first.is_open());
    peer.acknowledge(one).await;
    first.get().await.unwrap();
    assert_eq!(device.stats().connections_lost, 0);
}

#[tokio::test]
async fn a_full_outbox_says_so_at_once() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.outbox = OutboxLimits { messages: 3, bytes: 1000 };
    let device = device(config);
    let mut peer = hub.connect(&device).await;
    let kept: Vec<_> = (0..3).map(|n| send(&device, &n.to_string())).collect();
    let error = send(&device, "one too many").get().await.unwrap_err();
    assert_eq!(error, Error::OutboxFull { messages: 3, bytes: 3 * 29 });
    let error = ask(|reply| device.get_twin(LONG, reply)).get().await.unwrap_err();
    assert!(matches!(error, Error::OutboxFull { .. }));
    for sent in kept {
        peer.take_message().await;
        sent.get().await.unwrap();
    }
    let sent = send(&device, "room again");
    assert_eq!(peer.take_message().await, "room again");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_batch_takes_what_there_is_room_for() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.outbox.messages = 5;
    let device = device(config);
    let mut peer = hub.connect(&device).await;
    let batch: Arc<Batch> = Arc::default();
    let mut messages: Vec<_> = (0..12).map(|n| message(QoS::AtLeastOnce, &n.to_string())).collect();
    let mut received = Vec::new();
    while !messages.is_empty() {
        let before = messages.len();
        device.send_batch(&mut messages, &batch, LONG);
        let accepted = before - messages.len();
        assert!(accepted > 0 && accepted <= 5);
        let settled = ask(|reply| batch.when_at_most(0, reply));
        for _ in 0..accepted {
            received.push(peer.take_message().await);
        }
        settled.get().await.unwrap();
    }
    assert_eq!(received, (0..12).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!((batch.acknowledged(), batch.first_error()), (12, None));
    assert_eq!(device.stats().outstanding, 0);
}

#[tokio::test]
async fn a_missing_answer_times_out_on_time() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let started = Instant::now();
    let timeout = Duration::from_millis(200);
    let sent = send_within(&device, QoS::AtLeastOnce, "unanswered", timeout);
    let late = peer.message().await.packet_id;
    let error = sent.get().await.unwrap_err();
    assert!(
        matches!(&error, Error::RequestTimeout { operation: "send_message", after, .. } if *after == timeout),
        "{error:?}"
    );
    assert!(error.to_string().contains("rate or daily quota"), "{error}");
    let elapsed = started.elapsed();
    assert!(elapsed >= timeout && elapsed < timeout + Duration::from_secs(1), "{elapsed:?}");

    // The answer that comes after all ends nothing else, and the connection goes on.
    let next = send(&device, "next");
    let publish = peer.message().await;
    assert_ne!(publish.packet_id, late);
    peer.acknowledge(late).await;
    peer.acknowledge(publish.packet_id).await;
    next.get().await.unwrap();
    assert_eq!((device.stats().messages_failed, device.stats().outstanding), (1, 0));
}

#[tokio::test]
async fn each_message_has_its_own_deadline() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let mut long = send(&device, "long");
    let mut spans: Vec<u64> = (1..20).collect();
    spans.rotate_left(7);
    let started = Instant::now();
    let short: Vec<_> = spans
        .iter()
        .map(|n| send_within(&device, QoS::AtLeastOnce, "short", Duration::from_millis(n * 10)))
        .collect();
    for (span, sent) in spans.iter().zip(short) {
        assert!(matches!(sent.get().await, Err(Error::RequestTimeout { .. })));
        assert!(started.elapsed() >= Duration::from_millis(span * 10));
    }
    assert!(long.is_open());
    peer.take_message().await;
    long.get().await.unwrap();
}

#[tokio::test]
async fn what_is_sent_offline_goes_out_in_order() {
    let hub = Hub::new().await;
    let device = hub.device();
    let peer = hub.connect(&device).await;
    drop(peer);
    until("the loss", || device.stats().connections_lost == 1).await;
    let sent: Vec<_> = (0..20).map(|n| send(&device, &n.to_string())).collect();
    // Nobody lets it in for a while.
    for _ in 0..3 {
        drop(hub.accept_tcp().await);
    }
    let mut peer = hub.accept(true).await;
    for (n, sent) in sent.into_iter().enumerate() {
        assert_eq!(peer.take_message().await, n.to_string());
        sent.get().await.unwrap();
    }
    assert_eq!(device.stats().messages_resent, 0);
}

#[tokio::test]
async fn a_message_of_the_largest_size() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let body = "x".repeat(262_144);
    let sent = send(&device, &body);
    assert_eq!(peer.take_message().await, body);
    sent.get().await.unwrap();
    assert_eq!(close(&device).get().await, Ok(0));
}
