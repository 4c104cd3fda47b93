//! Many enrolments over the provisioning service's REST API: in bulk, by queries; and what became of their devices.

use serde_json::{Value, json};

use super::enrollments::{ask, ask_with, certificates, refusal, symmetric};
use super::registrations::{connect, connect_with_certificate, register};
use crate::tests::support::client::start;
use crate::{Hub, HubConfig};
use azmqtt_dialect::SymmetricKey;

fn bulk(mode: &str, enrollments: &[Value]) -> Value {
    json!({ "mode": mode, "enrollments": enrollments })
}

fn named(id: &str) -> Value {
    json!({ "registrationId": id, "attestation": { "type": "symmetricKey" } })
}

/// Of `POST /enrollments`: whether all went well, and the ids and codes of what did not.
async fn run(hub: &Hub, mode: &str, enrollments: &[Value]) -> (bool, Vec<(String, u64)>) {
    let answer = ask(hub, "POST /enrollments", &bulk(mode, enrollments)).await;
    assert_eq!(answer.status, 200, "{answer}");
    let answer = answer.json();
    let error = |error: &Value| {
        assert!(error["errorStatus"].is_string(), "{error}");
        (error["registrationId"].as_str().unwrap().to_owned(), error["errorCode"].as_u64().unwrap())
    };
    let errors = answer["errors"].as_array().unwrap().iter().map(error).collect();
    (answer["isSuccessful"].as_bool().unwrap(), errors)
}

#[tokio::test]
async fn each_enrolment_of_a_bulk_is_on_its_own() {
    let hub = start(HubConfig::default());
    assert_eq!(run(&hub, "create", &[named("a"), named("b")]).await, (true, vec![]));
    let errors = vec![("a".to_owned(), 409_201), ("c d".to_owned(), 400_004)];
    assert_eq!(run(&hub, "create", &[named("a"), named("c"), named("c d")]).await, (false, errors));
    let disabled = |id: &str, etag: &Value| {
        let mut enrollment = named(id);
        enrollment["provisioningStatus"] = json!("disabled");
        enrollment["etag"] = etag.clone();
        enrollment
    };
    let old = ask(&hub, "GET /enrollments/a", &Value::Null).await.json()["etag"].clone();
    // An update takes no etag, whatever is in there.
    let update = [disabled("a", &json!("stale")), named("nobody")];
    assert_eq!(run(&hub, "update", &update).await, (false, vec![("nobody".to_owned(), 404_201)]));
    let changed = ask(&hub, "GET /enrollments/a", &Value::Null).await.json();
    assert_eq!(changed["provisioningStatus"], "disabled");
    for mode in ["updateIfMatchEtag", "updateIfMatchETag"] {
        let update = [disabled("a", &old), named("b")];
        let errors = vec![("a".to_owned(), 412_001), ("b".to_owned(), 400_004)];
        assert_eq!(run(&hub, mode, &update).await, (false, errors));
    }
    let update = [disabled("a", &changed["etag"])];
    assert_eq!(run(&hub, "updateIfMatchETag", &update).await, (true, vec![]));
    let delete = [json!({ "registrationId": "a", "etag": old }), named("b"), named("nobody")];
    let errors = vec![("a".to_owned(), 412_001), ("nobody".to_owned(), 404_201)];
    assert_eq!(run(&hub, "delete", &delete).await, (false, errors));
    assert_eq!(refusal(&ask(&hub, "GET /enrollments/b", &Value::Null).await), 404_201);
    let eleven: Vec<_> = (0..11).map(|number| named(&number.to_string())).collect();
    for body in [
        json!({}),
        bulk("make", &[named("x")]),
        bulk("create", &[]),
        bulk("create", &eleven),
        bulk("create", &[named("x"), symmetric()]),
    ] {
        assert_eq!(refusal(&ask(&hub, "POST /enrollments", &body).await), 400_004, "{body}");
    }
    assert_eq!(refusal(&ask(&hub, "GET /enrollments/x", &Value::Null).await), 404_201);
}

#[tokio::test]
async fn a_query_comes_page_by_page() {
    let hub = start(HubConfig::default());
    // A name that is a word of the API's, too.
    for id in ["a", "b", "query"] {
        assert_eq!(ask(&hub, &format!("PUT /enrollments/{id}"), &symmetric()).await.status, 200);
        assert_eq!(ask(&hub, &format!("PUT /enrollmentGroups/{id}"), &symmetric()).await.status, 200);
    }
    assert_eq!(ask(&hub, "GET /enrollments/query", &Value::Null).await.status, 200);
    for (path, source, member, item_type) in [
        ("/enrollments/query", "enrollments", "registrationId", "enrollment"),
        ("/enrollmentgroups/Query", "ENROLLMENTGROUPS", "enrollmentGroupId", "enrollmentGroup"),
    ] {
        let body = json!({ "query": format!("select  * FROM {source}") });
        let first = ask_with(&hub, &format!("POST {path}"), "x-ms-max-item-count: 2\r\n", &body).await;
        assert_eq!((first.status, first.header("x-ms-item-type")), (200, Some(item_type)), "{first}");
        let ids = |answer: &Value| -> Vec<String> {
            let items = answer.as_array().unwrap().iter();
            items.map(|item| item[member].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids(&first.json()), ["a", "b"]);
        // Keys are in no list.
        assert_eq!(first.json()[0]["attestation"], json!({ "type": "symmetricKey" }));
        let headers = format!("x-ms-continuation: {}\r\n", first.header("x-ms-continuation").unwrap());
        let last = ask_with(&hub, &format!("POST {path}"), &headers, &json!({ "query": "*" })).await;
        assert_eq!((ids(&last.json()), last.header("x-ms-continuation")), (vec!["query".to_owned()], None));
        for (headers, body) in [
            ("", json!({ "query": "SELECT * FROM devices" })),
            ("", json!({ "query": format!("SELECT * FROM {source} WHERE a = 1") })),
            ("", json!({})),
            ("x-ms-max-item-count: 0\r\n", json!({ "query": "*" })),
            ("x-ms-max-item-count: many\r\n", json!({ "query": "*" })),
            ("x-ms-continuation: ?\r\n", json!({ "query": "*" })),
        ] {
            let refused = ask_with(&hub, &format!("POST {path}"), headers, &body).await;
            assert_eq!(refusal(&refused), 400_004, "{headers} {body}");
        }
    }
    assert_eq!(ask(&hub, "POST /enrollments/a", &json!({})).await.status, 405);
}

#[tokio::test]
async fn registrations_are_shown_and_forgotten() {
    let hub = start(HubConfig::default());
    let key = |made: &Value| {
        SymmetricKey::from_base64(made["attestation"]["symmetricKey"]["primaryKey"].as_str().unwrap())
            .unwrap()
    };
    let own = key(&ask(&hub, "PUT /enrollments/own", &symmetric()).await.json());
    let group = key(&ask(&hub, "PUT /enrollmentGroups/fleet", &symmetric()).await.json());
    assert_eq!(ask(&hub, "PUT /enrollmentGroups/other", &symmetric()).await.status, 200);
    assert_eq!(refusal(&ask(&hub, "GET /registrations/own", &Value::Null).await), 404_204);
    for (id, key) in [("own", own), ("m-1", group.derive("m-1")), ("m-2", group.derive("m-2"))] {
        let mut client = connect(&hub, id, &key).await;
        assert_eq!(register(&mut client, id).await.1["status"], "assigned");
    }
    let state = ask(&hub, "GET /registrations/OWN", &Value::Null).await;
    let etag = state.header("etag").unwrap().to_owned();
    let state = state.json();
    for (name, value) in [
        ("registrationId", "own"),
        ("assignedHub", "localhost"),
        ("deviceId", "own"),
        ("status", "assigned"),
        ("substatus", "initialAssignment"),
        ("etag", etag.trim_matches('"')),
    ] {
        assert_eq!(state[name], value, "{name}");
    }
    let enrollment = ask(&hub, "GET /enrollments/own", &Value::Null).await.json();
    assert_eq!(enrollment["registrationState"], state);
    let all = json!({ "query": "*" });
    for (group, ids) in [("fleet", vec!["m-1", "m-2"]), ("other", vec![])] {
        let found = ask(&hub, &format!("POST /registrations/{group}/query"), &all).await;
        assert_eq!(found.header("x-ms-item-type"), Some("deviceRegistration"));
        let found = found.json();
        let found: Vec<_> = found.as_array().unwrap().iter().map(|state| &state["registrationId"]).collect();
        assert_eq!(found, ids);
    }
    assert_eq!(refusal(&ask(&hub, "POST /registrations/none/query", &all).await), 404_202);
    let delete = "DELETE /registrations/own";
    assert_eq!(refusal(&ask_with(&hub, delete, "If-Match: \"x\"\r\n", &Value::Null).await), 412_001);
    assert_eq!(ask_with(&hub, delete, &format!("If-Match: {etag}\r\n"), &Value::Null).await.status, 204);
    assert_eq!(refusal(&ask(&hub, delete, &Value::Null).await), 404_204);
    assert!(hub.has_device("own"));
    let enrollment = ask(&hub, "GET /enrollments/own", &Value::Null).await.json();
    assert_eq!(enrollment.get("registrationState"), None);
}

#[tokio::test]
async fn devices_with_certificates_register() {
    let hub = start(HubConfig::default());
    let x509 = |name: &str, pem: &str| json!({ "attestation": { "type": "x509", "x509": { name: { "primary": { "certificate": pem } } } } });
    let [root, member, member_key] = certificates("member");
    let [_, own, own_key] = certificates("own");
    let [_, stranger, stranger_key] = certificates("stranger");
    let group = ask(&hub, "PUT /enrollmentGroups/fleet", &x509("signingCertificates", &root)).await;
    assert_eq!(group.status, 200, "{group}");
    assert_eq!(ask(&hub, "PUT /enrollments/own", &x509("clientCertificates", &own)).await.status, 200);
    for (id, certificate, key, code) in [
        ("member", &member, &member_key, Value::Null),
        ("own", &own, &own_key, Value::Null),
        // Of another root with the same name, and under another's name.
        ("stranger", &stranger, &stranger_key, json!(401_002)),
        ("own", &member, &member_key, json!(401_002)),
    ] {
        let mut client = connect_with_certificate(&hub, id, certificate, key).await;
        let (_, body) = register(&mut client, id).await;
        assert_eq!(body["errorCode"], code, "{id}: {body}");
    }
    assert!(hub.has_device("member") && hub.has_device("own") && !hub.has_device("stranger"));
}
