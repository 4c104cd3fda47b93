//! What no twin takes is refused on every way into one, and passes where nothing looks at it.

use serde_json::{Value, json};

use crate::Hub;
use crate::tests::support::client::{TestClient, hub};
use crate::tests::support::http::ask;
use azmqtt_mqtt::QoS;

/// Values that no property or tag takes. As text: the numbers are not to be read here.
const REFUSED: [&str; 9] = [
    r#"{"a":[null]}"#,
    r#"{"a":[1,[{"b":{"c":null}}]]}"#,
    r#"{"a":{"b#":1}}"#,
    r#"{"a\t":1}"#,
    r#"{"a":4503599627370496}"#,
    r#"{"a":-4503599627370497}"#,
    r#"{"a":[18446744073709551616]}"#,
    r#"{"a":{"b":-123456789012345678901234567890}}"#,
    r#"{"a":1e400}"#,
];

/// Values that every section takes.
const TAKEN: &str = r#"{"":{"x":4503599627370495},"a":[-4503599627370496,5e15,4503599627370496.0]}"#;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What a request is answered.
async fn status(hub: &Hub, method: &str, path: &str, body: &Value) -> u16 {
    ask(hub, method, path, body).await.status
}

async fn bulk(hub: &Hub, entry: Value) -> bool {
    let answer = ask(hub, "POST", "/devices", &json!([entry])).await;
    answer.json()["isSuccessful"] == true
}

fn job(section: &Value) -> Value {
    let mut update = section.clone();
    update["etag"] = "*".into();
    json!({ "type": "scheduleUpdateTwin", "queryCondition": "deviceId = 'none'", "updateTwin": update })
}

#[tokio::test]
async fn a_service_s_writes() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let before = [hub.twin("dev1").unwrap(), hub.twin(("dev1", "m")).unwrap()];
    for (number, text) in REFUSED.iter().chain([&TAKEN]).enumerate() {
        let good = *text == TAKEN;
        let value = parsed(text);
        for (index, body) in
            [json!({ "tags": value }), json!({ "properties": { "desired": value } })].iter().enumerate()
        {
            let expected = if good { 200 } else { 400 };
            for target in ["/twins/dev1", "/twins/dev1/modules/m"] {
                for method in ["PATCH", "PUT"] {
                    assert_eq!(status(&hub, method, target, body).await, expected, "{method} {body}");
                }
            }
            let id = format!("j{number}-{index}");
            let answer = ask(&hub, "PUT", &format!("/jobs/v2/{id}"), &job(body)).await;
            assert_eq!(answer.status, expected, "job {body}: {answer}");
            for (id, mode) in [("dev1", "updateTwin"), ("new", "create")] {
                let mut entry = body.clone();
                (entry["id"], entry["importMode"]) = (id.into(), mode.into());
                assert_eq!(bulk(&hub, entry).await, good, "bulk {mode} {body}");
            }
            if hub.has_device("new") {
                hub.remove_device("new").unwrap();
            }
        }
        if !good {
            let after = [hub.twin("dev1").unwrap(), hub.twin(("dev1", "m")).unwrap()];
            assert_eq!(
                after.each_ref().map(|twin| &twin["version"]),
                before.each_ref().map(|twin| &twin["version"])
            );
        }
        assert_eq!(hub.patch_desired("dev1", &value).is_ok(), good, "{text}");
    }
}

#[tokio::test]
async fn configurations() {
    let hub = hub();
    for (number, text) in REFUSED.iter().chain([&TAKEN]).enumerate() {
        let good = *text == TAKEN;
        for (kind, part) in [
            ("device", json!({ "deviceContent": { "properties.desired": parsed(text) } })),
            ("place", json!({ "deviceContent": { "properties.desired.p": parsed(text) } })),
            (
                "modules",
                json!({ "modulesContent": { "$edgeAgent": { "properties.desired": parsed(text) } } }),
            ),
        ] {
            let id = format!("c{number}-{kind}");
            let body = json!({ "id": id, "content": part, "targetCondition": "*" });
            let made = status(&hub, "PUT", &format!("/configurations/{id}"), &body).await;
            assert_eq!(made < 300, good, "{made} {body}");
            assert!(good || made == 400, "{made} {body}");
        }
    }
}

#[tokio::test]
async fn a_device_s_patches() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    for id in [("dev1", None), ("dev1", Some("m"))] {
        let mut client = TestClient::connect(&hub, id).await;
        client.subscribe("$iothub/twin/res/#", QoS::AtMostOnce).await.unwrap();
        for text in REFUSED.iter().chain([&TAKEN]) {
            client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", QoS::AtMostOnce, *text).await;
            let expected = if *text == TAKEN { "res/204/" } else { "res/400/" };
            let topic = client.message().await.topic;
            assert!(topic.contains(expected), "{topic} {text}");
        }
    }
}

#[tokio::test]
async fn methods_and_messages_take_any_json() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/methods/POST/#", QoS::AtMostOnce).await.unwrap();
    for (number, text) in REFUSED.iter().enumerate() {
        let device = async {
            let call = client.message().await;
            assert_eq!(call.payload, parsed(text).to_string());
            let topic = format!("$iothub/methods/res/200/?$rid={:x}", number + 1);
            client.publish(&topic, QoS::AtMostOnce, *text).await;
            assert!(client.send("devices/dev1/messages/events/", *text).await);
        };
        let body = json!({ "methodName": "m", "payload": parsed(text) });
        let (answer, ()) = tokio::join!(ask(&hub, "POST", "/twins/dev1/methods", &body), device);
        assert_eq!((answer.status, &answer.json()["payload"]), (200, &parsed(text)));
        assert_eq!(hub.telemetry("dev1").last().unwrap().body, text.as_bytes());
    }
}
