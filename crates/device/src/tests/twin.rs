//! Twin requests over the wire: each answered by its own answer, or told why not.

use std::time::{Duration, Instant};

use serde_json::json;

use super::support::{Answer, Hub, LONG, Peer, ask, until};
use crate::{Device, Error, ReportedPatch, ReportedProperties, TwinDocument};

const TWIN: &str = r#"{"desired":{"a":1,"$version":4},"reported":{"b":2,"$version":7}}"#;

fn get(device: &Device) -> Answer<TwinDocument> {
    ask(|reply| device.get_twin(LONG, reply))
}

fn patch(device: &Device, body: &'static str, if_version: Option<u64>) -> Answer<ReportedPatch> {
    let patch = ReportedProperties::from_json(body).unwrap();
    ask(|reply| device.patch_reported(patch, if_version, LONG, reply))
}

/// The next twin request: its topic up to the identifier, the identifier, and its body.
async fn request(peer: &mut Peer) -> (String, String, String) {
    let publish = peer.message().await;
    assert!(publish.topic.starts_with("$iothub/twin/"), "{}", publish.topic);
    let (start, rid) = publish.topic.split_once("$rid=").unwrap();
    let rid = rid.split('&').next().unwrap().to_owned();
    (start.to_owned(), rid, super::support::text(&publish))
}

async fn answer(peer: &mut Peer, status: u16, rid: &str, rest: &str, body: &str) {
    peer.publish(&format!("$iothub/twin/res/{status}/?$rid={rid}{rest}"), body).await;
}

#[tokio::test]
async fn reads_and_patches_with_one_subscription() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let reading = get(&device);
    assert_eq!(peer.answer_subscribe(true).await, "$iothub/twin/res/#");
    let (topic, rid, body) = request(&mut peer).await;
    assert_eq!((topic.as_str(), body.as_str()), ("$iothub/twin/GET/?", ""));
    answer(&mut peer, 200, &rid, "", TWIN).await;
    let twin = reading.get().await.unwrap();
    assert_eq!((twin.desired, twin.desired_version), (json!({"a": 1}), 4));
    assert_eq!((twin.reported, twin.reported_version), (json!({"b": 2}), 7));

    let patching = patch(&device, r#"{"b":3}"#, None);
    let (topic, rid, body) = request(&mut peer).await;
    assert_eq!((topic.as_str(), body.as_str()), ("$iothub/twin/PATCH/properties/reported/?", r#"{"b":3}"#));
    answer(&mut peer, 204, &rid, "&$version=8", "").await;
    assert_eq!(patching.get().await.unwrap(), ReportedPatch { version: 8, request_id: rid, status: 204 });
    assert_eq!((device.stats().outstanding, device.stats().outstanding_bytes), (0, 0));
}

#[tokio::test]
async fn answers_in_any_order_reach_their_own_callers() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let patching: Vec<_> = (0..30).map(|_| patch(&device, "{}", None)).collect();
    peer.answer_subscribe(true).await;
    let mut rids = Vec::new();
    for _ in 0..30 {
        rids.push(request(&mut peer).await.1);
    }
    for (n, rid) in rids.iter().enumerate().rev() {
        answer(&mut peer, 204, rid, &format!("&$version={}", n + 100), "").await;
    }
    for (n, patching) in patching.into_iter().enumerate() {
        let patched = patching.get().await.unwrap();
        assert_eq!((patched.version, &patched.request_id), (n as u64 + 100, &rids[n]));
    }
}

#[tokio::test]
async fn refusals_and_rubbish_are_typed_errors() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    for (index, (status, body)) in
        [(429, r#"{"errorCode":429001,"message":"slow down"}"#), (412, ""), (500, "<html>"), (404, "null")]
            .into_iter()
            .enumerate()
    {
        let patching = patch(&device, "{}", Some(3));
        if index == 0 {
            peer.answer_subscribe(true).await;
        }
        let (_, rid, _) = request(&mut peer).await;
        answer(&mut peer, status, &rid, "", body).await;
        let error = patching.get().await.unwrap_err();
        assert!(matches!(error, Error::RequestFailed { status: got, .. } if got == status), "{error:?}");
    }
    for body in ["", "{", "[1]", r#"{"desired":{},"reported":{}}"#, "\u{0}"] {
        let reading = get(&device);
        let (_, rid, _) = request(&mut peer).await;
        answer(&mut peer, 200, &rid, "", body).await;
        let error = reading.get().await.unwrap_err();
        assert!(matches!(error, Error::BadAnswer { .. }), "{error:?}");
    }
    assert_eq!((device.stats().outstanding, device.stats().connections_lost), (0, 0));
}

#[tokio::test]
async fn wrong_repeated_and_unreadable_identifiers_answer_nobody() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let mut reading = get(&device);
    peer.answer_subscribe(true).await;
    let (_, rid, _) = request(&mut peer).await;
    for wrong in ["nobody", "0", &rid[1..], &format!("{rid}0"), &rid.to_uppercase().replace('0', "O")] {
        answer(&mut peer, 200, wrong, "", TWIN).await;
    }
    for topic in ["$iothub/twin/res/", "$iothub/twin/res/abc/?$rid=1", "$iothub/twin/res/200/?", "$iothub/x"]
    {
        peer.publish(topic, TWIN).await;
    }
    until("the answers", || device.stats().twin_answers_unmatched == 5).await;
    assert!(reading.is_open());
    answer(&mut peer, 200, &rid, "", TWIN).await;
    answer(&mut peer, 200, &rid, "", TWIN).await;
    reading.get().await.unwrap();
    until("the repeated answer", || device.stats().twin_answers_unmatched == 6).await;
    assert_eq!(device.stats().twin_requests_answered, 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_told_at_once() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let mut subscribed = false;
    for bad in ["ok/?$rid=", "99999/?$rid=", "200/?$version=x&$rid="] {
        let reading = get(&device);
        let patching = patch(&device, "{\"a\":1}", None);
        if !std::mem::replace(&mut subscribed, true) {
            peer.answer_subscribe(true).await;
        }
        for _ in 0..2 {
            let (_, rid, _) = request(&mut peer).await;
            peer.publish(&format!("$iothub/twin/res/{bad}{rid}"), TWIN).await;
        }
        assert!(matches!(reading.get().await, Err(Error::BadAnswer { .. })), "{bad}");
        assert!(matches!(patching.get().await, Err(Error::BadAnswer { .. })), "{bad}");
    }
    assert_eq!(device.stats().outstanding, 0);
}

#[tokio::test]
async fn a_missing_answer_times_out_and_a_late_one_does_no_harm() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let started = Instant::now();
    let timeout = Duration::from_millis(200);
    let reading = ask(|reply| device.get_twin(timeout, reply));
    peer.answer_subscribe(true).await;
    let (_, late, _) = request(&mut peer).await;
    let error = reading.get().await.unwrap_err();
    assert!(
        matches!(&error, Error::RequestTimeout { operation: "get_twin", after, .. } if *after == timeout),
        "{error:?}"
    );
    let elapsed = started.elapsed();
    assert!(elapsed >= timeout && elapsed < timeout + Duration::from_secs(1), "{elapsed:?}");

    let reading = get(&device);
    let (_, rid, _) = request(&mut peer).await;
    answer(&mut peer, 200, &late, "", "{}").await;
    answer(&mut peer, 200, &rid, "", TWIN).await;
    reading.get().await.unwrap();
}

#[tokio::test]
async fn requests_go_out_again_after_a_reconnect_and_conditional_patches_do_not() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let reading = get(&device);
    let conditional = patch(&device, r#"{"c":1}"#, Some(7));
    let plain = patch(&device, r#"{"p":1}"#, None);
    peer.answer_subscribe(true).await;
    let first = [request(&mut peer).await, request(&mut peer).await, request(&mut peer).await];
    drop(peer);
    let error = conditional.get().await.unwrap_err();
    assert!(
        matches!(&error, Error::ConnectionLost { reason } if reason.contains("may or may not")),
        "{error}"
    );

    // Even if the session is kept, the subscription comes before the requests.
    let mut peer = hub.accept(true).await;
    assert_eq!(peer.answer_subscribe(true).await, "$iothub/twin/res/#");
    assert_eq!(request(&mut peer).await, first[0]);
    assert_eq!(request(&mut peer).await, first[2]);
    answer(&mut peer, 204, &first[2].1, "&$version=8", "").await;
    answer(&mut peer, 200, &first[0].1, "", TWIN).await;
    plain.get().await.unwrap();
    reading.get().await.unwrap();
    assert_eq!(device.stats().outstanding, 0);
}

#[tokio::test]
async fn a_refused_subscription_fails_the_requests_and_the_next_one_asks_again() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let failing = [get(&device), get(&device)];
    peer.answer_subscribe(false).await;
    for reading in failing {
        let error = reading.get().await.unwrap_err();
        assert!(
            matches!(&error, Error::BadAnswer { reason } if reason.contains("$iothub/twin/res/#")),
            "{error}"
        );
    }
    let reading = get(&device);
    peer.answer_subscribe(true).await;
    let (_, rid, _) = request(&mut peer).await;
    answer(&mut peer, 200, &rid, "", TWIN).await;
    reading.get().await.unwrap();
    assert_eq!(device.stats().outstanding, 0);
}

#[tokio::test]
async fn a_subscription_that_is_never_answered_ends_by_timeout() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let reading = ask(|reply| device.get_twin(Duration::from_millis(100), reply));
    peer.subscribe().await;
    assert!(matches!(reading.get().await, Err(Error::RequestTimeout { .. })));
}

#[tokio::test]
async fn many_large_patches_at_once_are_all_answered() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let body = ReportedProperties::from_json(format!("{{{}}}", " ".repeat(29_998))).unwrap();
    let patching: Vec<_> =
        (0..300).map(|_| ask(|reply| device.patch_reported(body.clone(), None, LONG, reply))).collect();
    peer.answer_subscribe(true).await;
    for _ in 0..300 {
        let (_, rid, _) = request(&mut peer).await;
        answer(&mut peer, 204, &rid, "&$version=2", "").await;
    }
    for patching in patching {
        patching.get().await.unwrap();
    }
}
