//! Twin requests, their answers, and desired changes.

use serde_json::{Value, json};

use crate::tests::support::client::{DEADLINE, Options, TestClient, hub};
use crate::{CloseReason, Hub, HubError};
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Publish, QoS, ReasonCode};

const RESPONSES: &str = "$iothub/twin/res/#";
const DESIRED: &str = "$iothub/twin/PATCH/properties/desired/#";
const EVENTS: &str = "devices/dev1/messages/events/";

async fn subscribed(hub: &Hub, qos: QoS) -> TestClient {
    let mut client = TestClient::connect(hub, "dev1").await;
    for filter in [RESPONSES, DESIRED] {
        assert_eq!(client.subscribe(filter, qos).await, Some(ReasonCode::granted(qos)));
    }
    client
}

fn body(publish: &Publish) -> Value {
    serde_json::from_slice(&publish.payload).unwrap()
}

/// Sends a reported patch at QoS 0 and returns its answer.
async fn patch(client: &mut TestClient, query: &str, patch: impl Into<bytes::Bytes>) -> Publish {
    let topic = format!("$iothub/twin/PATCH/properties/reported/?{query}");
    client.publish(&topic, QoS::AtMostOnce, patch).await;
    client.message().await
}

#[tokio::test]
async fn a_patch_is_answered_and_read_back() {
    let hub = hub();
    let mut client = subscribed(&hub, QoS::AtMostOnce).await;
    let answer = patch(&mut client, "$rid=r-1", r#"{"a":{"b":1},"c":null}"#).await;
    assert_eq!(answer.topic, "$iothub/twin/res/204/?$rid=r-1&$version=2");
    assert!(answer.payload.is_empty());
    client.publish("$iothub/twin/GET/?$rid=r-2", QoS::AtMostOnce, "").await;
    let answer = client.message().await;
    assert_eq!((answer.topic.as_str(), answer.qos), ("$iothub/twin/res/200/?$rid=r-2", QoS::AtMostOnce));
    assert_eq!(
        body(&answer),
        json!({"desired": {"$version": 1}, "reported": {"a": {"b": 1}, "$version": 2}})
    );
    let twin = hub.twin("dev1").unwrap();
    assert_eq!(twin["properties"]["reported"]["a"], json!({"b": 1}));
    assert_eq!(twin["properties"]["reported"]["$version"], 2);
    assert!(twin["properties"]["reported"]["$metadata"]["a"]["b"]["$lastUpdated"].is_string());
    assert_eq!((&twin["deviceId"], &twin["connectionState"]), (&json!("dev1"), &json!("Connected")));
}

#[tokio::test]
async fn refused_patches_say_why_and_change_nothing() {
    let hub = hub();
    let mut client = subscribed(&hub, QoS::AtMostOnce).await;
    let before = hub.twin("dev1").unwrap()["properties"].clone();
    let long = format!(r#"{{"k":"{}"}}"#, "x".repeat(4097));
    for (query, patch_body, status, code) in [
        ("$rid=1", "{", 400, 400_004),
        ("$rid=1", "", 400, 400_004),
        ("$rid=1", "[]", 400, 400_004),
        ("$rid=1", r#"{"$version":3}"#, 400, 400_004),
        ("$rid=1", r#"{"a.b":3}"#, 400, 400_004),
        ("$rid=1", long.as_str(), 400, 400_004),
        ("$rid=1&$version=7", r#"{"a":1}"#, 412, 412_001),
    ] {
        let answer = patch(&mut client, query, patch_body.to_owned()).await;
        assert_eq!(answer.topic, format!("$iothub/twin/res/{status}/?$rid=1"), "{patch_body}");
        let error = body(&answer);
        assert_eq!(error["errorCode"], code, "{patch_body}");
        let (id, time) = error["trackingId"].as_str().unwrap().split_once("-G:0-TimeStamp:").unwrap();
        assert_eq!((id.len(), time.len()), (32, "11/22/2026 10:18:09".len()));
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(error["timestampUtc"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(hub.twin("dev1").unwrap()["properties"], before);
    let answer = patch(&mut client, "$rid=2&$version=1", r#"{"a":1}"#).await;
    assert_eq!(answer.topic, "$iothub/twin/res/204/?$rid=2&$version=2");
}

#[tokio::test]
async fn without_an_api_version_patches_are_refused() {
    let hub = hub();
    let options = Options::new(&hub, "dev1").username("localhost/dev1/");
    let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    client.subscribe(RESPONSES, QoS::AtMostOnce).await.unwrap();
    let answer = patch(&mut client, "$rid=1", r#"{"a":1}"#).await;
    assert_eq!(
        (answer.topic.as_str(), &body(&answer)["errorCode"]),
        ("$iothub/twin/res/400/?$rid=1", &json!(400_001))
    );
    assert!(client.send(EVENTS, "still good for telemetry").await);
}

#[tokio::test]
async fn answers_come_in_order_at_the_granted_qos() {
    const COUNT: u64 = 300;
    let hub = hub();
    let mut client = subscribed(&hub, QoS::AtLeastOnce).await;
    for number in 0..COUNT {
        let topic = match number % 3 {
            0 => format!("$iothub/twin/GET/?$rid={number}"),
            _ => format!("$iothub/twin/PATCH/properties/reported/?$rid={number}"),
        };
        let body = if number % 3 == 2 { "not json".to_owned() } else { format!(r#"{{"n":{number}}}"#) };
        client.publish(&topic, QoS::AtMostOnce, body).await;
    }
    for number in 0..COUNT {
        let answer = client.message().await;
        let status = [200, 204, 400][usize::try_from(number % 3).unwrap()];
        assert!(
            answer.topic.starts_with(&format!("$iothub/twin/res/{status}/?$rid={number}")),
            "{}",
            answer.topic
        );
        assert_eq!(answer.qos, QoS::AtLeastOnce);
        client.acknowledge(&answer).await;
    }
}

#[tokio::test]
async fn qos_1_requests_are_acknowledged_before_they_are_answered() {
    let hub = hub();
    let mut client = subscribed(&hub, QoS::AtMostOnce).await;
    client.publish("$iothub/twin/GET/?$rid=1", QoS::AtLeastOnce, "").await;
    assert_eq!(client.next().await, Some(Event::acknowledged(())));
    assert_eq!(client.message().await.topic, "$iothub/twin/res/200/?$rid=1");
}

#[tokio::test]
async fn without_a_subscription_a_patch_is_applied_and_not_answered() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    assert!(client.send(topic, r#"{"a":1}"#).await);
    // An answer would come before this acknowledgement.
    assert!(client.send(EVENTS, "x").await);
    assert_eq!(hub.twin("dev1").unwrap()["properties"]["reported"]["a"], 1);
}

#[tokio::test]
async fn desired_changes_reach_a_subscribed_device_in_order() {
    let hub = hub();
    let mut client = subscribed(&hub, QoS::AtLeastOnce).await;
    for number in 0..100_u64 {
        let patch = json!({"n": number, "gone": null});
        assert_eq!(hub.patch_desired("dev1", &patch).unwrap(), number + 2);
    }
    for number in 0..100_u64 {
        let note = client.message().await;
        let version = number + 2;
        assert_eq!(note.topic, format!("$iothub/twin/PATCH/properties/desired/?$version={version}"));
        assert_eq!(body(&note), json!({"n": number, "gone": null, "$version": version}));
        assert_eq!(note.qos, QoS::AtLeastOnce);
        client.acknowledge(&note).await;
    }
    let desired = &hub.twin("dev1").unwrap()["properties"]["desired"];
    assert_eq!(desired["$metadata"]["n"]["$lastUpdatedVersion"], 101);
}

#[tokio::test]
async fn a_desired_change_is_never_queued() {
    let hub = hub();
    hub.patch_desired("dev1", &json!({"while": "offline"})).unwrap();
    let mut client = TestClient::connect(&hub, "dev1").await;
    hub.patch_desired("dev1", &json!({"while": "not subscribed"})).unwrap();
    assert!(client.send(EVENTS, "x").await);
    client.subscribe(DESIRED, QoS::AtMostOnce).await.unwrap();
    assert!(client.send(EVENTS, "x").await);
    hub.patch_desired("dev1", &json!({"while": "subscribed"})).unwrap();
    assert_eq!(body(&client.message().await), json!({"while": "subscribed", "$version": 4}));
    assert!(client.unsubscribe(DESIRED).await);
    hub.patch_desired("dev1", &json!({"while": "no longer"})).unwrap();
    assert!(client.send(EVENTS, "x").await);
}

#[tokio::test]
async fn a_bad_desired_patch_is_a_typed_error() {
    let hub = hub();
    assert!(matches!(hub.patch_desired("dev1", &json!([])), Err(HubError::Twin(_))));
    assert!(matches!(hub.patch_desired("dev1", &json!({"a b": 1})), Err(HubError::Twin(_))));
    assert!(matches!(hub.patch_desired("nobody", &json!({})), Err(HubError::DeviceNotFound(_))));
}

#[tokio::test]
async fn a_request_id_that_fits_no_answer_ends_the_connection() {
    let hub = hub();
    let mut client = subscribed(&hub, QoS::AtMostOnce).await;
    let request_id = "x".repeat(65_535 - "$iothub/twin/GET/?$rid=".len());
    client.publish(&format!("$iothub/twin/GET/?$rid={request_id}"), QoS::AtMostOnce, "").await;
    assert!(client.is_closed().await);
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert!(matches!(hub.last_close("dev1").unwrap(), Some(CloseReason::Forbidden(_))));
}
