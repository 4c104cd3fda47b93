//! Many identities in one request.

use serde_json::{Value, json};

use crate::Hub;
use crate::tests::support::client::{TestClient, hub};
use crate::tests::support::http::{Answer, ask};
use azmqtt_mqtt::QoS;

async fn bulk(hub: &Hub, entries: Value) -> Answer {
    ask(hub, "POST", "/devices", &entries).await
}

/// The errors of an answer: device, code, operation.
fn errors(answer: &Answer) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let result = answer.json();
    let errors = result["errors"].as_array().unwrap();
    assert_eq!(
        (answer.status, result["isSuccessful"].as_bool()),
        (if errors.is_empty() { 200 } else { 400 }, Some(errors.is_empty()))
    );
    assert_eq!(answer.header("connection"), None, "kept, as of anybody who was let in");
    errors
        .iter()
        .map(|error| (text(&error["deviceId"]), text(&error["errorCode"]), text(&error["operation"])))
        .collect()
}

#[tokio::test]
async fn each_mode_does_what_it_says() {
    let hub = hub();
    let twin = json!({ "tags": { "floor": 1 }, "properties": { "desired": { "a": 1 } } });
    let entry = |id: &str, mode: &str| {
        let mut entry = twin.clone();
        entry["id"] = id.into();
        entry["importMode"] = mode.into();
        entry
    };
    let made = bulk(&hub, json!([entry("x", "create"), entry("y", "createOrUpdate"), { "id": "z" }])).await;
    assert_eq!(errors(&made), []);
    assert_eq!(hub.device_ids(), ["dev1", "dev2", "x", "y", "z"]);
    let shown = hub.twin("x").unwrap();
    assert_eq!((&shown["tags"]["floor"], &shown["properties"]["desired"]["a"]), (&json!(1), &json!(1)));

    let etag = |id: &str| hub.twin(id).unwrap()["deviceEtag"].clone();
    let twin_etag = shown["etag"].clone();
    let changed = bulk(&hub, json!([
        { "id": "x", "importMode": "updateIfMatchETag", "eTag": etag("x"), "status": "disabled" },
        { "id": "y", "importMode": "update", "status": "disabled", "statusReason": "why", "tags": { "floor": 2 } },
        { "id": "z", "importMode": "deleteIfMatchETag", "eTag": etag("z") },
        { "id": "dev1", "importMode": "delete" },
        { "id": "x", "importMode": "updateTwinIfMatchETag", "twinETag": twin_etag, "tags": { "floor": 3 } },
        { "id": "y", "importMode": "updateTwin", "properties": { "desired": { "a": null, "b": 2 } } },
        { "id": "dev2", "moduleId": "m", "importMode": "create", "tags": { "in": "a module" } },
    ])).await;
    assert_eq!(errors(&changed), []);
    assert_eq!(hub.device_ids(), ["dev2", "x", "y"]);
    let [x, y, m] = [("x", None), ("y", None), ("dev2", Some("m"))].map(|id| hub.twin(id).unwrap());
    assert_eq!((&x["status"], &x["tags"]["floor"]), (&json!("disabled"), &json!(3)));
    assert_eq!((&y["statusReason"], &y["tags"]["floor"]), (&json!("why"), &json!(2)));
    let desired = &y["properties"]["desired"];
    assert_eq!((desired.get("a"), &desired["b"]), (None, &json!(2)));
    assert_eq!(m["tags"]["in"], "a module");
}

#[tokio::test]
async fn entries_fail_one_by_one() {
    let hub = hub();
    let answer = bulk(
        &hub,
        json!([
            { "id": "new", "importMode": "create" },
            { "id": "dev1", "importMode": "create" },
            { "id": "none", "importMode": "update" },
            { "id": "dev1", "importMode": "updateIfMatchETag", "eTag": "x" },
            { "id": "dev1", "importMode": "updateIfMatchETag", "eTag": "a b" },
            { "id": "dev1", "importMode": "updateTwinIfMatchETag", "twinETag": "x", "tags": {} },
            { "id": "none", "importMode": "deleteIfMatchETag", "eTag": "\"x\"" },
            { "id": "a b", "importMode": "create" },
            { "id": "bad", "importMode": "create", "tags": { "a.b": 1 } },
            { "id": "dev1", "importMode": "createIfMatchETag" },
            { "id": "dev1", "importMode": 7 },
            { "id": "new", "importMode": "create" },
        ]),
    )
    .await;
    let error = |id: &str, code: &str, mode: &str| (id.to_owned(), code.to_owned(), mode.to_owned());
    assert_eq!(
        errors(&answer),
        [
            error("dev1", "DeviceAlreadyExists", "create"),
            error("none", "DeviceNotFound", "update"),
            error("dev1", "PreconditionFailed", "updateIfMatchETag"),
            error("dev1", "ArgumentInvalid", "updateIfMatchETag"),
            error("dev1", "PreconditionFailed", "updateTwinIfMatchETag"),
            error("none", "DeviceNotFound", "deleteIfMatchETag"),
            error("a b", "ArgumentInvalid", "create"),
            error("bad", "ArgumentInvalid", "create"),
            error("dev1", "ArgumentInvalid", "createIfMatchETag"),
            error("dev1", "ArgumentInvalid", "createOrUpdate"),
            error("new", "DeviceAlreadyExists", "create"),
        ]
    );
    assert_eq!(hub.device_ids(), ["dev1", "dev2", "new"]);
}

#[tokio::test]
async fn what_is_in_the_wrong_place_is_refused() {
    let hub = hub();
    for mode in ["create", "createOrUpdate", "update", "updateTwin"] {
        for part in [
            json!({ "desired": { "x": 1 } }),
            json!({ "tag": { "x": 1 } }),
            json!({ "properties": { "tags": { "x": 1 } } }),
        ] {
            let mut entry = part.clone();
            entry["id"] = if mode == "create" { "new" } else { "dev1" }.into();
            entry["importMode"] = mode.into();
            let refused = errors(&bulk(&hub, json!([entry])).await);
            assert_eq!(refused[0].1, "ArgumentInvalid", "{mode} {part}");
        }
    }
    assert!(!hub.has_device("new"));
}

#[tokio::test]
async fn a_twin_made_with_its_identity_is_at_its_first_version() {
    let hub = hub();
    let entry = json!({ "id": "new", "importMode": "create", "properties": { "desired": { "a": 1 } } });
    bulk(&hub, json!([entry, { "id": "new", "moduleId": "m", "importMode": "create" }])).await;
    let twin = ask(&hub, "GET", "/twins/new", &Value::Null).await.json();
    assert_eq!((&twin["properties"]["desired"]["$version"], twin.get("tags")), (&json!(1), None));
    let module = ask(&hub, "GET", "/twins/new/modules/m", &Value::Null).await.json();
    let metadata = &module["properties"]["desired"]["$metadata"];
    assert_eq!(metadata, &json!({ "$lastUpdated": "0001-01-01T00:00:00Z" }));
    assert_eq!(module.get("capabilities"), None);
}

#[tokio::test]
async fn entries_that_are_none_and_too_many_are_refused() {
    let hub = hub();
    let answer = bulk(&hub, json!([7, null, {}, { "id": 7 }])).await;
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 4);
    let many: Value = (0..101).map(|number| json!({ "id": format!("d{number}") })).collect();
    assert_eq!(bulk(&hub, many).await.code(), 413_002);
    assert_eq!(hub.device_ids().len(), 2);
}

#[tokio::test]
async fn a_twin_that_changes_in_bulk_is_told_to_the_device() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/twin/PATCH/properties/desired/#", QoS::AtMostOnce).await.unwrap();
    bulk(
        &hub,
        json!([{ "id": "dev1", "importMode": "updateTwin", "properties": { "desired": { "a": 1 } } }]),
    )
    .await;
    let told: Value = serde_json::from_slice(&client.message().await.payload).unwrap();
    assert_eq!(told, json!({ "a": 1, "$version": 2 }));
}
