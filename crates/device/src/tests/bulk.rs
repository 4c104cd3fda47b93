//! Many messages by one call: all arrive, in order, and the outbox keeps room for others.

use std::time::{Duration, Instant};

use super::support::{Hub, LONG, ask, device, message, send, until, within};
use crate::{Bulk, Error, Outgoing};
use azmqtt_mqtt::QoS;

fn numbered(number: usize) -> Outgoing {
    message(QoS::AtLeastOnce, &number.to_string())
}

#[tokio::test]
async fn everything_arrives_in_order_and_is_counted() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.outbox.messages = 100;
    let device = device(config);
    let mut peer = hub.connect(&device).await;
    let bulk = Bulk::new(device.clone(), LONG);
    let receiving = async {
        for number in 0..2_000 {
            assert_eq!(peer.take_message().await, number.to_string());
            // Three quarters of the outbox, so that the application's other calls have the rest.
            assert!(device.stats().outstanding <= 75);
        }
    };
    let (sent, ()) = within(async { tokio::join!(bulk.send_all((0..2_000).map(numbered)), receiving) }).await;
    sent.unwrap();
    assert_eq!(bulk.acknowledged(), 2_000);
}

#[tokio::test]
async fn a_chunk_that_does_not_fill_is_sent_all_the_same() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let bulk = Bulk::new(device, LONG);
    assert!(!bulk.push(numbered(1)));
    // Nobody pushes more, and nobody waits.
    assert_eq!(peer.take_message().await, "1");
    until("the acknowledgement", || bulk.acknowledged() == 1).await;
}

#[tokio::test]
async fn the_first_failure_ends_it_once_the_rest_has_its_outcome() {
    let hub = Hub::new().await;
    let device = hub.device();
    let _peer = hub.connect(&device).await;
    let bulk = Bulk::new(device.clone(), Duration::from_millis(50));
    // Nothing is acknowledged: the messages of the first chunk run out of time.
    let mut pulled = 0;
    let outcome = within(bulk.send_all((0..100_000).map(|number| {
        pulled += 1;
        numbered(number)
    })))
    .await;
    assert!(matches!(outcome, Err(Error::RequestTimeout { .. })), "{outcome:?}");
    assert_eq!(bulk.failure(), outcome.err());
    assert!(pulled < 100_000, "it went on");
    assert_eq!((bulk.acknowledged(), device.stats().outstanding), (0, 0));
}

#[tokio::test]
async fn an_outbox_full_of_others_messages_is_waited_for_until_the_timeout() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.outbox.messages = 4;
    let device = device(config);
    let mut peer = hub.connect(&device).await;
    let others: Vec<_> = (0..4).map(|_| send(&device, "other")).collect();

    let bulk = Bulk::new(device.clone(), Duration::from_millis(100));
    let started = Instant::now();
    let outcome = within(bulk.send_all((0..300).map(numbered))).await;
    assert!(matches!(outcome, Err(Error::OutboxFull { messages: 4, .. })), "{outcome:?}");
    assert!(started.elapsed() >= Duration::from_millis(100));
    drop(bulk);

    // There is room in time.
    let bulk = Bulk::new(device, LONG);
    assert!(!bulk.push(numbered(1)));
    let mut settled = ask(|reply| bulk.when_settled(reply));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(settled.is_open());
    for _ in 0..4 {
        assert_eq!(peer.take_message().await, "other");
    }
    assert_eq!(peer.take_message().await, "1");
    settled.get().await.unwrap();
    for other in others {
        other.get().await.unwrap();
    }
}

#[tokio::test]
async fn nothing_to_send_is_done_at_once() {
    let hub = Hub::new().await;
    let bulk = Bulk::new(hub.device(), LONG);
    within(bulk.send_all([])).await.unwrap();
    assert_eq!((bulk.acknowledged(), bulk.failure()), (0, None));
}
