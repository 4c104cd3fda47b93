//! What devices do over HTTPS: telemetry, and cloud-to-device messages by their locks; and sending those over REST.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::CloudToDevice;
use crate::messages::feedback_queue::FeedbackDelivery;
use crate::tests::support::client::{TestClient, hub, key, start};
use crate::tests::support::http::{Answer, Http, VERSION, ask, ask_as, policy_token};
use crate::unix_time::unix_now;
use crate::{FeedbackStatus, Hub, HubConfig, Id};
use azmqtt_dialect::Identity;
use azmqtt_dialect::sas::SasToken;
use azmqtt_mqtt::QoS;

const BATCH: &str = "Content-Type: application/vnd.microsoft.iothub.json\r\n";

/// A hub where the times are short, and feedback does not wait for more.
fn quick(lock: Duration) -> Hub {
    let feedback = FeedbackDelivery { interval: Duration::ZERO, ..FeedbackDelivery::default() };
    let cloud_to_device = CloudToDevice { lock, max_deliveries: 2, feedback, ..CloudToDevice::default() };
    start(HubConfig { cloud_to_device, ..HubConfig::default() })
}

async fn as_device<'a>(
    hub: &Hub,
    id: impl Into<Id<'a>>,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Answer {
    let id = id.into();
    let resource = Identity::new(hub.hostname(), id.device, id.module).unwrap().sas_resource();
    let token = SasToken::sign(&resource, &key(hub, id), unix_now() + 60, None).to_token();
    let headers = format!("Authorization: {token}\r\n{headers}");
    let target = format!("{path}{}{VERSION}", if path.contains('?') { '&' } else { '?' });
    Http::connect(hub).await.send(method, &target, &headers, body).await.expect("an answer")
}

async fn fetch(hub: &Hub) -> Answer {
    as_device(hub, "dev1", "GET", "/devices/dev1/messages/deviceBound", "", b"").await
}

/// Sends a message to `dev1` over REST.
async fn send(hub: &Hub, headers: &str, body: &str) -> Answer {
    let headers = format!("Authorization: {}\r\n{headers}", policy_token(hub, "service"));
    let target = format!("/azmqtt/devices/dev1/messages/deviceBound?{VERSION}");
    Http::connect(hub).await.send("POST", &target, &headers, body.as_bytes()).await.unwrap()
}

fn lock_path(answer: &Answer) -> String {
    let lock = answer.header("etag").unwrap().trim_matches('"');
    format!("/devices/dev1/messages/deviceBound/{lock}")
}

#[tokio::test]
async fn a_message_with_its_properties() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let headers = "iothub-messageid: 42\r\niothub-correlationid: c\r\niothub-contenttype: application/json\r\n\
        iothub-contentencoding: utf-8\r\nIoTHub-App-Color: light blue\r\nContent-Type: text/plain\r\n";
    let answer =
        as_device(&hub, "dev1", "POST", "/devices/dev1/messages/events", headers, b"{\"t\":1}").await;
    assert_eq!(answer.status, 204, "{answer}");
    let message = &hub.telemetry("dev1")[0];
    assert_eq!(message.body, "{\"t\":1}");
    let properties = &message.properties;
    assert_eq!(properties.message_id.as_deref(), Some("42"));
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert_eq!(properties.application, [("color".to_owned(), "light blue".to_owned())]);
    // Modules send over MQTT alone.
    let path = "/devices/dev1/modules/m/messages/events";
    assert_eq!(as_device(&hub, ("dev1", "m"), "POST", path, "", b"x").await.status, 404);
    assert_ne!(hub.twin("dev1").unwrap()["lastActivityTime"], "0001-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_batch_is_taken_whole_or_not_at_all() {
    let hub = hub();
    let path = "/devices/dev1/messages/events";
    let batch = json!([
        { "body": "aGVsbG8=", "properties": { "iothub-app-Color": "red", "iothub-messageid": "1" } },
        { "body": "plain é", "base64Encoded": false },
        { "body": "", "base64Encoded": true, "properties": null },
    ]);
    let answer = as_device(&hub, "dev1", "POST", path, BATCH, batch.to_string().as_bytes()).await;
    assert_eq!(answer.status, 204, "{answer}");
    let messages = hub.telemetry("dev1");
    let bodies: Vec<_> = messages.iter().map(|message| String::from_utf8_lossy(&message.body)).collect();
    assert_eq!(bodies, ["hello", "plain é", ""]);
    assert_eq!(messages[0].properties.application, [("Color".to_owned(), "red".to_owned())]);
    let good = json!({ "body": "" });
    let large = "x".repeat(140_000);
    let cases = [
        (json!({}), 400_004),
        (json!([good, 7]), 400_004),
        (json!([good, { "body": "?" }]), 400_004),
        (json!([good, { "body": "", "base64Encoded": "no" }]), 400_004),
        (json!([good, { "body": "", "properties": [] }]), 400_004),
        (json!([good, { "body": "", "properties": { "iothub-app-x": 1 } }]), 400_004),
        (json!([good, { "body": "", "properties": { "iothub-messageid": "a b" } }]), 400_004),
        (
            json!([{ "body": large, "base64Encoded": false }, { "body": large, "base64Encoded": false }]),
            413_001,
        ),
        (json!([{ "body": "x".repeat(524_288), "base64Encoded": false }]), 413_001),
    ];
    for (batch, code) in cases {
        let answer = as_device(&hub, "dev1", "POST", path, BATCH, batch.to_string().as_bytes()).await;
        assert_eq!(answer.code(), code, "{answer}");
    }
    assert_eq!(as_device(&hub, "dev1", "POST", path, BATCH, b"[{").await.code(), 400_006);
    assert_eq!(hub.telemetry("dev1").len(), 3);
}

#[tokio::test]
async fn a_message_may_have_256_kilobytes() {
    let hub = hub();
    let path = "/devices/dev1/messages/events";
    let most = vec![b'x'; 262_144];
    assert_eq!(as_device(&hub, "dev1", "POST", path, "", &most).await.status, 204);
    assert_eq!(as_device(&hub, "dev1", "POST", path, "iothub-app-a: b\r\n", &most).await.code(), 413_001);
    assert_eq!(as_device(&hub, "dev1", "POST", path, "", &[most, vec![b'x']].concat()).await.code(), 413_001);
    assert_eq!(as_device(&hub, "dev1", "POST", path, "iothub-ack: all\r\n", b"").await.code(), 400_004);
    assert_eq!(hub.telemetry_count(Some("dev1")).unwrap(), 1);
}

#[tokio::test]
async fn devices_do_it_for_themselves_or_by_a_policy() {
    let hub = hub();
    let paths = [
        ("POST", "/devices/dev1/messages/events"),
        ("GET", "/devices/dev1/messages/deviceBound"),
        ("DELETE", "/devices/dev1/messages/deviceBound/x"),
        ("POST", "/devices/dev1/messages/deviceBound/x/abandon"),
    ];
    for (method, path) in paths {
        assert_eq!(as_device(&hub, "dev2", method, path, "", b"").await.code(), 401_002, "{path}");
        assert_eq!(ask_as(&hub, "service", method, path, "", &Value::Null).await.code(), 401_002, "{path}");
        let taken = ask_as(&hub, "device", method, path, "", &Value::Null).await;
        assert!(matches!(taken.status, 204 | 412), "{path}: {taken}");
    }
    let stamps = hub.telemetry("dev1")[0].system_properties();
    assert!(stamps.iter().any(|(_, value)| value.contains(r#""scope":"hub""#)), "{stamps:?}");
    hub.set_enabled("dev1", false).unwrap();
    assert_eq!(fetch(&hub).await.code(), 403_012);
}

#[tokio::test]
async fn a_message_is_sent_fetched_and_completed() {
    let hub = quick(Duration::from_secs(60));
    assert_eq!(fetch(&hub).await.status, 204);
    let headers = "iothub-messageid: 7\r\niothub-ack: full\r\niothub-correlationid: c\r\niothub-app-color: red\r\n\
        iothub-contenttype: text/plain\r\n";
    let sent = send(&hub, headers, "hello").await;
    assert_eq!((sent.status, sent.json()), (201, json!({ "messageId": "7" })));
    let message = fetch(&hub).await;
    assert_eq!((message.status, &message.body[..]), (200, &b"hello"[..]));
    let expected = [
        ("iothub-messageid", "7"),
        ("iothub-correlationid", "c"),
        ("iothub-to", "/devices/dev1/messages/deviceBound"),
        ("iothub-ack", "full"),
        ("iothub-app-color", "red"),
        ("iothub-contenttype", "text/plain"),
        ("iothub-sequencenumber", "1"),
        ("iothub-deliverycount", "0"),
    ];
    for (name, value) in expected {
        assert_eq!(message.header(name), Some(value), "{name}: {message}");
    }
    assert!(message.header("iothub-enqueuedtime").is_some());
    assert_eq!(fetch(&hub).await.status, 204, "it is locked");
    let path = lock_path(&message);
    assert_eq!(as_device(&hub, "dev1", "DELETE", &path, "", b"").await.status, 204);
    assert_eq!(as_device(&hub, "dev1", "DELETE", &path, "", b"").await.code(), 412_002);
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 0);
    assert_eq!(hub.feedback(None)[0].status, FeedbackStatus::Success);
}

#[tokio::test]
async fn a_message_is_given_back_or_refused() {
    let hub = quick(Duration::from_secs(60));
    send(&hub, "iothub-ack: full\r\n", "one").await;
    send(&hub, "iothub-ack: negative\r\n", "two").await;
    let abandon = |answer: &Answer| format!("{}/abandon", lock_path(answer));
    let first = fetch(&hub).await;
    assert_eq!(as_device(&hub, "dev1", "POST", &abandon(&first), "", b"").await.status, 204);
    assert_eq!(as_device(&hub, "dev1", "POST", &abandon(&first), "", b"").await.code(), 412_002);
    let again = fetch(&hub).await;
    assert_eq!((&again.body[..], again.header("iothub-deliverycount")), (&b"one"[..], Some("1")));
    as_device(&hub, "dev1", "POST", &abandon(&again), "", b"").await;
    let second = fetch(&hub).await;
    assert_eq!(second.body, b"two");
    // The quotes of the header may stand in the path.
    let path = format!(
        "/devices/dev1/messages/deviceBound/%22{}%22?reject",
        second.header("etag").unwrap().trim_matches('"')
    );
    assert_eq!(as_device(&hub, "dev1", "DELETE", &path, "", b"").await.status, 204);
    let statuses: Vec<_> = hub.feedback(Some("dev1")).iter().map(|record| record.status).collect();
    assert_eq!(statuses, [FeedbackStatus::DeliveryCountExceeded, FeedbackStatus::Rejected]);
    for lock in ["x", "1-1-1", "%22", "..", "%00"] {
        let path = format!("/devices/dev1/messages/deviceBound/{lock}");
        assert_eq!(as_device(&hub, "dev1", "DELETE", &path, "", b"").await.code(), 412_002, "{lock}");
    }
}

#[tokio::test]
async fn a_lock_that_runs_out_is_lost_and_counts_no_delivery() {
    let hub = quick(Duration::from_millis(100));
    send(&hub, "", "hello").await;
    let first = fetch(&hub).await;
    let again = loop {
        let answer = fetch(&hub).await;
        if answer.status == 200 {
            break answer;
        }
    };
    assert_eq!((&again.body[..], again.header("iothub-deliverycount")), (&b"hello"[..], Some("0")));
    assert_eq!(as_device(&hub, "dev1", "DELETE", &lock_path(&first), "", b"").await.code(), 412_002);
}

#[tokio::test]
async fn what_a_device_gives_back_comes_to_its_connection() {
    let hub = quick(Duration::from_secs(60));
    send(&hub, "", "hello").await;
    let fetched = fetch(&hub).await;
    let mut client =
        TestClient::open(&hub, &crate::tests::support::client::Options::new(&hub, "dev1").persistent())
            .await
            .unwrap();
    client.subscribe("devices/dev1/messages/devicebound/#", QoS::AtLeastOnce).await.unwrap();
    as_device(&hub, "dev1", "POST", &format!("{}/abandon", lock_path(&fetched)), "", b"").await;
    assert_eq!(client.message().await.payload, "hello");
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    let hub = hub();
    let none = ask(&hub, "POST", "/azmqtt/devices/none/messages/deviceBound", &json!(1)).await;
    assert_eq!(none.code(), 404_001);
    assert_eq!(send(&hub, "", &"x".repeat(65_537)).await.code(), 413_001);
    assert_eq!(send(&hub, "iothub-app-a: b\r\n", &"x".repeat(65_536)).await.code(), 413_001);
    assert_eq!(send(&hub, "iothub-expiry: soon\r\n", "").await.code(), 400_004);
    let path = "/azmqtt/devices/dev1/messages/deviceBound";
    assert_eq!(ask_as(&hub, "registryReadWrite", "POST", path, "", &json!(1)).await.code(), 401_002);
    for _ in 0..50 {
        assert_eq!(send(&hub, "", "x").await.status, 201);
    }
    assert_eq!(send(&hub, "", "x").await.code(), 403_004);
    let purged = ask(&hub, "DELETE", "/devices/dev1/commands", &Value::Null).await;
    assert_eq!(purged.json(), json!({ "deviceId": "dev1", "moduleId": null, "totalMessagesPurged": 50 }));
    assert_eq!(ask(&hub, "DELETE", "/devices/none/commands", &Value::Null).await.code(), 404_001);
}

#[tokio::test]
async fn feedback_comes_in_batches_with_a_lock() {
    let hub = quick(Duration::from_secs(60));
    let path = "/messages/serviceBound/feedback";
    assert_eq!(ask(&hub, "GET", path, &Value::Null).await.status, 204);
    for id in ["a", "b"] {
        send(&hub, &format!("iothub-messageid: {id}\r\niothub-ack: full\r\n"), "x").await;
    }
    hub.purge_c2d("dev1").unwrap();
    let batch = ask_as(&hub, "service", "GET", path, "", &Value::Null).await;
    assert_eq!(batch.header("content-type"), Some("application/vnd.microsoft.iothub.feedback.json"));
    let records = batch.json();
    let expected = json!({
        "originalMessageId": "a",
        "enqueuedTimeUtc": records[0]["enqueuedTimeUtc"],
        "statusCode": "Purged",
        "description": "Message purged",
        "deviceId": "dev1",
        "deviceGenerationId": records[0]["deviceGenerationId"],
    });
    assert_eq!((&records[0], &records[1]["originalMessageId"]), (&expected, &json!("b")));
    assert_eq!(ask(&hub, "GET", path, &Value::Null).await.status, 204, "it is locked");
    let lock = |batch: &Answer| format!("{path}/{}", batch.header("etag").unwrap().trim_matches('"'));
    let first = lock(&batch);
    assert_eq!(ask(&hub, "POST", &format!("{first}/abandon"), &Value::Null).await.status, 204);
    let again = ask(&hub, "GET", path, &Value::Null).await;
    assert_eq!((again.json(), again.header("iothub-deliverycount")), (records, Some("1")));
    assert_eq!(ask(&hub, "DELETE", &first, &Value::Null).await.code(), 412_002);
    assert_eq!(ask(&hub, "DELETE", &lock(&again), &Value::Null).await.status, 204);
    assert_eq!(ask(&hub, "DELETE", &lock(&again), &Value::Null).await.code(), 412_002);
    assert_eq!(ask(&hub, "DELETE", &format!("{path}/x"), &Value::Null).await.code(), 412_002);
    assert_eq!(ask_as(&hub, "registryRead", "GET", path, "", &Value::Null).await.code(), 401_002);
    // The application's own call has them all the same.
    assert_eq!(hub.feedback(None).len(), 2);
}
