//! Desired properties across reconnects: no change missed, none twice.

use azmqtt_mqtt::{Disconnect, ReasonCode};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{Hub, LONG, Peer, ask, text, until};
use crate::{DesiredPatch, Device, Error};
use azmqtt_mqtt::server::Event;

const CHANGES: &str = "$iothub/twin/PATCH/properties/desired/";

async fn grant_both(peer: &mut Peer) {
    assert_eq!(peer.answer_subscribe(true).await, "$iothub/twin/res/#");
    assert_eq!(peer.answer_subscribe(true).await, format!("{CHANGES}#"));
}

/// Answers the next twin read.
async fn answer_read(peer: &mut Peer, desired: &Value, version: u64) {
    let rid = read_request(peer).await;
    answer(peer, &rid, desired, version).await;
}

async fn read_request(peer: &mut Peer) -> String {
    let publish = peer.message().await;
    let rid = publish.topic.strip_prefix("$iothub/twin/GET/?$rid=");
    rid.unwrap_or_else(|| panic!("{} {}", publish.topic, text(&publish))).to_owned()
}

async fn answer(peer: &mut Peer, rid: &str, desired: &Value, version: u64) {
    let mut desired = desired.clone();
    desired["$version"] = version.into();
    let body = json!({"desired": desired, "reported": {"$version": 1}}).to_string();
    peer.publish(&format!("$iothub/twin/res/200/?$rid={rid}"), &body).await;
}

async fn notify(peer: &mut Peer, patch: &Value, version: u64) {
    let mut body = patch.clone();
    body["$version"] = version.into();
    peer.publish(&format!("{CHANGES}?$version={version}"), &body.to_string()).await;
}

/// A device that watches, in step with `{"n": 1}` at version 1.
async fn watching(hub: &Hub) -> (Device, Peer) {
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let mut watching = ask(|reply| device.watch_desired(LONG, reply));
    grant_both(&mut peer).await;
    assert!(watching.is_open(), "not before the comparison");
    answer_read(&mut peer, &json!({"n": 1}), 1).await;
    watching.get().await.unwrap();
    assert!(device.desired().is_empty(), "changes count from here");
    (device, peer)
}

async fn next(device: &Device) -> DesiredPatch {
    ask(|reply| device.desired().when_ready(reply)).get().await.unwrap();
    device.desired().take(1).pop_front().expect("somebody else took it")
}

fn patch(version: u64, patch: Value) -> DesiredPatch {
    DesiredPatch { patch, version }
}

#[tokio::test]
async fn changes_arrive_as_they_come() {
    let hub = Hub::new().await;
    let (device, mut peer) = watching(&hub).await;
    notify(&mut peer, &json!({"n": 2}), 2).await;
    notify(&mut peer, &json!({"n": 2}), 2).await;
    notify(&mut peer, &json!({"n": null, "m": {"x": 1}}), 3).await;
    assert_eq!(next(&device).await, patch(2, json!({"n": 2})));
    assert_eq!(next(&device).await, patch(3, json!({"n": null, "m": {"x": 1}})));
    assert_eq!(device.stats().desired_changes, 2);
}

#[tokio::test]
async fn changes_made_while_offline_come_as_one() {
    let hub = Hub::new().await;
    let (device, peer) = watching(&hub).await;
    drop(peer);
    let mut peer = hub.accept(true).await;
    // In a kept session the hub may notify before the subscription is back.
    notify(&mut peer, &json!({"n": 5}), 5).await;
    grant_both(&mut peer).await;
    let rid = read_request(&mut peer).await;
    notify(&mut peer, &json!({"n": 6}), 6).await;
    answer(&mut peer, &rid, &json!({"n": 5, "new": true}), 5).await;
    assert_eq!(next(&device).await, patch(5, json!({"n": 5, "new": true})));
    assert_eq!(next(&device).await, patch(6, json!({"n": 6})));
    notify(&mut peer, &json!({"n": 7}), 7).await;
    assert_eq!(next(&device).await, patch(7, json!({"n": 7})));
    assert_eq!(device.stats().desired_changes, 3);
}

#[tokio::test]
async fn nothing_changed_while_offline() {
    let hub = Hub::new().await;
    let (device, peer) = watching(&hub).await;
    drop(peer);
    let mut peer = hub.accept(false).await;
    grant_both(&mut peer).await;
    answer_read(&mut peer, &json!({"n": 1}), 1).await;
    notify(&mut peer, &json!({"n": 2}), 2).await;
    assert_eq!(next(&device).await, patch(2, json!({"n": 2})));
}

#[tokio::test]
async fn a_gap_or_an_unreadable_change_is_read_from_the_twin() {
    let hub = Hub::new().await;
    let (device, mut peer) = watching(&hub).await;
    notify(&mut peer, &json!({"n": 3}), 3).await;
    answer_read(&mut peer, &json!({"n": 3, "missed": 2}), 3).await;
    assert_eq!(next(&device).await, patch(3, json!({"n": 3, "missed": 2})));
    for (version, body) in [(4, "{"), (5, "[]"), (6, "")] {
        peer.publish(&format!("{CHANGES}?$version={version}"), body).await;
        answer_read(&mut peer, &json!({"n": version, "missed": 2}), version).await;
        assert_eq!(next(&device).await, patch(version, json!({ "n": version })));
    }
    peer.publish(&format!("{CHANGES}?$version=none"), "{}").await;
    peer.publish(&format!("{CHANGES}?"), "{}").await;
    notify(&mut peer, &json!({"n": 7}), 7).await;
    assert_eq!(next(&device).await, patch(7, json!({"n": 7})));
}

#[tokio::test]
async fn a_line_lost_during_the_comparison_starts_it_over() {
    let hub = Hub::new().await;
    let (device, peer) = watching(&hub).await;
    drop(peer);
    let mut peer = hub.accept(true).await;
    grant_both(&mut peer).await;
    let old = read_request(&mut peer).await;
    drop(peer);
    let mut peer = hub.accept(true).await;
    grant_both(&mut peer).await;
    let new = read_request(&mut peer).await;
    assert_ne!(old, new, "an answer to the old one could be older than the subscription");
    answer(&mut peer, &old, &json!({"n": 2}), 2).await;
    answer(&mut peer, &new, &json!({"n": 3}), 3).await;
    assert_eq!(next(&device).await, patch(3, json!({"n": 3})));
}

#[tokio::test]
async fn a_slow_application_gets_what_it_missed_as_one_change_as_soon_as_it_looks() {
    let hub = Hub::new().await;
    let (device, mut peer) = watching(&hub).await;
    for version in 2..=200 {
        notify(&mut peer, &json!({ "n": version, format!("k{}", version % 3): version }), version).await;
    }
    // Answered after all of them were taken in.
    let reading = ask(|reply| device.get_twin(LONG, reply));
    answer_read(&mut peer, &json!({}), 200).await;
    reading.get().await.unwrap();
    let waiting = device.desired().len();
    assert!(waiting < 100, "{waiting} changes pile up");

    let mut known = json!({"n": 1});
    let mut versions = Vec::new();
    let started = Instant::now();
    while versions.last() != Some(&200) {
        let change = next(&device).await;
        azmqtt_dialect::twin::merge_patch(&mut known, &change.patch);
        versions.push(change.version);
    }
    assert!(started.elapsed() < LONG / 2, "nothing but the room woke the connection");
    assert_eq!(known, json!({"n": 200, "k0": 198, "k1": 199, "k2": 200}));
    assert!(versions.is_sorted() && versions.len() == waiting + 1, "{versions:?}");
    notify(&mut peer, &json!({"n": 201}), 201).await;
    assert_eq!(next(&device).await, patch(201, json!({"n": 201})));
}

#[tokio::test]
async fn what_was_kept_back_comes_without_a_connection_too() {
    let hub = Hub::new().await;
    let (device, mut peer) = watching(&hub).await;
    for version in 2..=100 {
        notify(&mut peer, &json!({ "n": version }), version).await;
    }
    let reading = ask(|reply| device.get_twin(LONG, reply));
    answer_read(&mut peer, &json!({}), 100).await;
    reading.get().await.unwrap();
    drop((peer, hub));
    until("the loss", || device.stats().connections_lost == 1).await;
    let started = Instant::now();
    while next(&device).await.version < 100 {}
    assert!(started.elapsed() < LONG / 2);
}

#[tokio::test]
async fn a_refused_subscription_is_an_error_for_who_asks() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let watching = ask(|reply| device.watch_desired(LONG, reply));
    assert_eq!(peer.answer_subscribe(true).await, "$iothub/twin/res/#");
    assert_eq!(peer.answer_subscribe(false).await, format!("{CHANGES}#"));
    let error = watching.get().await.unwrap_err();
    assert!(
        matches!(&error, Error::BadAnswer { reason } if reason.contains("properties/desired")),
        "{error}"
    );

    let watching = ask(|reply| device.watch_desired(LONG, reply));
    peer.answer_subscribe(true).await;
    answer_read(&mut peer, &json!({}), 1).await;
    watching.get().await.unwrap();
}

#[tokio::test]
async fn a_subscription_refused_after_a_reconnect_is_asked_for_again() {
    let hub = Hub::new().await;
    let (device, peer) = watching(&hub).await;
    drop(peer);
    let mut peer = hub.accept(true).await;
    peer.answer_subscribe(true).await;
    peer.answer_subscribe(false).await;
    until("the word of it", || device.last_error().is_some_and(|error| error.contains("refused"))).await;
    drop(peer);
    let mut peer = hub.accept(true).await;
    grant_both(&mut peer).await;
    answer_read(&mut peer, &json!({"n": 2}), 2).await;
    assert_eq!(next(&device).await, patch(2, json!({"n": 2})));
}

#[tokio::test]
async fn who_waits_for_changes_hears_of_the_end() {
    let hub = Hub::new().await;
    let (device, mut peer) = watching(&hub).await;
    let waiting = ask(|reply| device.desired().when_ready(reply));
    assert_eq!(super::support::close(&device).get().await, Ok(0));
    assert_eq!(waiting.get().await, Err(Error::ClientClosed));
    assert_eq!(peer.event().await, Some(Event::Disconnect(Disconnect::new(ReasonCode::Success))));
}

#[tokio::test]
async fn closing_does_not_wait_for_a_comparison() {
    let hub = Hub::new().await;
    let (device, mut peer) = watching(&hub).await;
    let sent = super::support::send(&device, "last");
    let publish = peer.message().await;
    let closing = ask(|reply| device.close(Duration::from_secs(60), reply));
    // A gap: in the middle of life it would be read, and the read has no answer here.
    notify(&mut peer, &json!({"n": 9}), 9).await;
    answer(&mut peer, "nobody", &json!({}), 1).await;
    until("it has seen the gap", || device.stats().twin_answers_unmatched == 1).await;
    peer.acknowledge(publish.packet_id).await;
    sent.get().await.unwrap();
    assert_eq!(closing.get().await, Ok(0));
    peer.expect_disconnect().await;
}
