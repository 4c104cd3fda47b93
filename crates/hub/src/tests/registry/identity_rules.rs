//! What the service's registry does with a body: keys, conditions, reserved ids, scopes. One by one and in bulk.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::tests::support::client::hub;
use crate::tests::support::http::{Answer, ask, ask_if};
use crate::{Hub, HubError};
use azmqtt_dialect::ServiceError;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SHA1: &str = "A9993E364706816ABA3E25717850C26C9CD0D89D";

async fn put(hub: &Hub, path: &str, body: Value) -> Answer {
    ask(hub, "PUT", path, &body).await
}

async fn update(hub: &Hub, path: &str, body: Value) -> Answer {
    ask_if(hub, "PUT", path, "*", &body).await
}

async fn get(hub: &Hub, path: &str) -> Value {
    ask(hub, "GET", path, &Value::Null).await.json()
}

/// The text of a refusal.
pub fn message(answer: &Answer) -> String {
    ServiceError::parse(answer.status, &answer.body).message
}

/// One entry of a bulk request; the text of its refusal.
async fn bulk(hub: &Hub, entry: Value) -> Option<String> {
    let answer = ask(hub, "POST", "/devices", &json!([entry])).await.json();
    Some(answer["errors"].get(0)?["errorStatus"].as_str().unwrap().to_owned())
}

const IDENTITIES: [(&str, Option<&str>, &str); 2] =
    [("d", None, "/devices/d"), ("d", Some("m"), "/devices/d/modules/m")];

#[tokio::test]
async fn every_way_to_prove_oneself() {
    let hub = hub();
    let nothing = json!({ "primaryKey": null, "secondaryKey": null });
    let cases = [
        (json!({ "type": "sas", "symmetricKey": { "primaryKey": KEY, "secondaryKey": KEY } }), "sas"),
        (json!({ "symmetricKey": { "primaryKey": KEY, "secondaryKey": KEY } }), "sas"),
        (json!({ "type": "selfSigned", "x509Thumbprint": { "primaryThumbprint": SHA1 } }), "selfSigned"),
        (json!({ "x509Thumbprint": { "secondaryThumbprint": SHA1.to_lowercase() } }), "selfSigned"),
        (json!({ "type": "certificateAuthority" }), "certificateAuthority"),
        (json!({ "type": "selfSigned" }), "selfSigned"),
    ];
    for (number, (authentication, kind)) in cases.into_iter().enumerate() {
        for path in [format!("/devices/d{number}"), format!("/devices/dev1/modules/m{number}")] {
            let made = put(&hub, &path, json!({ "authentication": authentication })).await.json();
            let shown = &made["authentication"];
            assert_eq!(shown["type"], kind, "{made}");
            match kind {
                "sas" => assert_eq!(shown["symmetricKey"], json!({ "primaryKey": KEY, "secondaryKey": KEY })),
                _ => assert_eq!(shown["symmetricKey"], nothing),
            }
            for (name, thumbprint) in shown["x509Thumbprint"].as_object().unwrap() {
                let given = authentication["x509Thumbprint"][name].as_str().map(str::to_uppercase);
                assert_eq!(thumbprint.as_str().map(str::to_owned), given, "{made}");
            }
        }
    }
}

#[tokio::test]
async fn an_update_that_names_no_keys_makes_new_ones() {
    let hub = hub();
    let keys = |identity: &Value| identity["authentication"]["symmetricKey"].clone();
    for (device_id, module_id, path) in IDENTITIES {
        let mut last = keys(&put(&hub, path, json!({})).await.json());
        for body in [json!({}), json!({ "authentication": { "type": "sas" } })] {
            let now = keys(&update(&hub, path, body).await.json());
            assert!(now["primaryKey"] != last["primaryKey"] && now["secondaryKey"] != last["secondaryKey"]);
            last = now;
        }
        let mut entry = json!({ "id": device_id, "importMode": "update" });
        entry["moduleId"] = module_id.into();
        assert_eq!(bulk(&hub, entry).await, None);
        let now = keys(&get(&hub, path).await);
        assert_ne!(now, last);
        // Sent back as it was read, all stays.
        let whole = get(&hub, path).await;
        assert_eq!(keys(&update(&hub, path, whole).await.json()), now);
    }
}

#[tokio::test]
async fn both_keys_are_set_or_none() {
    let hub = hub();
    let rule = "Either no keys or both keys can be set";
    for name in ["primaryKey", "secondaryKey"] {
        let login = json!({ "type": "sas", "symmetricKey": { name: KEY } });
        for (device_id, module_id, path) in IDENTITIES {
            put(&hub, path, json!({})).await;
            for answer in [
                put(&hub, &format!("{path}2"), json!({ "authentication": login })).await,
                update(&hub, path, json!({ "authentication": login })).await,
            ] {
                assert_eq!((answer.code(), message(&answer)), (400_004, rule.to_owned()));
            }
            let mut entry = json!({ "id": device_id, "authentication": login });
            entry["moduleId"] = module_id.into();
            assert_eq!(bulk(&hub, entry).await.as_deref(), Some(rule));
        }
    }
}

#[tokio::test]
async fn a_device_has_a_login_and_a_module_gets_one() {
    let hub = hub();
    let body = json!({ "authentication": { "type": "none" } });
    assert_eq!(put(&hub, "/devices/d", body.clone()).await.code(), 400_004);
    assert_eq!(update(&hub, "/devices/dev1", body.clone()).await.code(), 400_004);
    let mut entry = body.clone();
    entry["id"] = "d".into();
    assert!(bulk(&hub, entry).await.is_some() && !hub.has_device("d"));
    let module = put(&hub, "/devices/dev1/modules/m", body.clone()).await.json();
    assert_eq!(module["authentication"]["type"], "sas");
    let entry = json!({ "id": "dev1", "moduleId": "n", "authentication": { "type": "none" } });
    assert_eq!(bulk(&hub, entry).await, None);
    assert_eq!(get(&hub, "/devices/dev1/modules/n").await["authentication"]["type"], "sas");
}

#[tokio::test]
async fn an_empty_condition_is_none() {
    let hub = hub();
    for (_, _, path) in IDENTITIES {
        for empty in ["\"\"", ""] {
            assert_eq!(ask_if(&hub, "PUT", path, empty, &json!({})).await.status, 200, "{path}");
            assert_eq!(ask_if(&hub, "PUT", path, empty, &json!({})).await.status, 409, "{path}");
            assert_eq!(ask_if(&hub, "DELETE", path, "*", &Value::Null).await.status, 204);
        }
        // The module's.
        put(&hub, "/devices/d", json!({})).await;
    }
    assert_eq!(ask_if(&hub, "PATCH", "/twins/d", "\"\"", &json!({ "tags": { "a": 1 } })).await.status, 200);
}

#[tokio::test]
async fn to_remove_an_identity_takes_a_condition() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    for path in ["/devices/dev1/modules/m", "/devices/dev1", "/devices/none"] {
        for answer in [
            ask(&hub, "DELETE", path, &Value::Null).await,
            ask_if(&hub, "DELETE", path, "\"\"", &Value::Null).await,
        ] {
            assert_eq!((answer.code(), &*message(&answer)), (412_001, "Etag missing"), "{path}");
        }
    }
    assert!(hub.has_module("dev1", "m"));
    // In bulk the mode says whether there is one, and an entry without an etag has none.
    for mode in ["delete", "deleteIfMatchETag"] {
        assert_eq!(bulk(&hub, json!({ "id": "dev2", "importMode": mode })).await, None);
        assert!(!hub.has_device("dev2"));
        hub.create_device("dev2", None).unwrap();
    }
}

#[tokio::test]
async fn a_failed_condition_names_both_versions() {
    let hub = hub();
    let first = get(&hub, "/devices/dev1").await["etag"].as_str().unwrap().to_owned();
    update(&hub, "/devices/dev1", json!({})).await;
    let version = |etag: &str| String::from_utf8(STANDARD.decode(etag).unwrap()).unwrap();
    let now = get(&hub, "/devices/dev1").await["etag"].as_str().unwrap().to_owned();
    let expected = format!(
        "Precondition failed: Device version did not match, existingVersion:{} newVersion:{}",
        version(&now),
        version(&first)
    );
    for method in ["PUT", "DELETE"] {
        let late = ask_if(&hub, method, "/devices/dev1", &format!("\"{first}\""), &json!({})).await;
        assert_eq!((late.code(), message(&late)), (412_001, expected.clone()));
    }
    let strange = ask_if(&hub, "DELETE", "/devices/dev1", "x", &Value::Null).await;
    assert!(message(&strange).ends_with("newVersion:x"), "{strange}");
}

#[tokio::test]
async fn ids_with_a_dollar_are_the_runtimes() {
    let hub = hub();
    for id in ["$edgeAgent", "$mine"] {
        assert_eq!(put(&hub, &format!("/devices/dev1/modules/{id}"), json!({})).await.code(), 400_004);
        assert!(bulk(&hub, json!({ "id": "dev1", "moduleId": id })).await.is_some());
        assert!(matches!(hub.create_module("dev1", id, None), Err(HubError::Argument(_))));
    }
    let edge = json!({ "capabilities": { "iotEdge": true } });
    put(&hub, "/devices/edge", edge).await;
    let path = "/devices/edge/modules/$edgeAgent";
    let login = json!({ "type": "sas", "symmetricKey": { "primaryKey": KEY, "secondaryKey": KEY } });
    let body = json!({ "managedBy": "iotEdge", "authentication": login });
    assert_eq!(update(&hub, path, body).await.json()["authentication"]["type"], "sas");
    assert_eq!(put(&hub, path, json!({})).await.code(), 409_301);
}

#[tokio::test]
async fn a_gateway_has_a_scope_and_its_modules() {
    let hub = hub();
    let edge = put(&hub, "/devices/edge", json!({ "capabilities": { "iotEdge": true } })).await.json();
    let scope = edge["deviceScope"].as_str().unwrap();
    assert!(scope.starts_with("ms-azure-iot-edge://edge-"), "{edge}");
    assert_eq!(hub.module_ids("edge").unwrap(), ["$edgeAgent", "$edgeHub"]);
    let agent = get(&hub, "/devices/edge/modules/%24edgeAgent").await;
    assert_eq!((&agent["authentication"]["type"], &agent["managedBy"]), (&json!("none"), &json!("iotEdge")));
    let leaf = put(&hub, "/devices/leaf", json!({ "deviceScope": scope })).await.json();
    assert_eq!((&leaf["deviceScope"], &leaf["parentScopes"]), (&json!(scope), &json!([scope])));
    assert_eq!(get(&hub, "/twins/leaf").await["parentScopes"], json!([scope]));
    // Its scope is its own for good, and every change repeats it.
    let mut body = json!({ "capabilities": { "iotEdge": true } });
    for other in [Value::Null, json!(""), json!("ms-azure-iot-edge://other-1")] {
        body["deviceScope"] = other;
        let refused = update(&hub, "/devices/edge", body.clone()).await;
        assert_eq!((refused.code(), &*message(&refused)), (400_004, "Device scope is immutable"));
    }
    body["deviceScope"] = scope.into();
    assert_eq!(update(&hub, "/devices/edge", body).await.json()["deviceScope"], scope);
    // At its creation another one is passed over.
    let body = json!({ "capabilities": { "iotEdge": true }, "deviceScope": "ms-azure-iot-edge://other-1" });
    let own = put(&hub, "/devices/edge2", body).await.json()["deviceScope"].clone();
    assert!(own.as_str().unwrap().starts_with("ms-azure-iot-edge://edge2-"), "{own}");
}

#[tokio::test]
async fn scopes_lead_to_gateways() {
    let hub = hub();
    let edge = json!({ "capabilities": { "iotEdge": true } });
    let scope = put(&hub, "/devices/edge", edge).await.json()["deviceScope"].clone();
    let mut leaf = put(&hub, "/devices/leaf", json!({ "deviceScope": scope })).await.json();
    let nowhere =
        ["0b8a7a2e-6cb1-4a2e-9a42-0f6a6e6f9d11", "ms-azure-iot-edge://edge-1", "ms-azure-iot-edge://dev1-1"];
    for scope in nowhere {
        leaf["deviceScope"] = scope.into();
        assert_eq!(update(&hub, "/devices/leaf", leaf.clone()).await.code(), 400_004, "{scope}");
        assert_eq!(put(&hub, "/devices/new", json!({ "deviceScope": scope })).await.code(), 400_004);
        assert!(bulk(&hub, json!({ "id": "new", "deviceScope": scope })).await.is_some());
        let child = json!({ "capabilities": { "iotEdge": true }, "parentScopes": [scope] });
        assert_eq!(put(&hub, "/devices/new", child).await.code(), 400_004);
    }
    assert_eq!(get(&hub, "/devices/leaf").await["deviceScope"], scope);
    // One that it has already stays good, though its gateway is gone.
    hub.remove_device("edge").unwrap();
    leaf["deviceScope"] = scope.clone();
    assert_eq!(update(&hub, "/devices/leaf", leaf.clone()).await.json()["parentScopes"], json!([scope]));
    leaf["deviceScope"] = "".into();
    let alone = update(&hub, "/devices/leaf", leaf).await.json();
    assert_eq!((alone.get("deviceScope"), alone.get("parentScopes")), (None, None));
}

#[tokio::test]
async fn a_device_becomes_a_gateway_and_a_device_again() {
    let hub = hub();
    let edge = json!({ "capabilities": { "iotEdge": true } });
    let up = put(&hub, "/devices/up", edge.clone()).await.json()["deviceScope"].clone();
    let body = json!({ "capabilities": { "iotEdge": true }, "deviceScope": "", "parentScopes": [up] });
    let gateway = update(&hub, "/devices/dev1", body).await.json();
    assert_eq!(gateway["deviceScope"], "ms-azure-iot-edge://dev1-");
    assert_eq!(gateway["parentScopes"], json!([up]));
    assert_eq!(
        put(&hub, "/devices/leaf", json!({ "deviceScope": gateway["deviceScope"] })).await.status,
        200
    );
    // It leaves its place in the same write, whatever that says; a second one gives it another.
    let leaf = json!({ "deviceScope": up });
    assert_eq!(update(&hub, "/devices/dev1", leaf.clone()).await.json().get("parentScopes"), None);
    assert_eq!(update(&hub, "/devices/dev1", leaf).await.json()["parentScopes"], json!([up]));
}
