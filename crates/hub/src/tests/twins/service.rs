//! Twins and direct methods over REST, with a device at the other end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::Hub;
use crate::tests::storage::state::Dir;
use crate::tests::support::client::{DEADLINE, TestClient, hub};
use crate::tests::support::http::{Http, VERSION, ask, ask_if, policy_token};
use azmqtt_mqtt::QoS;

const DESIRED: &str = "$iothub/twin/PATCH/properties/desired/#";
const METHODS: &str = "$iothub/methods/POST/#";

async fn connected(hub: &Hub, filter: &str) -> TestClient {
    let mut client = TestClient::connect(hub, "dev1").await;
    client.subscribe(filter, QoS::AtMostOnce).await.unwrap();
    client
}

/// The version in a notification's topic, and its body.
async fn notified(client: &mut TestClient) -> (String, Value) {
    let message = client.message().await;
    let version = message.topic.split_once("$version=").unwrap().1.to_owned();
    (version, serde_json::from_slice(&message.payload).unwrap())
}

#[tokio::test]
async fn a_patch_and_a_replacement_reach_the_device_as_patches() {
    let hub = hub();
    let mut client = connected(&hub, DESIRED).await;
    let patch =
        json!({ "tags": { "t": 1 }, "properties": { "desired": { "a": { "b": 1, "c": 2 }, "d": null } } });
    let patched = ask(&hub, "PATCH", "/twins/dev1", &patch).await;
    let twin = patched.json();
    assert_eq!(patched.header("etag"), None);
    assert_eq!((&twin["tags"], &twin["properties"]["desired"]["$version"]), (&json!({ "t": 1 }), &json!(2)));
    let (version, body) = notified(&mut client).await;
    assert_eq!((&*version, body), ("2", json!({ "a": { "b": 1, "c": 2 }, "d": null, "$version": 2 })));

    // Sent back as it was read, with versions and metadata, but for a change.
    let mut whole = twin.clone();
    whole["properties"]["desired"] = json!({ "a": { "b": 1 }, "e": [1], "$version": 2 });
    let replaced = ask_if(&hub, "PUT", "/twins/dev1", twin["etag"].as_str().unwrap(), &whole).await.json();
    assert_eq!(replaced["tags"], json!({ "t": 1 }));
    assert_ne!(replaced["etag"], twin["etag"]);
    let (version, body) = notified(&mut client).await;
    assert_eq!((&*version, body), ("3", json!({ "a": { "c": null }, "e": [1], "$version": 3 })));

    // Tags alone are none of the device's business: the next thing it hears is the last patch.
    ask(&hub, "PATCH", "/twins/dev1", &json!({ "tags": { "t": null } })).await;
    let last = ask(&hub, "PATCH", "/twins/dev1", &json!({ "properties": { "desired": { "e": 2 } } })).await;
    assert_eq!(last.json().get("tags"), None);
    assert_eq!(notified(&mut client).await.0, "4");
}

#[tokio::test]
async fn a_null_clears_and_the_device_hears_of_each_key() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let mut device = connected(&hub, DESIRED).await;
    let mut module = TestClient::connect(&hub, ("dev1", "m")).await;
    module.subscribe(DESIRED, QoS::AtMostOnce).await.unwrap();
    let full = json!({ "tags": { "t": 1 }, "properties": { "desired": { "a": 1, "b": { "c": 2 } } } });
    let cleared =
        |version: &str| json!({ "a": null, "b": null, "$version": version.parse::<u64>().unwrap() });
    for (target, client) in [("/twins/dev1", &mut device), ("/twins/dev1/modules/m", &mut module)] {
        for method in ["PATCH", "PUT"] {
            for nothing in [json!({ "properties": { "desired": null } }), json!({ "properties": null })] {
                ask(&hub, "PATCH", target, &full).await;
                notified(client).await;
                let twin = ask_if(&hub, method, target, "*", &nothing).await.json();
                let (version, told) = notified(client).await;
                assert_eq!(told, cleared(&version), "{method} {nothing}");
                let desired = twin["properties"]["desired"].as_object().unwrap();
                assert!(desired.keys().all(|key| key.starts_with('$')), "{twin}");
                assert_eq!((&desired["$version"], &twin["tags"]), (&told["$version"], &json!({ "t": 1 })));
            }
            let twin = ask_if(&hub, method, target, "*", &json!({ "tags": null })).await.json();
            assert_eq!(twin["tags"].as_object().map_or(0, serde_json::Map::len), 0);
        }
    }
    // In bulk and by jobs, too; and what is not there stays.
    let update = |part: Value| {
        let mut entry = json!({ "id": "dev1", "importMode": "updateTwin" });
        entry.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        json!([entry])
    };
    ask(&hub, "PATCH", "/twins/dev1", &full).await;
    notified(&mut device).await;
    ask(&hub, "POST", "/devices", &update(json!({ "tags": null }))).await;
    let twin = hub.twin("dev1").unwrap();
    assert_eq!((&twin["tags"]["t"], &twin["properties"]["desired"]["a"]), (&Value::Null, &json!(1)));
    ask(&hub, "POST", "/devices", &update(json!({ "properties": { "desired": null } }))).await;
    let (version, told) = notified(&mut device).await;
    assert_eq!(told, cleared(&version));
    ask(&hub, "PATCH", "/twins/dev1", &full).await;
    notified(&mut device).await;
    let job = json!({
        "type": "scheduleUpdateTwin",
        "queryCondition": "deviceId = 'dev1'",
        "updateTwin": { "etag": "*", "properties": { "desired": null } },
    });
    assert_eq!(ask(&hub, "PUT", "/jobs/v2/clear", &job).await.status, 200);
    let (version, told) = notified(&mut device).await;
    assert_eq!(told, cleared(&version));
    assert_eq!(hub.twin("dev1").unwrap()["tags"], json!({ "t": 1 }));
    // From within the process.
    hub.patch_desired("dev1", &json!({ "x": 1 })).unwrap();
    notified(&mut device).await;
    let version = hub.patch_desired("dev1", &Value::Null).unwrap();
    assert_eq!(notified(&mut device).await, (version.to_string(), json!({ "x": null, "$version": version })));
}

#[tokio::test]
async fn a_refused_write_changes_and_tells_nothing() {
    let hub = hub();
    let before = hub.twin("dev1").unwrap();
    let etag = before["etag"].as_str().unwrap().to_owned();
    let big = "x".repeat(4096);
    let too_large: serde_json::Map<_, _> = (0..9).map(|n| (format!("k{n}"), json!(big))).collect();
    let cases = [
        (json!({ "tags": { "ok": 1 }, "properties": { "desired": { "a.b": 1 } } }), 400_004),
        (json!({ "properties": { "desired": 7 } }), 400_004),
        (json!({ "properties": [] }), 400_004),
        (json!({ "tags": { "t": "x".repeat(4097) } }), 400_004),
        (json!({ "tags": { "t": [[[[[[[[[[[1]]]]]]]]]]] } }), 400_004),
        (json!({ "properties": { "desired": too_large } }), 413_001),
    ];
    for (body, code) in cases {
        for method in ["PATCH", "PUT"] {
            assert_eq!(ask_if(&hub, method, "/twins/dev1", &etag, &body).await.code(), code, "{body}");
        }
    }
    assert_eq!(hub.twin("dev1").unwrap(), before);
}

#[tokio::test]
async fn a_modules_twin_is_its_own_and_kept() {
    let dir = Dir::new();
    let twin = {
        let hub = dir.hub().unwrap();
        hub.create_device("dev1", None).unwrap();
        hub.create_module("dev1", "m", None).unwrap();
        let body = json!({ "properties": { "desired": { "a": 1 } } });
        let twin = ask(&hub, "PATCH", "/twins/dev1/modules/m", &body).await.json();
        assert_eq!(twin["moduleId"], "m");
        for method in ["GET", "PATCH", "PUT"] {
            let missing = ask(&hub, method, "/twins/dev1/modules/none", &body).await;
            assert_eq!(missing.code(), 404_001, "{method}");
        }
        twin
    };
    let hub = dir.hub().unwrap();
    assert_eq!(ask(&hub, "GET", "/twins/dev1/modules/m", &Value::Null).await.json(), twin);
    assert_eq!(ask(&hub, "GET", "/twins/dev1", &Value::Null).await.json()["version"], 2);
}

#[tokio::test]
async fn a_method_is_called_and_its_answer_passed_on() {
    let hub = hub();
    let mut client = connected(&hub, METHODS).await;
    let device = async {
        let call = client.message().await;
        assert_eq!((&*call.topic, &call.payload[..]), ("$iothub/methods/POST/blink/?$rid=1", &b"[1,2]"[..]));
        client.publish("$iothub/methods/res/-3/?$rid=1", QoS::AtMostOnce, "{\"ok\":true}").await;
    };
    let body = json!({ "methodName": "blink", "payload": [1, 2], "responseTimeoutInSeconds": 5 });
    let (answer, ()) = tokio::join!(ask(&hub, "POST", "/twins/dev1/methods", &body), device);
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": -3, "payload": { "ok": true } })));
}

#[tokio::test]
async fn a_call_waits_for_the_device_and_no_longer() {
    let hub = hub();
    let body = json!({ "methodName": "m", "connectTimeoutInSeconds": 10 });
    let device = async {
        sleep(Duration::from_millis(50)).await;
        let mut client = connected(&hub, METHODS).await;
        let call = client.message().await;
        assert!(call.payload.is_empty());
        client.publish("$iothub/methods/res/200/?$rid=1", QoS::AtMostOnce, "").await;
        client
    };
    let (answer, _client) = tokio::join!(ask(&hub, "POST", "/twins/dev1/methods", &body), device);
    assert_eq!(answer.json(), json!({ "status": 200, "payload": null }));
    let begun = Instant::now();
    let away =
        ask(&hub, "POST", "/twins/dev2/methods", &json!({ "methodName": "m", "connectTimeoutInSeconds": 1 }))
            .await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let told: Value = serde_json::from_str(away.json()["Message"].as_str().unwrap()).unwrap();
    assert_eq!((away.code(), &told["info"]), (404_103, &Value::Null));
    let text = "The operation failed because the requested device isn't online. To learn more, see https://aka.ms/iothub404103";
    assert_eq!((&told["message"], &away.json()["ExceptionMessage"]), (&json!(text), &json!("")));
}

#[tokio::test]
async fn calls_that_cannot_be_made_are_refused() {
    let hub = hub();
    let cases = [
        ("dev1", json!({}), 400_004),
        ("dev1", json!({ "methodName": "a/b" }), 400_004),
        ("dev1", json!({ "methodName": "m", "responseTimeoutInSeconds": 4 }), 400_004),
        ("dev1", json!({ "methodName": "m", "responseTimeoutInSeconds": "5" }), 400_004),
        ("dev1", json!({ "methodName": "m", "connectTimeoutInSeconds": 301 }), 400_004),
        (
            "dev1",
            json!({ "methodName": "m", "responseTimeoutInSeconds": 5, "connectTimeoutInSeconds": 6 }),
            400_004,
        ),
        ("dev1", json!({ "methodName": "m", "payload": "x".repeat(131_072) }), 400_004),
        ("dev1", json!({ "methodName": "m", "payload": "x".repeat(262_144) }), 413_001),
        ("none", json!({ "methodName": "m" }), 404_001),
        ("dev1/modules/none", json!({ "methodName": "m" }), 404_010),
    ];
    for (id, body, code) in cases {
        let answer = ask(&hub, "POST", &format!("/twins/{id}/methods"), &body).await;
        assert_eq!(answer.code(), code, "{id}: {answer}");
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_gives_the_call_up() {
    let hub = hub();
    let token = policy_token(&hub, "service");
    let mut http = Http::connect(&hub).await;
    let body = br#"{"methodName":"m","connectTimeoutInSeconds":30}"#;
    let target = format!("/twins/dev1/methods?{VERSION}");
    let headers = format!("Authorization: {token}\r\n");
    let waiting = http.send("POST", &target, &headers, body);
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err());
    drop(http);
    // A call on the heels of the end of the connection: the one that was given up does not come before it.
    let mut client = connected(&hub, METHODS).await;
    let device = async {
        let call = client.message().await;
        assert!(call.topic.contains("/POST/n/"), "{}", call.topic);
        client.publish("$iothub/methods/res/200/?$rid=1", QoS::AtMostOnce, "").await;
    };
    let next = json!({ "methodName": "n" });
    let both = async { tokio::join!(ask(&hub, "POST", "/twins/dev1/methods", &next), device) };
    assert_eq!(tokio::time::timeout(DEADLINE, both).await.expect("in time").0.status, 200);
}

#[tokio::test]
async fn a_thousand_calls_wait_at_once_on_one_thread() {
    let hub = hub();
    let second = Duration::from_secs(1);
    let calls = |id: &'static str| {
        let call = |_| hub.begin_method(id, "m", b"", second * 10, second * 10).unwrap().outcome();
        futures_util::future::join_all((0..1000).map(call))
    };
    let device = async {
        // They begin to wait before there is anybody to hear them.
        sleep(Duration::from_millis(20)).await;
        let mut client = connected(&hub, METHODS).await;
        for _ in 0..1000 {
            let call = client.message().await;
            let request = call.topic.split_once("?$rid=").unwrap().1.to_owned();
            let topic = format!("$iothub/methods/res/200/?$rid={request}");
            client.publish(&topic, QoS::AtMostOnce, "").await;
        }
        client
    };
    let (outcomes, _client) = tokio::join!(calls("dev1"), device);
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|result| result.status == 200)));
}
