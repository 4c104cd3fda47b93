//! Identities over REST: what is stored, what is shown, what is refused.

use serde_json::{Value, json};

use crate::tests::storage::state::Dir;
use crate::tests::support::client::{Options, TestClient, hub};
use crate::tests::support::http::{Answer, ask, ask_if};
use crate::{CloseReason, Hub};
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::time::Timestamp;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

async fn put(hub: &Hub, path: &str, body: Value) -> Answer {
    ask(hub, "PUT", path, &body).await
}

async fn get(hub: &Hub, path: &str) -> Value {
    let answer = ask(hub, "GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()
}

/// A time after 1970 with seven digits of a second.
fn is_exact(time: &Value) -> bool {
    time.as_str().is_some_and(|time| time.len() == 28 && Timestamp::parse(time).is_some())
}

#[tokio::test]
async fn a_device_in_full() {
    let hub = hub();
    let made = put(&hub, "/devices/d", json!({ "deviceId": "d" })).await;
    assert_eq!(made.status, 200, "{made}");
    let device = made.json();
    assert_eq!(made.header("etag"), Some(&*format!("\"{}\"", device["etag"].as_str().unwrap())));
    assert_ne!(device["etag"], device["generationId"]);
    let [primary, secondary] = ["primaryKey", "secondaryKey"]
        .map(|name| device["authentication"]["symmetricKey"][name].as_str().unwrap().to_owned());
    assert_ne!(primary, secondary);
    assert!(hub.connection_string("d").unwrap().ends_with(&format!("SharedAccessKey={primary}")));
    let never = "0001-01-01T00:00:00Z";
    assert_eq!(device["lastActivityTime"], never.trim_end_matches('Z'), "times of a creation have no zone");
    let expected = json!({
        "deviceId": "d",
        "generationId": device["generationId"],
        "etag": device["etag"],
        "connectionState": "Disconnected",
        "status": "enabled",
        "statusReason": null,
        "connectionStateUpdatedTime": never,
        "statusUpdatedTime": never,
        "lastActivityTime": never,
        "cloudToDeviceMessageCount": 0,
        "authentication": {
            "symmetricKey": { "primaryKey": primary, "secondaryKey": secondary },
            "x509Thumbprint": { "primaryThumbprint": null, "secondaryThumbprint": null },
            "type": "sas",
        },
        "capabilities": { "iotEdge": false },
    });
    assert_eq!(get(&hub, "/devices/d").await, expected);
    assert_eq!(get(&hub, "/twins/d").await["deviceEtag"], device["etag"]);

    let _connected = TestClient::connect(&hub, "d").await;
    hub.send_c2d("d", "x".into(), azmqtt_dialect::MessageProperties::default()).unwrap();
    let device = get(&hub, "/devices/d").await;
    assert_eq!(
        (&device["connectionState"], &device["cloudToDeviceMessageCount"]),
        (&json!("Connected"), &json!(1))
    );
    for name in ["connectionStateUpdatedTime", "lastActivityTime"] {
        assert!(is_exact(&device[name]), "{device}");
    }
    assert_eq!(get(&hub, "/twins/d").await["lastActivityTime"], device["lastActivityTime"]);
}

#[tokio::test]
async fn a_module_in_full() {
    let hub = hub();
    let body = json!({ "deviceId": "dev1", "moduleId": "m", "managedBy": "me" });
    let made = put(&hub, "/devices/dev1/modules/m", body).await;
    assert_eq!((made.status, made.header("etag")), (200, None), "{made}");
    let module = made.json();
    let mut names: Vec<_> = module.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "authentication",
        "cloudToDeviceMessageCount",
        "connectionState",
        "connectionStateUpdatedTime",
        "deviceId",
        "etag",
        "generationId",
        "lastActivityTime",
        "managedBy",
        "moduleId",
    ];
    assert_eq!(names, expected);
    assert_eq!(module["managedBy"], "me");
    let shown = get(&hub, "/devices/dev1/modules/m").await;
    assert_eq!(get(&hub, "/devices/dev1/modules").await, json!([shown]));
    let again = put(&hub, "/devices/dev1/modules/m", json!({})).await;
    assert_eq!(again.code(), 409_301);
    let etag = module["etag"].as_str().unwrap();
    let body = json!({ "managedBy": "you" });
    let changed = ask_if(&hub, "PUT", "/devices/dev1/modules/m", &format!("\"{etag}\""), &body).await;
    assert_eq!((changed.status, &changed.json()["managedBy"]), (200, &json!("you")));
    assert_eq!(ask_if(&hub, "DELETE", "/devices/dev1/modules/m", etag, &Value::Null).await.code(), 412_001);
    let mut client = TestClient::connect(&hub, ("dev1", "m")).await;
    assert_eq!(ask_if(&hub, "DELETE", "/devices/dev1/modules/m", "*", &Value::Null).await.status, 204);
    assert!(client.is_closed().await && !hub.has_module("dev1", "m"));
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_and_named() {
    let hub = hub();
    let key = |key: &str| json!({ "authentication": { "symmetricKey": { "primaryKey": key, "secondaryKey": KEY } } });
    let short = SymmetricKey::from_base64("AAAA").unwrap().as_base64();
    let long = "A".repeat(88);
    let cases = [
        (json!({ "deviceId": "other" }), "deviceId"),
        (json!({ "deviceId": 7 }), "deviceId"),
        (json!({ "status": "asleep" }), "status"),
        (json!({ "statusReason": "x".repeat(129) }), "statusReason"),
        (json!({ "capabilities": { "iotEdge": "yes" } }), "iotEdge"),
        (json!({ "parentScopes": "x" }), "parentScopes"),
        (json!({ "deviceScope": 1 }), "deviceScope"),
        (json!({ "authentication": { "type": "tpm" } }), "authentication.type"),
        (json!({ "authentication": { "type": "none" } }), "DeviceAuthenticationTypeIsMissing"),
        (json!({ "deviceScope": "ms-azure-iot-edge://nobody-1" }), "deviceScope"),
        (
            json!({ "authentication": { "x509Thumbprint": { "primaryThumbprint": "12" } } }),
            "primaryThumbprint",
        ),
        (key("?"), "primaryKey"),
        (key(&short), "primaryKey"),
        (key(&long), "primaryKey"),
        (json!([]), "object"),
    ];
    for (body, name) in cases {
        let answer = put(&hub, "/devices/new", body.clone()).await;
        assert_eq!(answer.code(), 400_004, "{body}: {answer}");
        let text = answer.to_string();
        assert!(text.contains(name) && !text.contains(&long) && !text.contains(&short), "{body}: {answer}");
    }
    for id in ["a%2Bb", "a%23b", "a%20b", "a%2Fb", "%C3%A9", &"x".repeat(129)] {
        let answer = put(&hub, &format!("/devices/{id}"), json!({})).await;
        assert_eq!(answer.code(), 400_004, "{id}: {answer}");
    }
    assert_eq!(hub.device_ids(), ["dev1", "dev2"]);
}

#[tokio::test]
async fn odd_ids_are_encoded_in_paths() {
    let hub = hub();
    for (id, encoded) in
        [("100%", "100%25"), ("a?b", "a%3Fb"), ("a=b@c", "a%3Db%40c"), ("%41", "%2541"), ("a!*'()", "a!*'()")]
    {
        let made = put(&hub, &format!("/devices/{encoded}"), json!({ "deviceId": id })).await;
        assert_eq!((made.status, &made.json()["deviceId"]), (200, &json!(id)), "{made}");
        assert_eq!(get(&hub, &format!("/twins/{encoded}")).await["deviceId"], id);
        let path = format!("/devices/{encoded}");
        assert_eq!(ask_if(&hub, "DELETE", &path, "*", &Value::Null).await.status, 204);
        assert!(!hub.has_device(id));
    }
}

#[tokio::test]
async fn each_change_has_an_etag_and_old_ones_change_nothing() {
    let hub = hub();
    let first = get(&hub, "/devices/dev1").await;
    let etag = first["etag"].as_str().unwrap();
    let body = json!({ "status": "disabled", "statusReason": "broken" });
    let changed = ask_if(&hub, "PUT", "/devices/dev1", &format!("\"{etag}\""), &body).await.json();
    assert_eq!((&changed["status"], &changed["statusReason"]), (&json!("disabled"), &json!("broken")));
    assert!(is_exact(&changed["statusUpdatedTime"]), "{changed}");
    assert_eq!(get(&hub, "/twins/dev1").await["statusUpdateTime"], changed["statusUpdatedTime"]);
    assert_ne!(changed["etag"], first["etag"]);
    assert_eq!(changed["generationId"], first["generationId"]);
    let late = ask_if(&hub, "PUT", "/devices/dev1", &format!("\"{etag}\""), &json!({})).await;
    assert_eq!(late.code(), 412_001);
    assert_eq!(get(&hub, "/devices/dev1").await, changed);
    hub.set_enabled("dev1", true).unwrap();
    assert_ne!(get(&hub, "/devices/dev1").await["etag"], changed["etag"]);
}

#[tokio::test]
async fn whoever_may_not_connect_any_more_is_dropped() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let mut device = TestClient::connect(&hub, "dev1").await;
    let mut module = TestClient::connect(&hub, ("dev1", "m")).await;
    let disabled = ask_if(&hub, "PUT", "/devices/dev1", "*", &json!({ "status": "disabled" })).await;
    assert_eq!(disabled.json()["connectionState"], "Disconnected");
    assert!(device.is_closed().await && module.is_closed().await);
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::Disabled));
    let mut other = TestClient::connect(&hub, "dev2").await;
    assert_eq!(ask_if(&hub, "DELETE", "/devices/dev2", "*", &Value::Null).await.status, 204);
    assert!(other.is_closed().await);
    assert_eq!(ask_if(&hub, "DELETE", "/devices/dev2", "*", &Value::Null).await.code(), 404_001);
}

#[tokio::test]
async fn changed_keys_count_from_the_next_connection_on() {
    let hub = hub();
    let old = Options::new(&hub, "dev1");
    let mut client = TestClient::connect(&hub, "dev1").await;
    let body = json!({ "authentication": { "type": "sas", "symmetricKey": { "primaryKey": KEY, "secondaryKey": KEY } } });
    assert_eq!(ask_if(&hub, "PUT", "/devices/dev1", "*", &body).await.status, 200);
    assert!(client.send("devices/dev1/messages/events/", "still here").await);
    assert!(TestClient::open(&hub, &old).await.is_err());
    TestClient::connect(&hub, "dev1").await;
}

#[tokio::test]
async fn devices_are_listed_in_order_and_without_modules() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let all = get(&hub, "/devices").await;
    let ids: Vec<_> =
        all.as_array().unwrap().iter().map(|device| device["deviceId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["dev1", "dev2"]);
    // What is out of its range is as if it were not there.
    for (top, count) in [("1", 1), ("2", 2), ("0", 2), ("-1", 2), ("1001", 2)] {
        let listed = get(&hub, &format!("/devices?top={top}")).await;
        assert_eq!(listed.as_array().unwrap().len(), count, "{top}");
    }
    let counts = get(&hub, "/statistics/devices").await;
    let expected = json!({ "totalDeviceCount": 2, "enabledDeviceCount": 2, "disabledDeviceCount": 0 });
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn identities_and_policies_survive_a_restart() {
    let dir = Dir::new();
    let (device, module, service) = {
        let hub = dir.hub().unwrap();
        let up = put(&hub, "/devices/up", json!({ "capabilities": { "iotEdge": true } })).await.json();
        let mut body =
            json!({ "status": "disabled", "statusReason": "why", "capabilities": { "iotEdge": true } });
        body["parentScopes"] = json!([up["deviceScope"]]);
        body["deviceScope"] = put(&hub, "/devices/d", body.clone()).await.json()["deviceScope"].clone();
        let device = ask_if(&hub, "PUT", "/devices/d", "*", &body).await.json();
        let body = json!({ "managedBy": "me", "authentication": { "type": "selfSigned" } });
        put(&hub, "/devices/up/modules/m", body).await;
        let module = get(&hub, "/devices/up/modules/m").await;
        let service = hub.policy_connection_string("service").unwrap();
        (device, module, service)
    };
    let hub = dir.hub().unwrap();
    assert_eq!(get(&hub, "/devices/d").await, device);
    assert_eq!(get(&hub, "/devices/up/modules/m").await, module);
    let key = |text: &str| text.split_once(';').unwrap().1.to_owned();
    assert_eq!(key(&hub.policy_connection_string("service").unwrap()), key(&service));
    assert!(hub.policy_connection_string("nobody").is_err());
}
