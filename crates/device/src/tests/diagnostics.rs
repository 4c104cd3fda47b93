//! What can be seen of a connection: changes of its state, the log, figures, and the step that is under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::support::{Hub, LONG, ask, close, config, device, send, until, within};
use crate::State::{Closed, Connected, Connecting, Disconnected, Reconnecting};
use crate::{Device, Error, Event, Inbox, Log, Reply, State, StateChange};
use azmqtt_client::watch::{MAX_LOG_ENTRIES, MAX_STATE_CHANGES};

/// The changes up to one to `last`.
async fn changes_to(last: State, inbox: &Inbox<StateChange>) -> Vec<StateChange> {
    let mut changes = Vec::new();
    while changes.last().is_none_or(|change: &StateChange| change.state != last) {
        let (reply, ready) = Reply::channel();
        inbox.when_ready(reply);
        within(ready).await.unwrap().unwrap();
        changes.extend(inbox.take(usize::MAX));
    }
    changes
}

fn states(changes: &[StateChange]) -> Vec<State> {
    changes.iter().map(|change| change.state).collect()
}

fn events(log: &Log) -> Vec<Event> {
    log.entries().take(usize::MAX).into_iter().map(|entry| entry.event).collect()
}

#[tokio::test]
async fn every_change_comes_once_in_order_and_the_last_is_closed() {
    let hub = Hub::new().await;
    let device = hub.device();
    let (first, second) = (device.state_changes(), device.state_changes());
    let peer = hub.connect(&device).await;
    drop(peer);
    let again = hub.accept(false).await;
    until("it is back", || device.state() == State::Connected).await;
    let closing = close(&device);
    drop(again);
    closing.get().await.unwrap();

    let changes = changes_to(State::Closed, &first).await;
    assert_eq!(states(&changes), [Connecting, Connected, Reconnecting, Connected, Closed]);
    let mut previous = Disconnected;
    for change in &changes {
        assert_eq!(change.previous, previous);
        previous = change.state;
    }
    assert!(changes[2].reason.as_ref().unwrap().contains("closed the connection"));
    assert!(changes.windows(2).all(|pair| pair[0].at <= pair[1].at));
    // Each queue has all of them, and both have ended.
    assert_eq!(changes_to(Closed, &second).await, changes);
    for inbox in [first, second, device.state_changes()] {
        let (reply, ended) = Reply::channel();
        inbox.when_ready(reply);
        assert_eq!(within(ended).await.unwrap(), Err(Error::ClientClosed));
    }
}

#[tokio::test]
async fn a_client_that_was_never_used_is_closed_with_a_word() {
    let device = device(config(1));
    let inbox = device.state_changes();
    close(&device).get().await.unwrap();
    let changes = changes_to(State::Closed, &inbox).await;
    assert_eq!((changes.len(), changes[0].previous), (1, State::Disconnected));
}

#[tokio::test]
async fn a_failed_first_attempt_has_its_reason() {
    let device = device(config(1));
    let inbox = device.state_changes();
    let error = ask(|reply| device.connect(LONG, reply)).get().await.unwrap_err();
    let changes = changes_to(State::Disconnected, &inbox).await;
    assert_eq!(states(&changes), [State::Connecting, State::Disconnected]);
    assert_eq!(changes[1].reason, Some(error.to_string()));
}

/// A device that goes up and down until it has been told `count` times.
async fn flap(device: &Device, hub: &Hub, count: u64) {
    let mut peer = Some(hub.connect(device).await);
    while device.stats().connects < count {
        drop(peer.take());
        peer = Some(hub.accept(false).await);
        let connects = device.stats().connects;
        until("it is back", || device.stats().connects > connects || device.state() == State::Connected)
            .await;
    }
}

#[tokio::test]
async fn a_queue_that_nobody_takes_keeps_the_newest_and_is_forgotten_with_its_holder() {
    let inbox = Inbox::default();
    for number in 0..MAX_STATE_CHANGES + 5 {
        assert_eq!(inbox.push_within(number, MAX_STATE_CHANGES), number >= MAX_STATE_CHANGES);
    }
    let kept: VecDeque<usize> = inbox.take(usize::MAX);
    assert_eq!(
        (kept.len(), kept[0], kept[MAX_STATE_CHANGES - 1]),
        (MAX_STATE_CHANGES, 5, MAX_STATE_CHANGES + 4)
    );

    let hub = Hub::new().await;
    let device = hub.device();
    let kept = device.state_changes();
    drop(device.state_changes());
    flap(&device, &hub, 3).await;
    assert!(kept.len() >= 4);
    assert_eq!(Arc::weak_count(&kept), 1);
}

#[tokio::test]
async fn the_log_tells_of_attempts_renewals_and_on_request_of_details() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.sas_ttl = Duration::from_secs(1);
    let device = device(config);
    let log = Arc::new(Log::default());
    device.log_to(&log, "dev".into());
    let mut peer = hub.connect(&device).await;
    peer.publish("$iothub/twin/res/200/?$rid=unasked", "{}").await;
    until("it was read", || device.stats().twin_answers_unmatched == 1).await;
    log.set_details(true);
    peer.publish("$iothub/twin/res/404/?$rid=unasked2", "{}").await;
    until("it was read", || device.stats().twin_answers_unmatched == 2).await;
    let (renewed, ()) = tokio::join!(hub.accept(false), peer.expect_disconnect());
    until("the renewal", || log.entries().len() == 4).await;
    drop(renewed);
    let mut peer = hub.accept(false).await;
    until("it is back", || device.state() == State::Connected).await;
    let closing = close(&device);
    peer.expect_disconnect().await;
    closing.get().await.unwrap();

    let events = events(&log);
    let state = |event: &Event| match event {
        Event::State(change) => Some(change.state),
        _ => None,
    };
    assert_eq!(state(&events[0]), Some(State::Connecting));
    assert_eq!(state(&events[1]), Some(State::Connected));
    assert_eq!(events[2], Event::Unmatched { request_id: "unasked2".into(), status: 404 });
    assert_eq!(events[3], Event::Renewed);
    assert_eq!(state(&events[4]), Some(State::Reconnecting));
    assert!(matches!(&events[5], Event::Retry { reason, .. } if reason.contains("closed the connection")));
    assert_eq!(state(&events[6]), Some(State::Connected));
    assert_eq!(state(&events[7]), Some(State::Closed));
    assert_eq!(events.len(), 8);
    assert_eq!(log.left_out(), 0);
}

#[test]
fn a_log_that_nobody_reads_stays_bounded_and_counts() {
    let log = Arc::new(Log::default());
    let device = Device::new(config(1), || unreachable!("nothing is started"));
    device.log_to(&log, "dev".into());
    let reply = Reply::ignore;
    device.close(Duration::ZERO, reply());
    assert_eq!(log.entries().len(), 1);
    for _ in 0..MAX_LOG_ENTRIES + 3 {
        let device = Device::new(config(1), || unreachable!("nothing is started"));
        device.log_to(&log, "dev".into());
        device.close(Duration::ZERO, reply());
    }
    assert_eq!((log.entries().len(), log.left_out(), log.left_out()), (MAX_LOG_ENTRIES, 4, 0));
}

#[tokio::test]
async fn figures_of_a_connection() {
    let hub = Hub::new().await;
    let device = hub.device();
    let before = device.stats();
    assert_eq!((before.publish_round_trip, before.connected_since, before.token_expiry), (None, None, None));
    let mut peer = hub.connect(&device).await;

    let sent = send(&device, "slow");
    let publish = peer.message().await;
    assert_eq!((device.stats().in_flight, device.stats().outbox), (1, 0));
    tokio::time::sleep(Duration::from_millis(30)).await;
    peer.acknowledge(publish.packet_id).await;
    sent.get().await.unwrap();
    let stats = device.stats();
    let trips = stats.publish_round_trip.unwrap();
    assert_eq!(trips.count, 1);
    assert!(trips.max >= Duration::from_millis(30), "{trips:?}");
    assert!(stats.connected_since.is_some() && stats.token_expiry.is_some());
    assert_eq!((stats.twin_round_trip, stats.ping_round_trip, stats.reconnects), (None, None, 0));

    let twin = ask(|reply| device.get_twin(LONG, reply));
    peer.answer_subscribe(true).await;
    let request = peer.message().await;
    let id = request.topic.split_once("$rid=").unwrap().1.to_owned();
    let body = r#"{"desired":{"$version":1},"reported":{"$version":1}}"#;
    peer.publish(&format!("$iothub/twin/res/200/?$rid={id}"), body).await;
    twin.get().await.unwrap();
    assert_eq!(device.stats().twin_round_trip.unwrap().count, 1);

    // An outage is no round trip.
    let sent = send(&device, "twice");
    drop(peer.message().await);
    drop(peer);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut peer = hub.accept(true).await;
    peer.take_message().await;
    sent.get().await.unwrap();
    let stats = device.stats();
    assert_eq!((stats.publish_round_trip.unwrap().count, stats.reconnects), (1, 1));
    assert_eq!((stats.messages_sent, stats.in_flight), (2, 0));
}

#[tokio::test]
async fn messages_that_wait_for_a_connection_are_in_the_outbox() {
    let hub = Hub::new().await;
    let device = hub.device();
    let _sent = [send(&device, "one"), send(&device, "two")];
    until("they wait", || device.stats().outbox == 2).await;
    assert_eq!(device.stats().in_flight, 0);
}

#[tokio::test]
async fn a_timeout_names_the_step_that_is_under_way() {
    let hub = Hub::new().await;
    let device = hub.device();
    let limit = Duration::from_millis(200);
    let connecting = ask(|reply| device.connect(limit, reply));
    let tcp = hub.accept_tcp().await;
    let text = connecting.get().await.unwrap_err().to_string();
    assert!(text.contains("(not connected: the TLS handshake with localhost:"), "{text}");
    drop(tcp);

    let device = hub.device();
    let connecting = ask(|reply| device.connect(limit, reply));
    let peer = hub.accept_mqtt().await;
    let text = connecting.get().await.unwrap_err().to_string();
    assert!(text.contains("the answer to CONNECT from localhost:"), "{text}");
    drop(peer);
}

/// Roots from somebody who does not answer.
struct Mute;

impl crate::RootSource for Mute {
    fn roots(&self) -> crate::BoxFuture<'_, Result<String, String>> {
        Box::pin(std::future::pending())
    }

    fn name(&self) -> &'static str {
        "mute"
    }
}

#[tokio::test]
async fn so_do_those_of_a_trust_bundle_a_registration_and_an_upload() {
    let hub = Hub::new().await;
    let limit = Duration::from_millis(200);
    let mut config = hub.config();
    config.endpoint.trust = azmqtt_net::Trust::from_source(std::sync::Arc::new(Mute));
    let device = crate::Device::new(config, tokio::runtime::Handle::current);
    let text = ask(|reply| device.connect(limit, reply)).get().await.unwrap_err().to_string();
    assert!(text.contains("(not connected: the trust bundle for localhost:"), "{text}");

    let config = hub.config();
    let registrant = azmqtt_dialect::provisioning::Registrant::new("0ne0001", "dev").unwrap();
    let registration = crate::ProvisioningConfig {
        endpoint: config.endpoint.clone(),
        ..crate::ProvisioningConfig::new(registrant, config.credentials.clone())
    };
    let handle = tokio::runtime::Handle::current();
    let registered = ask(|reply| drop(crate::provisioning::register(registration, limit, &handle, reply)));
    let tcp = hub.accept_tcp().await;
    let text = registered.get().await.unwrap_err().to_string();
    assert!(text.contains("(not connected: the TLS handshake with localhost:"), "{text}");
    drop(tcp);

    let config = crate::DeviceConfig { https_port: hub.port(), ..config };
    let device = crate::Device::new(config, tokio::runtime::Handle::current);
    let upload = device.upload("a.txt".to_owned(), limit, LONG).unwrap();
    let started = ask(|reply| upload.run(crate::upload::UploadStep::Start, reply));
    let _tcp = hub.accept_tcp().await;
    let text = started.get().await.unwrap_err().to_string();
    assert!(text.contains("(not connected: the TLS handshake with "), "{text}");
}
