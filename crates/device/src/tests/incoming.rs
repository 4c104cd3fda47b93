//! Receivers: each item goes to one of them, and is acknowledged once the application is done with it, in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::support::{Hub, LONG, Peer, ask, close, send, until, within};
use crate::{CloudMessage, DesiredPatch, Device, Error, Receiver, State, StateChanges};
use azmqtt_mqtt::server::Event;

const TOPIC: &str = "devices/dev/messages/devicebound/";

async fn receiving(hub: &Hub, device: &Device) -> (Peer, Receiver<CloudMessage>) {
    let mut peer = hub.connect(device).await;
    let receiver = Receiver::new(device.clone(), LONG);
    assert_eq!(peer.answer_subscribe(true).await, "devices/dev/messages/devicebound/#");
    ask(|reply| receiver.when_subscribed(reply)).get().await.unwrap();
    (peer, receiver)
}

async fn next(receiver: &Receiver<CloudMessage>) -> String {
    let message = within(receiver.next()).await.unwrap().unwrap();
    String::from_utf8(message.payload.to_vec()).unwrap()
}

/// A message sent now is the next that the hub hears: nothing was acknowledged.
async fn hears_nothing(device: &Device, peer: &mut Peer) {
    let sent = send(device, "marker");
    assert_eq!(peer.take_message().await, "marker");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn asking_for_the_next_acknowledges_the_one_before() {
    let hub = Hub::new().await;
    let device = hub.device();
    let (mut peer, receiver) = receiving(&hub, &device).await;
    peer.deliver(TOPIC, "one", 1).await;
    assert_eq!(next(&receiver).await, "one");
    hears_nothing(&device, &mut peer).await;
    assert!(receiver.take().is_none());
    assert_eq!(peer.event().await, Some(Event::acknowledged(1)));

    peer.deliver(TOPIC, "two", 2).await;
    assert_eq!(next(&receiver).await, "two");
    hears_nothing(&device, &mut peer).await;
    drop(receiver);
    assert_eq!(peer.event().await, Some(Event::acknowledged(2)));
}

#[tokio::test]
async fn two_receivers_share_the_items_and_keep_the_order_of_acknowledgements() {
    let hub = Hub::new().await;
    let device = hub.device();
    let (mut peer, first) = receiving(&hub, &device).await;
    let second = Receiver::<CloudMessage>::new(device.clone(), LONG);
    for (number, text) in (1..).zip(["one", "two", "three"]) {
        peer.deliver(TOPIC, text, number).await;
    }
    until("the messages", || device.stats().messages_waiting == 3).await;
    assert_eq!(next(&first).await, "one");
    assert_eq!(next(&second).await, "two");
    // Fetched, and not taken.
    assert_eq!(device.stats().messages_waiting, 1);
    // The second is done before the first is.
    second.done();
    hears_nothing(&device, &mut peer).await;
    first.done();
    assert_eq!(peer.event().await, Some(Event::acknowledged(1)));
    assert_eq!(peer.event().await, Some(Event::acknowledged(2)));
    // Whoever goes leaves the rest to the others.
    drop(first);
    assert_eq!(next(&second).await, "three");
}

#[tokio::test]
async fn a_refused_subscription_is_told_and_tried_again() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let receiver = Receiver::<DesiredPatch>::new(device.clone(), LONG);
    let refusing = async { peer.answer_subscribe(false).await };
    let (outcome, _) = within(async { tokio::join!(receiver.next(), refusing) }).await;
    assert!(matches!(outcome, Err(Error::BadAnswer { .. })), "{outcome:?}");
    let (again, _) = within(async { tokio::join!(receiver.next(), peer.answer_subscribe(false)) }).await;
    assert!(matches!(again, Err(Error::BadAnswer { .. })), "{again:?}");
}

#[tokio::test]
async fn a_subscription_is_kept_until_it_is_granted_or_the_device_ends() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let receiver = Arc::new(Receiver::<CloudMessage>::new(device.clone(), LONG));
    let told = Mutex::new(Vec::new());
    let keep =
        || Receiver::keep_subscribed(Arc::downgrade(&receiver), |error| told.lock().unwrap().push(error));
    let answers = async {
        peer.answer_subscribe(false).await;
        peer.answer_subscribe(true).await;
    };
    within(async { tokio::join!(keep(), answers) }).await;
    let told_before_it_was_granted = std::mem::take(&mut *told.lock().unwrap());
    assert!(
        matches!(told_before_it_was_granted[..], [Error::BadAnswer { .. }]),
        "{told_before_it_was_granted:?}"
    );
    within(keep()).await;
    assert!(told.lock().unwrap().is_empty());
    // Of a receiver that is gone nobody is told.
    drop(receiver);
    drop(peer);
}

#[tokio::test]
async fn the_end_of_the_device_is_the_end_of_the_items() {
    let hub = Hub::new().await;
    let device = hub.device();
    let changes = StateChanges::of(device.state_changes());
    let (mut peer, receiver) = receiving(&hub, &device).await;
    // At QoS 0: one of QoS 1 that nobody took is delivered again.
    peer.publish(TOPIC, "last").await;
    until("the message", || device.stats().messages_waiting == 1).await;
    let closing = close(&device);
    peer.expect_disconnect().await;
    closing.get().await.unwrap();
    assert_eq!(next(&receiver).await, "last");
    assert_eq!(within(receiver.next()).await, Ok(None));
    let states: Vec<_> = std::iter::from_fn(|| changes.take()).map(|change| change.state).collect();
    assert_eq!(states.last(), Some(&State::Closed));
}

#[tokio::test]
async fn a_wait_that_is_given_up_takes_nothing() {
    let hub = Hub::new().await;
    let device = hub.device();
    let (mut peer, receiver) = receiving(&hub, &device).await;
    assert!(tokio::time::timeout(Duration::from_millis(20), receiver.next()).await.is_err());
    peer.deliver(TOPIC, "one", 1).await;
    assert_eq!(next(&receiver).await, "one");
}
