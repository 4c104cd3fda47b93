//! What a call's answer says about the subscriptions: everything asked for before it stands.

use std::time::Duration;

use super::support::*;
use crate::{Error, State};
use azmqtt_dialect::topic::DeviceTopic;
use azmqtt_mqtt::QoS;

const METHODS: &str = "$iothub/methods/POST/#";
const CLOUD: &str = "devices/dev/messages/devicebound/#";
const ANSWERS: &str = "$iothub/twin/res/#";
const CHANGES: &str = "$iothub/twin/PATCH/properties/desired/#";

/// A moment in which a reply that needs nothing more would have come.
const MOMENT: Duration = Duration::from_millis(50);

/// The `$rid` of the next message, a read of the twin.
async fn read_of_the_twin(peer: &mut Peer) -> String {
    let publish = peer.message().await;
    match DeviceTopic::parse(&publish.topic).unwrap() {
        DeviceTopic::TwinGet { request_id } => request_id.to_owned(),
        other => panic!("{other:?} in place of a read of the twin"),
    }
}

async fn answer(peer: &mut Peer, status: u16, rid: &str, body: &str) {
    peer.publish(&format!("$iothub/twin/res/{status}/?$rid={rid}"), body).await;
}

const TWIN: &str = r#"{"desired": {"$version": 3}, "reported": {"$version": 1}}"#;

#[tokio::test]
async fn connect_answers_when_every_subscription_stands() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut watching = [
        ask(|reply| device.watch_desired(LONG, reply)),
        ask(|reply| device.watch_messages(LONG, reply)),
        ask(|reply| device.watch_methods(LONG, reply)),
    ];
    let mut connected = ask(|reply| device.connect(LONG, reply));
    let mut peer = hub.accept(false).await;
    for filter in [ANSWERS, CHANGES, CLOUD, METHODS] {
        tokio::time::sleep(MOMENT).await;
        assert!(connected.is_open(), "{filter} is not granted yet");
        assert_eq!(peer.answer_subscribe(true).await, filter);
    }
    let rid = read_of_the_twin(&mut peer).await;
    tokio::time::sleep(MOMENT).await;
    assert!(connected.is_open(), "the twin is not read yet");
    assert!(watching[0].is_open());
    answer(&mut peer, 200, &rid, TWIN).await;
    connected.get().await.unwrap();
    for watching in watching {
        watching.get().await.unwrap();
    }
}

#[tokio::test]
async fn the_first_call_waits_for_the_subscriptions_too() {
    let hub = Hub::new().await;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let device = hub.device();
        let watching = ask(|reply| device.watch_methods(LONG, reply));
        let mut sent = ask(|reply| device.send(message(qos, "first"), LONG, reply));
        let mut peer = hub.accept(false).await;
        let subscribe = peer.subscribe().await;
        tokio::time::sleep(MOMENT).await;
        assert!(sent.is_open(), "sent before the subscription stands");
        peer.grant(&subscribe).await;
        assert_eq!(peer.take_message().await, "first");
        sent.get().await.unwrap();
        watching.get().await.unwrap();
    }
}

#[tokio::test]
async fn a_subscription_on_a_live_connection_stands_before_the_next_answer() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    drop(ask(|reply| device.watch_methods(LONG, reply)));
    let mut sent = send(&device, "next");
    let mut connected = ask(|reply| device.connect(LONG, reply));
    let subscribe = peer.subscribe().await;
    tokio::time::sleep(MOMENT).await;
    assert!(sent.is_open() && connected.is_open());
    peer.grant(&subscribe).await;
    assert_eq!(peer.take_message().await, "next");
    sent.get().await.unwrap();
    connected.get().await.unwrap();
}

#[tokio::test]
async fn a_reconnect_answers_calls_when_the_subscriptions_stand_again() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let watching = ask(|reply| device.watch_messages(LONG, reply));
    peer.answer_subscribe(true).await;
    watching.get().await.unwrap();
    drop(peer);
    until("the loss", || device.state() != State::Connected).await;
    let mut sent = send(&device, "again");
    let mut peer = hub.accept(true).await;
    let subscribe = peer.subscribe().await;
    tokio::time::sleep(MOMENT).await;
    assert!(sent.is_open());
    peer.grant(&subscribe).await;
    assert_eq!(peer.take_message().await, "again");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_connect_that_runs_out_of_time_names_what_is_missing() {
    let hub = Hub::new().await;
    let device = hub.device();
    drop(ask(|reply| device.watch_methods(LONG, reply)));
    drop(ask(|reply| device.watch_desired(LONG, reply)));
    let timeout = Duration::from_millis(300);
    let connected = ask(|reply| device.connect(timeout, reply));
    let mut peer = hub.accept(false).await;
    for _ in [ANSWERS, CHANGES] {
        peer.answer_subscribe(true).await;
    }
    assert_eq!(peer.subscribe().await.filters[0].filter, METHODS);
    let error = connected.get().await.unwrap_err().to_string();
    assert!(error.starts_with("no answer to connect within 0.3 s (connected, "), "{error}");
    assert!(error.contains("the subscription to desired properties"), "{error}");
    assert_eq!(device.state(), State::Connected);
}

#[tokio::test]
async fn a_refused_subscription_fails_connect_and_not_the_connection() {
    let hub = Hub::new().await;
    let device = hub.device();
    drop(ask(|reply| device.watch_methods(LONG, reply)));
    let connected = ask(|reply| device.connect(LONG, reply));
    let mut peer = hub.accept(false).await;
    peer.answer_subscribe(false).await;
    let error = connected.get().await.unwrap_err();
    assert!(matches!(&error, Error::BadAnswer { reason } if reason.contains(METHODS)), "{error}");
    let sent = send(&device, "all the same");
    assert_eq!(peer.take_message().await, "all the same");
    sent.get().await.unwrap();
    ask(|reply| device.connect(LONG, reply)).get().await.unwrap();
}

#[tokio::test]
async fn a_hub_that_hangs_up_on_a_subscription_gets_the_messages_all_the_same() {
    let hub = Hub::new().await;
    let device = hub.device();
    drop(ask(|reply| device.watch_methods(LONG, reply)));
    let sent = send(&device, "not held up for ever");
    let mut peer = hub.accept(false).await;
    peer.subscribe().await;
    drop(peer);
    let mut peer = hub.accept(false).await;
    peer.subscribe().await;
    assert_eq!(peer.take_message().await, "not held up for ever");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_hub_without_twins_says_so_at_once() {
    let hub = Hub::new().await;
    let device = hub.device();
    let watching = ask(|reply| device.watch_desired(LONG, reply));
    let mut connected = ask(|reply| device.connect(LONG, reply));
    let mut peer = hub.accept(false).await;
    peer.answer_subscribe(true).await;
    peer.answer_subscribe(true).await;
    for _ in 0..3 {
        let rid = read_of_the_twin(&mut peer).await;
        answer(&mut peer, 403, &rid, r#"{"errorCode":403000,"message":"not on this tier"}"#).await;
        let error = connected.get().await.unwrap_err();
        assert!(matches!(error, Error::RequestFailed { status: 403, .. }), "{error}");
        // Who asks again has the hub asked again.
        connected = ask(|reply| device.connect(LONG, reply));
    }
    let error = watching.get().await.unwrap_err();
    assert!(matches!(error, Error::RequestFailed { status: 403, .. }), "{error}");
    let sent = send(&device, "all the same");
    read_of_the_twin(&mut peer).await;
    assert_eq!(peer.take_message().await, "all the same");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_throttled_comparison_is_made_again_while_connect_waits() {
    let hub = Hub::new().await;
    let device = hub.device();
    drop(ask(|reply| device.watch_desired(LONG, reply)));
    let timeout = Duration::from_millis(300);
    let connected = ask(|reply| device.connect(timeout, reply));
    let mut peer = hub.accept(false).await;
    peer.answer_subscribe(true).await;
    peer.answer_subscribe(true).await;
    let rid = read_of_the_twin(&mut peer).await;
    answer(&mut peer, 429, &rid, r#"{"message":"slow down"}"#).await;
    let error = connected.get().await.unwrap_err();
    assert!(matches!(error, Error::RequestTimeout { .. }), "{error}");
    assert!(error.to_string().contains("slow down"), "{error}");
}

#[tokio::test]
async fn a_change_between_the_grant_and_the_comparison_is_handed_on() {
    let hub = Hub::new().await;
    let device = hub.device();
    let watching = ask(|reply| device.watch_desired(LONG, reply));
    let mut peer = hub.accept(false).await;
    peer.answer_subscribe(true).await;
    peer.answer_subscribe(true).await;
    peer.publish("$iothub/twin/PATCH/properties/desired/?$version=3", r#"{"a": 1, "$version": 3}"#).await;
    let rid = read_of_the_twin(&mut peer).await;
    answer(&mut peer, 200, &rid, r#"{"desired": {"a": 1, "$version": 3}, "reported": {"$version": 1}}"#)
        .await;
    watching.get().await.unwrap();
    until("the change", || !device.desired().is_empty()).await;
    assert_eq!(device.desired().take(9)[0].version, 3);
}
