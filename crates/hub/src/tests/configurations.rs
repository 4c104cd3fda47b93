//! Configurations over the REST API.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::id::Id;
use crate::security::policies::OWNER;
use crate::storage::state_dir::make_temp_dir;
use crate::tests::support::client::{DEADLINE, TestClient, hub, start};
use crate::tests::support::http::{Answer, ask, ask_as};
use crate::{Hub, HubConfig};
use azmqtt_mqtt::QoS;

fn body() -> Value {
    json!({
        "id": "chiller",
        "schemaVersion": "1.0",
        "labels": { "team": "cold" },
        "content": { "deviceContent": { "properties.desired.chiller": { "level": 3 } } },
        "targetCondition": "deviceId = 'dev1'",
        "priority": 10,
        "metrics": { "queries": { "all": "SELECT deviceId FROM devices", "none": "SELECT * FROM devices WHERE false" } },
    })
}

/// The body with one field otherwise.
fn with(name: &str, value: Value) -> Value {
    let mut body = body();
    body[name] = value;
    body
}

async fn put(hub: &Hub, if_match: &str, body: &Value) -> Answer {
    let headers = if if_match.is_empty() { String::new() } else { format!("If-Match: {if_match}\r\n") };
    ask_as(hub, OWNER, "PUT", "/configurations/chiller", &headers, body).await
}

#[tokio::test]
async fn their_life() {
    let hub = hub();
    let missing = (404, "ConfigurationNotFound");
    assert_eq!(ask(&hub, "GET", "/configurations/chiller", &Value::Null).await.refusal(), missing);
    assert_eq!(put(&hub, "*", &body()).await.refusal(), missing);
    let made = put(&hub, "", &body()).await;
    assert_eq!(made.status, 200, "{made}");
    assert_eq!(made.json()["etag"], "MQ==", "base64 of 1");
    let etag = made.json()["etag"].as_str().unwrap().to_owned();
    assert_eq!(made.header("etag"), Some(format!("\"{etag}\"").as_str()));
    for field in ["id", "schemaVersion", "labels", "content", "targetCondition", "priority"] {
        assert_eq!(made.json()[field], body()[field], "{field}");
    }
    assert_eq!(made.json()["systemMetrics"]["results"]["targetedCount"], 1);
    assert_eq!(made.json()["metrics"]["results"], json!({ "all": 2, "none": 0 }));
    let shown = made.json()["systemMetrics"]["queries"]["targetedCount"].as_str().unwrap().to_owned();
    assert_eq!(hub.query(&shown, None, None).unwrap().body, "[{\"deviceId\":\"dev1\"}]");
    assert_eq!(put(&hub, "", &body()).await.refusal(), (409, "ConfigurationAlreadyExists"));
    let changed = with("targetCondition", "*".into());
    assert_eq!(put(&hub, "\"old\"", &changed).await.refusal(), (412, "PreconditionFailed"));
    let updated = put(&hub, &format!("\"{etag}\""), &changed).await;
    assert_eq!(
        (updated.status, &updated.json()["systemMetrics"]["results"]["targetedCount"]),
        (200, &2.into())
    );
    assert_ne!(updated.json()["etag"], etag.as_str());
    assert_eq!(updated.json()["createdTimeUtc"], made.json()["createdTimeUtc"]);
    let bare = put(&hub, updated.json()["etag"].as_str().unwrap(), &body()).await;
    assert_eq!(bare.refusal(), (409, "ConfigurationAlreadyExists"));
    let other = with("content", json!({ "deviceContent": {} }));
    let kept = put(&hub, "*", &other).await;
    assert_eq!((kept.status, &kept.json()["content"]), (200, &body()["content"]));
    let list = ask(&hub, "GET", "/configurations?top=1", &Value::Null).await;
    assert_eq!((list.json().as_array().unwrap().len(), &list.json()[0]["id"]), (1, &"chiller".into()));
    let delete = |if_match: &'static str| {
        let headers = format!("If-Match: {if_match}\r\n");
        let hub = &hub;
        async move { ask_as(hub, OWNER, "DELETE", "/configurations/chiller", &headers, &Value::Null).await }
    };
    assert_eq!(delete("\"old\"").await.refusal(), (412, "PreconditionFailed"));
    assert_eq!(delete("*").await.status, 204);
    assert_eq!(delete("*").await.refusal(), missing);
}

#[tokio::test]
async fn rules() {
    let hub = hub();
    let content = "InvalidConfigurationContent";
    let condition = "InvalidConfigurationTargetCondition";
    for (name, value, error) in [
        ("id", "other".into(), "ArgumentInvalid"),
        ("priority", (-1).into(), "ArgumentInvalid"),
        ("labels", json!({ "a": 1 }), "ArgumentInvalid"),
        ("content", Value::Null, content),
        ("content", json!({}), content),
        ("content", json!({ "deviceContent": {}, "moduleContent": {} }), content),
        ("content", json!({ "deviceContent": { "properties.reported.x": 1 } }), content),
        ("content", json!({ "deviceContent": { "properties.desired..x": 1 } }), content),
        ("content", json!({ "modulesContent": { "a b": {} } }), content),
        ("content", json!({ "modulesContent": { "a": {} } }), content),
        ("content", json!({ "moduleContent": {} }), condition),
        ("targetCondition", "tags.x =".into(), condition),
        ("targetCondition", "status = 'enabled'".into(), condition),
        ("targetCondition", "NOT (tags.x = 1 OR properties.desired.x IN [1])".into(), condition),
        ("targetCondition", "FROM devices.modules WHERE moduleId = 'm'".into(), condition),
        ("metrics", json!({ "queries": { "bad": "SELECT" } }), "ArgumentInvalid"),
        ("metrics", json!({ "queries": { "jobs": "SELECT * FROM devices.jobs" } }), "ArgumentInvalid"),
    ] {
        let answer = put(&hub, "", &with(name, value.clone())).await;
        assert_eq!(answer.refusal(), (400, error), "{name} {value}");
    }
    let plain = json!({ "id": "plain", "content": { "deviceContent": {} } });
    let plain = ask(&hub, "PUT", "/configurations/plain", &plain).await.json();
    assert_eq!((&plain["schemaVersion"], &plain["labels"]), (&Value::Null, &Value::Null));
    assert_eq!((&plain["priority"], &plain["targetCondition"]), (&0.into(), &"".into()));
    assert_eq!(ask(&hub, "DELETE", "/configurations/plain", &Value::Null).await.status, 204);
    for id in ["UPPER", "a%20b", &"x".repeat(129)] {
        let mut body = body();
        body.as_object_mut().unwrap().shift_remove("id");
        let answer = ask(&hub, "PUT", &format!("/configurations/{id}"), &body).await;
        assert_eq!(answer.refusal(), (400, "ArgumentInvalid"), "{id}");
    }
    assert_eq!(
        ask(&hub, "PUT", "/configurations/x", &Value::Null).await.refusal(),
        (400, "IotHubFormatError")
    );
    let stranger = ask_as(&hub, "registryRead", "PUT", "/configurations/chiller", "", &body()).await;
    assert_eq!(stranger.status, 401);
    for number in 0..100 {
        let mut body = body();
        body["id"] = format!("c{number}").into();
        assert_eq!(ask(&hub, "PUT", &format!("/configurations/c{number}"), &body).await.status, 200);
    }
    assert_eq!(put(&hub, "", &body()).await.refusal(), (413, "ConfigurationCountLimitExceeded"));
}

#[tokio::test]
async fn the_memory_of_all_is_bounded() {
    let hub = hub();
    let modules: serde_json::Map<_, _> =
        (0..350).map(|n| (format!("m{n}"), json!({ "properties.desired.x": "y".repeat(4000) }))).collect();
    let mut large = json!({ "content": { "modulesContent": modules } });
    large["content"]["modulesContent"]["$edgeAgent"] = json!({});
    let mut taken = 0;
    let refused = loop {
        let answer = ask(&hub, "PUT", &format!("/configurations/c{taken}"), &large).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
    };
    assert_eq!(refused.refusal(), (413, "ConfigurationCountLimitExceeded"));
    assert!((8..12).contains(&taken), "{taken} of 1.4 MB");
}

fn named(id: &str, priority: i64, condition: &str, level: i64) -> Value {
    json!({
        "id": id,
        "content": { "deviceContent": { "properties.desired.level": level } },
        "targetCondition": condition,
        "priority": priority,
    })
}

async fn make(hub: &Hub, body: &Value) {
    let id = body["id"].as_str().unwrap();
    let made = ask(hub, "PUT", &format!("/configurations/{id}"), body).await;
    assert_eq!(made.status, 200, "{made}");
}

/// Waits until a twin is as it should be.
async fn until(hub: &Hub, id: impl Into<Id<'_>>, wanted: impl Fn(&Value) -> bool) -> Value {
    let (id, begun) = (id.into(), Instant::now());
    loop {
        let twin = hub.twin(id).unwrap();
        if wanted(&twin) {
            return twin;
        }
        assert!(begun.elapsed() < DEADLINE, "{twin}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn set_floor(hub: &Hub, floor: u64) {
    let patched = ask(hub, "PATCH", "/twins/dev1", &json!({ "tags": { "floor": floor } })).await;
    assert_eq!(patched.status, 200);
}

/// Whether a twin shows that a configuration is applied, which comes after its properties.
fn is_applied(twin: &Value, configuration: &str) -> bool {
    twin["configurations"][configuration]["status"] == "Applied"
}

fn level(twin: &Value) -> &Value {
    &twin["properties"]["desired"]["level"]
}

#[tokio::test]
async fn the_highest_priority_that_targets_a_device_is_applied() {
    let hub = hub();
    let mut device = TestClient::connect(&hub, "dev1").await;
    device.subscribe("$iothub/twin/PATCH/properties/desired/#", QoS::AtMostOnce).await.unwrap();
    make(&hub, &named("low", 1, "*", 1)).await;
    let notified: Value = serde_json::from_slice(&device.message().await.payload).unwrap();
    assert_eq!(notified, json!({ "level": 1, "$version": 2 }));
    let twin = until(&hub, "dev2", |twin| level(twin) == 1 && is_applied(twin, "low")).await;
    assert_eq!(twin["configurations"], json!({ "low": { "status": "Applied" } }));
    make(&hub, &named("high", 5, "tags.floor = 3", 2)).await;
    make(&hub, &named("between", 4, "tags.floor >= 3", 3)).await;
    set_floor(&hub, 3).await;
    until(&hub, "dev1", |twin| level(twin) == 2 && is_applied(twin, "high")).await;
    let seen = ask(&hub, "GET", "/configurations/high", &Value::Null).await.json();
    assert_eq!(seen["systemMetrics"]["results"], json!({ "targetedCount": 1, "appliedCount": 1 }));
    let query = seen["systemMetrics"]["queries"]["appliedCount"].as_str().unwrap();
    assert_eq!(hub.query(query, None, None).unwrap().body, "[{\"deviceId\":\"dev1\"}]");
    let seen = ask(&hub, "GET", "/configurations/between", &Value::Null).await.json();
    assert_eq!(seen["systemMetrics"]["results"], json!({ "targetedCount": 1, "appliedCount": 0 }));
    // Without it the next one applies; without any the properties stay.
    ask(&hub, "DELETE", "/configurations/high", &Value::Null).await;
    until(&hub, "dev1", |twin| level(twin) == 3).await;
    set_floor(&hub, 2).await;
    until(&hub, "dev1", |twin| level(twin) == 1).await;
    ask(&hub, "DELETE", "/configurations/low", &Value::Null).await;
    let twin = until(&hub, "dev1", |twin| twin["configurations"].is_null()).await;
    assert_eq!(level(&twin), 1);
    // What a device reports counts, and a device that is made later.
    make(&hub, &named("reported", 1, "properties.reported.ready = true OR deviceId = 'late'", 7)).await;
    hub.create_device("late", None).unwrap();
    until(&hub, "late", |twin| level(twin) == 7).await;
    device
        .publish("$iothub/twin/PATCH/properties/reported/?$rid=1", QoS::AtMostOnce, "{\"ready\":true}")
        .await;
    until(&hub, "dev1", |twin| level(twin) == 7).await;
    // A service may write to the same property afterwards.
    hub.patch_desired("dev1", &json!({ "level": 8 })).unwrap();
    set_floor(&hub, 1).await;
    make(&hub, &named("fence", 1, "deviceId = 'dev2'", 9)).await;
    until(&hub, "dev2", |twin| level(twin) == 9).await;
    assert_eq!(level(&hub.twin("dev1").unwrap()), 8);
}

#[tokio::test]
async fn modules_and_edge_devices_get_theirs() {
    let hub = hub_with_gateway().await;
    hub.create_module("dev1", "m1", None).unwrap();
    let of_modules = json!({
        "id": "modules",
        "content": { "moduleContent": { "properties.desired.level": 4 } },
        "targetCondition": "FROM devices.modules WHERE moduleId = 'm1'",
    });
    make(&hub, &of_modules).await;
    until(&hub, ("dev1", "m1"), |twin| level(twin) == 4).await;
    let deployment = json!({
        "id": "deployment",
        "content": { "modulesContent": {
            "$edgeAgent": { "properties.desired": { "schemaVersion": "1.1" } },
            "m1": { "properties.desired.x": 1 },
        } },
        "targetCondition": "*",
    });
    make(&hub, &deployment).await;
    until(&hub, "edge", |twin| twin["configurations"]["deployment"]["status"] == "Applied").await;
    assert_eq!(hub.twin(("edge", "m1")).unwrap()["properties"]["desired"]["x"], 1);
    // The module that the deployment made is a module like any other.
    until(&hub, ("edge", "m1"), |twin| level(twin) == 4).await;
    let seen = ask(&hub, "GET", "/configurations/deployment", &Value::Null).await.json();
    assert_eq!(seen["systemMetrics"]["results"]["targetedCount"], 1);
    assert!(!hub.has_module("dev2", "m1"));
}

#[tokio::test]
async fn conditions_and_metrics_are_tried() {
    let hub = hub();
    let ask = |body: Value| {
        let hub = &hub;
        async move { ask(hub, "POST", "/configurations/testQueries", &body).await.json() }
    };
    let good = json!({
        "targetCondition": "from devices.modules where tags.building=9",
        "customMetricQueries": { "mymetric": "select moduleId from devices.modules where tags.location='US'" },
    });
    assert_eq!(ask(good).await, json!({ "targetConditionError": "", "customMetricQueryErrors": {} }));
    let bad = ask(json!({ "targetCondition": "tags.", "customMetricQueries": { "m": "SELECT x" } })).await;
    let all = ask(json!({ "targetCondition": "*" })).await;
    assert_eq!(all["targetConditionError"], "the condition cannot be *");
    assert!(bad["targetConditionError"].as_str().unwrap().contains("at character 6"), "{bad}");
    assert!(bad["customMetricQueryErrors"]["m"].as_str().unwrap().contains("FROM"), "{bad}");
}

/// With an IoT Edge device, and the runtime's modules.
async fn hub_with_gateway() -> Hub {
    let hub = hub();
    let edge = json!({ "capabilities": { "iotEdge": true } });
    assert_eq!(ask(&hub, "PUT", "/devices/edge", &edge).await.status, 200);
    hub
}

#[tokio::test]
async fn content_is_applied_to_one_device() {
    let hub = hub_with_gateway().await;
    hub.create_module("edge", "old", None).unwrap();
    hub.patch_desired(("edge", "old"), &json!({ "keep": 1, "a": { "b": 1, "c": 2 } })).unwrap();
    let apply = |device: &'static str, content: Value| {
        let hub = &hub;
        async move { ask(hub, "POST", &format!("/devices/{device}/applyConfigurationContent"), &content).await }
    };
    let content = json!({ "modulesContent": {
        "$edgeAgent": { "properties.desired": { "schemaVersion": "1.1", "modules": {} } },
        "old": { "properties.desired.a.b": 5, "properties.desired.a.c": null, "properties.desired.new.x": [1] },
    } });
    assert_eq!(apply("edge", content).await.status, 204);
    let desired = |module: &str| {
        let mut desired = hub.twin(("edge", module)).unwrap()["properties"]["desired"].take();
        desired.as_object_mut().unwrap().retain(|name, _| !name.starts_with('$'));
        desired
    };
    assert_eq!(desired("$edgeAgent"), json!({ "schemaVersion": "1.1", "modules": {} }));
    assert_eq!(desired("old"), json!({ "keep": 1, "a": { "b": 5 }, "new": { "x": [1] } }));
    // All or nothing: the second module's content is refused.
    let content = json!({ "modulesContent": {
        "a": { "properties.desired.ok": 1 },
        "old": { "properties.desired.bad": { "a b": 1 } },
    } });
    assert_eq!(apply("edge", content).await.refusal(), (400, "ArgumentInvalid"));
    let content = json!({ "modulesContent": {
        "a": { "properties.desired.ok": 1 },
        "$mine": { "properties.desired.ok": 1 },
    } });
    assert_eq!(apply("edge", content).await.refusal(), (400, "ArgumentInvalid"));
    assert!(!hub.has_module("edge", "a"));
    let content = json!({ "deviceContent": { "properties.desired.x": 1 } });
    assert_eq!(apply("edge", content.clone()).await.status, 204);
    assert_eq!(hub.twin("edge").unwrap()["properties"]["desired"]["x"], 1);
    let refused = apply("dev2", content.clone()).await;
    assert_eq!(refused.refusal(), (400, "ArgumentInvalid"));
    assert!(refused.json()["Message"].as_str().unwrap().contains("Not an Azure IoT Edge device"));
    assert_eq!(apply("nobody", content).await.refusal(), (404, "DeviceNotFound"));
    assert_eq!(apply("edge", json!({ "moduleContent": {} })).await.refusal(), (400, "ArgumentInvalid"));
}

#[tokio::test]
async fn they_outlast_the_hub() {
    let dir = make_temp_dir().unwrap();
    let config = HubConfig { state_dir: Some(dir.join("state")), ..HubConfig::default() };
    let first = start(config.clone());
    put(&first, "", &body()).await;
    until(&first, "dev1", |twin| twin["configurations"]["chiller"].is_object()).await;
    let made = ask(&first, "GET", "/configurations/chiller", &Value::Null).await;
    drop(first);
    let again = Hub::start(config).unwrap();
    let twin = until(&again, "dev1", |twin| twin["configurations"]["chiller"].is_object()).await;
    assert_eq!(twin["properties"]["desired"]["chiller"], json!({ "level": 3 }));
    let read = ask(&again, "GET", "/configurations/chiller", &Value::Null).await;
    assert_eq!(read.json(), made.json());
    drop(again);
    std::fs::write(dir.join("state/configurations.json"), "{}").unwrap();
    let config = HubConfig { state_dir: Some(dir.join("state")), ..HubConfig::default() };
    let error = Hub::start(config).err().expect("damaged").to_string();
    assert!(error.contains("configurations.json is damaged"), "{error}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn content_for_more_modules_than_there_may_be_makes_none() {
    let hub = hub_with_gateway().await;
    hub.create_module("edge", "m0", None).unwrap();
    let content = |count: usize| {
        let modules = (0..count).map(|number| (format!("m{number}"), json!({ "properties.desired.x": 1 })));
        json!({ "modulesContent": modules.collect::<serde_json::Map<_, _>>() })
    };
    let path = "/devices/edge/applyConfigurationContent";
    assert_eq!(ask(&hub, "POST", path, &content(49)).await.refusal(), (413, "TooManyModulesOnDevice"));
    assert_eq!(hub.module_ids("edge").unwrap(), ["$edgeAgent", "$edgeHub", "m0"]);
    assert_eq!(hub.twin(("edge", "m0")).unwrap()["properties"]["desired"]["x"], Value::Null);
    assert_eq!(ask(&hub, "POST", path, &content(48)).await.status, 204);
    assert_eq!(hub.module_ids("edge").unwrap().len(), 50);
}

/// A content sets its places; what others write at the same time, elsewhere, stays.
#[tokio::test]
async fn content_overwrites_nobody() {
    let hub = hub_with_gateway().await;
    let large: Value =
        (0..200).map(|n| (format!("n{n}"), Value::from(n))).collect::<serde_json::Map<_, _>>().into();
    hub.patch_desired("edge", &json!({ "large": large })).unwrap();
    std::thread::scope(|scope| {
        let applying = scope.spawn(|| {
            for number in 0..400 {
                let content = json!({ "deviceContent": { "properties.desired.a": number } });
                crate::configurations::apply(&hub.shared.registry, "edge", &content).unwrap();
            }
        });
        let mut number = 0;
        while !applying.is_finished() {
            number += 1;
            hub.patch_desired("edge", &json!({ "b": number })).unwrap();
            assert_eq!(hub.twin("edge").unwrap()["properties"]["desired"]["b"], number);
        }
    });
}
