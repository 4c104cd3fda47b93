//! Direct methods: handed over, answered on their own connection or not at all.

use std::time::Duration;

use bytes::Bytes;

use super::support::{Answer, Hub, LONG, Peer, ask, close, device, send, text, until};
use crate::{Device, Error, MAX_OPEN_CALLS, MethodRequest};
use azmqtt_mqtt::server::Event;

async fn grant(peer: &mut Peer) {
    assert_eq!(peer.answer_subscribe(true).await, "$iothub/methods/POST/#");
}

async fn serving(hub: &Hub, device: &Device) -> Peer {
    let mut peer = hub.connect(device).await;
    let watching = ask(|reply| device.watch_methods(LONG, reply));
    grant(&mut peer).await;
    watching.get().await.unwrap();
    peer
}

async fn call(peer: &mut Peer, name: &str, request_id: &str, body: &str) {
    peer.publish(&format!("$iothub/methods/POST/{name}/?$rid={request_id}"), body).await;
}

async fn next(device: &Device) -> MethodRequest {
    ask(|reply| device.methods().when_ready(reply)).get().await.unwrap();
    device.methods().take(1).pop_front().expect("somebody else took it")
}

fn respond(device: &Device, request: MethodRequest, status: i32, body: &'static str) -> Answer<()> {
    ask(|reply| device.respond(request.call, status, Bytes::from_static(body.as_bytes()), reply))
}

/// The next response: its topic and body.
async fn response(peer: &mut Peer) -> (String, String) {
    let publish = peer.message().await;
    (publish.topic.to_string(), text(&publish))
}

#[tokio::test]
async fn calls_are_answered_in_any_order() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = serving(&hub, &device).await;
    call(&mut peer, "reboot", "9", r#"{"delay":5}"#).await;
    call(&mut peer, "pump*start", "a", "").await;
    let (first, second) = (next(&device).await, next(&device).await);
    assert_eq!((first.name.as_str(), &first.payload[..]), ("reboot", &br#"{"delay":5}"#[..]));
    assert_eq!((second.name.as_str(), &second.payload[..]), ("pump*start", &b""[..]));
    assert!(device.is_open(&first.call));
    respond(&device, second, -7, "").get().await.unwrap();
    assert_eq!(response(&mut peer).await, ("$iothub/methods/res/-7/?$rid=a".to_owned(), String::new()));
    respond(&device, first, 200, "[1]").get().await.unwrap();
    assert_eq!(response(&mut peer).await, ("$iothub/methods/res/200/?$rid=9".to_owned(), "[1]".to_owned()));
    assert_eq!(device.stats().methods_called, 2);
}

#[tokio::test]
async fn a_call_at_qos_1_is_acknowledged_at_once() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = serving(&hub, &device).await;
    peer.deliver("$iothub/methods/POST/x/?$rid=1", "{}", 5).await;
    assert_eq!(peer.event().await, Some(Event::acknowledged(5)));
    assert_eq!(device.methods().len(), 1);
}

/// Request ids start over on each connection: an old response would answer a new call.
#[tokio::test]
async fn a_response_is_not_sent_on_another_connection() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = serving(&hub, &device).await;
    call(&mut peer, "slow", "1", "").await;
    let old = next(&device).await;
    call(&mut peer, "waits", "2", "").await;
    until("the call", || device.methods().len() == 1).await;
    drop(peer);
    let mut peer = hub.accept(true).await;
    grant(&mut peer).await;
    call(&mut peer, "quick", "1", "").await;
    let waited = next(&device).await;
    assert_eq!((waited.name.as_str(), device.is_open(&waited.call)), ("waits", false));
    let new = next(&device).await;
    assert!(device.is_open(&new.call));
    let error = respond(&device, old, 200, "\"old\"").get().await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
    respond(&device, new, 200, "\"new\"").get().await.unwrap();
    assert_eq!(response(&mut peer).await.1, "\"new\"");
}

#[tokio::test]
async fn without_a_connection_a_response_fails_at_once() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = serving(&hub, &device).await;
    call(&mut peer, "x", "1", "").await;
    let request = next(&device).await;
    drop(peer);
    until("the loss", || device.stats().connections_lost == 1).await;
    assert!(!device.is_open(&request.call));
    let error = respond(&device, request, 200, "").get().await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error}");
}

#[tokio::test]
async fn calls_past_the_bound_are_refused_and_a_response_makes_room() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = serving(&hub, &device).await;
    for id in 0..=MAX_OPEN_CALLS {
        call(&mut peer, "x", &format!("{id:x}"), "").await;
    }
    let (topic, body) = response(&mut peer).await;
    assert_eq!(topic, "$iothub/methods/res/429/?$rid=40");
    assert!(body.contains("too many calls"), "{body}");
    let taken = next(&device).await;
    call(&mut peer, "x", "taken is not answered", "").await;
    assert!(response(&mut peer).await.0.starts_with("$iothub/methods/res/429/"));
    respond(&device, taken, 200, "").get().await.unwrap();
    assert_eq!(response(&mut peer).await.0, "$iothub/methods/res/200/?$rid=0");
    call(&mut peer, "y", "50", "").await;
    until("the call", || device.methods().len() == MAX_OPEN_CALLS).await;
    // Nor does one that is thrown away keep its place.
    drop(device.methods().take(1));
    call(&mut peer, "y", "51", "").await;
    until("the call", || device.methods().len() == MAX_OPEN_CALLS).await;
}

#[tokio::test]
async fn a_call_for_nobody_is_answered_with_404() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    call(&mut peer, "x", "1", "").await;
    assert_eq!(response(&mut peer).await.0, "$iothub/methods/res/404/?$rid=1");
    assert!(device.methods().is_empty());
}

#[tokio::test]
async fn close_sends_the_responses_that_were_given_and_drops_the_calls_that_wait() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = serving(&hub, &device).await;
    for id in ["1", "2", "3"] {
        call(&mut peer, "x", id, "").await;
    }
    let (first, late) = (next(&device).await, next(&device).await);
    until("the call", || device.methods().len() == 1).await;
    let responding = respond(&device, first, 200, "");
    let closing = close(&device);
    assert_eq!(response(&mut peer).await.0, "$iothub/methods/res/200/?$rid=1");
    peer.expect_disconnect().await;
    assert_eq!(closing.get().await, Ok(0));
    responding.get().await.unwrap();
    assert!(device.methods().is_empty());
    assert_eq!(respond(&device, late, 200, "").get().await, Err(Error::ClientClosed));
    let error = ask(|reply| device.methods().when_ready(reply)).get().await.unwrap_err();
    assert_eq!(error, Error::ClientClosed);
}

#[tokio::test]
async fn responses_do_not_wait_for_telemetry() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.max_in_flight = 1;
    let device = device(config);
    let mut peer = serving(&hub, &device).await;
    let _in_flight = send(&device, "unacknowledged");
    let _waits = send(&device, "waits");
    assert_eq!(text(&peer.message().await), "unacknowledged");
    call(&mut peer, "x", "1", "").await;
    respond(&device, next(&device).await, 200, "").get().await.unwrap();
    assert_eq!(response(&mut peer).await.0, "$iothub/methods/res/200/?$rid=1");
}

#[tokio::test]
async fn a_renewal_waits_for_an_open_call_and_then_for_its_response_to_leave() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.sas_ttl = Duration::from_secs(1);
    let device = device(config);
    let mut peer = serving(&hub, &device).await;
    call(&mut peer, "x", "1", "").await;
    let request = next(&device).await;
    // The next connection is open; the call has the old one still.
    let mut newer = hub.accept_tls().await;
    respond(&device, request, 200, "").get().await.unwrap();
    assert_eq!(response(&mut peer).await.0, "$iothub/methods/res/200/?$rid=1");
    peer.expect_disconnect().await;
    assert!(matches!(newer.event().await, Some(Event::Connect(_))));
    newer.accept(true).await;
    grant(&mut newer).await;
    call(&mut newer, "x", "1", "").await;
    assert!(device.is_open(&next(&device).await.call));
    assert_eq!(device.stats().connections_lost, 0);
}

/// A hub that calls without end and reads nothing does not fill the memory with refusals.
#[tokio::test]
async fn refusals_that_nobody_reads_are_bounded() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    // About 30 MB of refusals: more than the sockets hold.
    let long = "r".repeat(60_000);
    for _ in 0..500 {
        call(&mut peer, "x", &long, "").await;
    }
    until("the calls", || device.stats().methods_called == 500).await;
    // Messages go out after the refusals that are kept.
    let _marker = send(&device, "marker");
    let mut refused = 0;
    while text(&peer.message().await) != "marker" {
        refused += 1;
    }
    assert!(refused < 500, "{refused}");
    call(&mut peer, "x", "last", "").await;
    assert_eq!(response(&mut peer).await.0, "$iothub/methods/res/404/?$rid=last");
}

#[tokio::test]
async fn a_handler_may_respond_while_the_client_closes() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = serving(&hub, &device).await;
    call(&mut peer, "x", "1", "").await;
    let request = next(&device).await;
    let _sent = send(&device, "keeps it open");
    let keeps_it_open = peer.message().await;
    let closing = close(&device);
    call(&mut peer, "y", "2", "").await;
    respond(&device, request, 200, "").get().await.unwrap();
    assert_eq!(response(&mut peer).await.0, "$iothub/methods/res/200/?$rid=1");
    peer.acknowledge(keeps_it_open.packet_id).await;
    peer.expect_disconnect().await;
    assert_eq!(closing.get().await, Ok(0));
}
