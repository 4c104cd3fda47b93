//! The provisioning service's REST API, over real HTTPS.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::registrations::{connect, register};
use crate::http::listed_routes;
use crate::storage::state_dir::make_temp_dir;
use crate::tests::support::client::{DEADLINE, ends, provisioning, start};
use crate::tests::support::http::{Answer, Http};
use crate::unix_time::unix_now;
use crate::{Hub, HubConfig};
use azmqtt_dialect::WEBSOCKET_PATH;
use azmqtt_dialect::sas::{SasToken, SymmetricKey};

const POLICY: &str = "provisioningserviceowner";
const VERSION: &str = "api-version=2021-10-01";

fn owner_key(hub: &Hub) -> SymmetricKey {
    let text = hub.provisioning_service_connection_string();
    SymmetricKey::from_base64(text.split_once("SharedAccessKey=").unwrap().1).unwrap()
}

fn token(hub: &Hub, expiry: u64) -> String {
    SasToken::sign("localhost", &owner_key(hub), expiry, Some(POLICY)).to_token()
}

async fn send(hub: &Hub, method: &str, target: &str, headers: &str, body: &Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Http::over(provisioning(hub).await).send(method, target, headers, &body).await.expect("an answer")
}

/// Asks as the owner; `request` is a method and a path, `headers` end with a line break each.
pub async fn ask_with(hub: &Hub, request: &str, headers: &str, body: &Value) -> Answer {
    let (method, path) = request.split_once(' ').unwrap();
    let headers = format!("Authorization: {}\r\n{headers}", token(hub, unix_now() + 60));
    send(hub, method, &format!("{path}?{VERSION}"), &headers, body).await
}

pub async fn ask(hub: &Hub, request: &str, body: &Value) -> Answer {
    ask_with(hub, request, "", body).await
}

/// The code of a refusal, after a look at the form of it.
pub fn refusal(answer: &Answer) -> u64 {
    let body = answer.json();
    let code = body["errorCode"].as_u64().unwrap();
    assert_eq!(u64::from(answer.status), code / 1000, "{answer}");
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["errorCode", "trackingId", "message", "timestampUtc"]);
    assert_eq!(body["trackingId"].as_str(), answer.header("x-ms-request-id"));
    assert_eq!(answer.header("iothub-errorcode"), None);
    code
}

pub fn symmetric() -> Value {
    json!({ "attestation": { "type": "symmetricKey" } })
}

#[tokio::test]
async fn an_enrolment_is_made_read_changed_and_removed() {
    let hub = start(HubConfig::default());
    let body = json!({
        "registrationId": "Reg-1",
        "deviceId": "kitchen",
        "attestation": { "type": "symmetricKey" },
        "initialTwin": { "tags": { "a": 1 }, "properties": { "desired": { "b": 2 } } },
        "iotHubs": ["localhost"],
        "allocationPolicy": "static",
        "optionalDeviceInformation": { "note": "x" },
        "etag": "ignored",
    });
    let made = ask(&hub, "PUT /enrollments/Reg-1", &body).await;
    assert_eq!(made.status, 200, "{made}");
    let made = made.json();
    assert!(made["attestation"]["symmetricKey"]["primaryKey"].is_string(), "{made}");
    for (name, value) in [
        ("registrationId", json!("Reg-1")),
        ("deviceId", json!("kitchen")),
        ("initialTwin", body["initialTwin"].clone()),
        ("iotHubs", json!(["localhost"])),
        ("allocationPolicy", json!("static")),
        ("optionalDeviceInformation", json!({ "note": "x" })),
        ("reprovisionPolicy", json!({ "updateHubAssignment": true, "migrateDeviceData": true })),
        ("capabilities", json!({ "iotEdge": false })),
        ("provisioningStatus", json!("enabled")),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    assert_eq!(made["createdDateTimeUtc"], made["lastUpdatedDateTimeUtc"]);
    // Ids have no case, and what is there already is not made again.
    assert_eq!(refusal(&ask(&hub, "PUT /enrollments/reg-1", &symmetric()).await), 409_201);
    let read = ask(&hub, "GET /Enrollments/reg-1", &Value::Null).await;
    assert_eq!(read.header("etag"), Some(&*format!("\"{}\"", made["etag"].as_str().unwrap())));
    let read = read.json();
    assert_eq!(read["attestation"], json!({ "type": "symmetricKey" }));
    let mechanism = ask(&hub, "POST /enrollments/Reg-1/attestationmechanism", &Value::Null).await.json();
    assert_eq!(mechanism, made["attestation"]);

    // What was read is sent back, with a change: the keys stay.
    let etag = made["etag"].as_str().unwrap();
    let if_match = format!("If-Match: {etag}\r\n");
    let mut changed = read.clone();
    changed["provisioningStatus"] = json!("disabled");
    let changed = ask_with(&hub, "PUT /enrollments/Reg-1", &if_match, &changed).await;
    assert_eq!(changed.status, 200, "{changed}");
    let changed = changed.json();
    assert_eq!((&changed["provisioningStatus"], &changed["attestation"]), (&json!("disabled"), &mechanism));
    assert_eq!(changed["createdDateTimeUtc"], made["createdDateTimeUtc"]);
    assert_ne!(changed["etag"], made["etag"]);
    let stale = ask_with(&hub, "PUT /enrollments/Reg-1", &if_match, &symmetric()).await;
    assert_eq!(refusal(&stale), 412_001);
    let stale = ask_with(&hub, "DELETE /enrollments/Reg-1", &if_match, &Value::Null).await;
    assert_eq!(refusal(&stale), 412_001);
    let any = ask_with(&hub, "PUT /enrollments/Reg-1", "If-Match: \"*\"\r\n", &symmetric()).await;
    assert_eq!(any.json()["provisioningStatus"], "enabled");
    assert_eq!(ask(&hub, "DELETE /enrollments/Reg-1", &Value::Null).await.status, 204);
    for request in [
        "GET /enrollments/Reg-1",
        "DELETE /enrollments/Reg-1",
        "POST /enrollments/Reg-1/attestationmechanism",
    ] {
        assert_eq!(refusal(&ask(&hub, request, &Value::Null).await), 404_201, "{request}");
    }
    let gone = ask_with(&hub, "PUT /enrollments/Reg-1", "If-Match: *\r\n", &symmetric()).await;
    assert_eq!(refusal(&gone), 404_201);
}

#[tokio::test]
async fn the_device_of_an_enrolment_registers() {
    let hub = start(HubConfig::default());
    let mut body = symmetric();
    body["deviceId"] = json!("gateway");
    body["capabilities"] = json!({ "iotEdge": true });
    let made = ask(&hub, "PUT /enrollments/reg-1", &body).await.json();
    let key = made["attestation"]["symmetricKey"]["secondaryKey"].as_str().unwrap();
    let key = SymmetricKey::from_base64(key).unwrap();
    let mut client = connect(&hub, "reg-1", &key).await;
    assert_eq!(register(&mut client, "reg-1").await.1["status"], "assigned");
    assert!(hub.has_device("gateway"));
    assert!(
        ["$edgeAgent", "$edgeHub"].iter().all(|module| hub.connection_string(("gateway", *module)).is_ok())
    );

    let group = ask(&hub, "PUT /enrollmentGroups/fleet", &symmetric()).await.json();
    let key = group["attestation"]["symmetricKey"]["primaryKey"].as_str().unwrap();
    let key = SymmetricKey::from_base64(key).unwrap().derive("truck");
    let mut client = connect(&hub, "truck", &key).await;
    assert_eq!(register(&mut client, "truck").await.1["status"], "assigned");
    // Of a group that was removed nobody registers.
    assert_eq!(ask(&hub, "DELETE /enrollmentGroups/fleet", &Value::Null).await.status, 204);
    assert_eq!(refusal(&ask(&hub, "GET /enrollmentGroups/fleet", &Value::Null).await), 404_202);
    assert!(register(&mut client, "truck").await.0.contains("/404/"));
}

#[tokio::test]
async fn only_the_owner_is_let_in() {
    let hub = start(HubConfig::default());
    let [_, mut routes] = listed_routes(&hub.shared);
    // Who comes by it shows credentials in MQTT.
    routes.retain(|(_, path, _)| path != WEBSOCKET_PATH);
    assert_eq!(routes.len(), 14);
    let now = unix_now();
    let sign = |resource: &str, key: &SymmetricKey, expiry, policy| {
        format!("Authorization: {}\r\n", SasToken::sign(resource, key, expiry, policy).to_token())
    };
    let key = owner_key(&hub);
    let hub_key = crate::tests::support::http::policy_key(&hub, "iothubowner");
    for headers in [
        String::new(),
        "Authorization: Bearer x\r\n".to_owned(),
        sign("localhost", &key, now - 3600, Some(POLICY)),
        sign("localhost", &key, now + 60, None),
        sign("localhost", &key, now + 60, Some("iothubowner")),
        sign("localhost", &hub_key, now + 60, Some(POLICY)),
        sign("elsewhere", &key, now + 60, Some(POLICY)),
    ] {
        for (method, path, _) in &routes {
            // Whoever is not let in does not learn what else is wrong.
            let answer = send(&hub, method, &path.replace("{id}", "query"), &headers, &Value::Null).await;
            assert_eq!(refusal(&answer), 401_002, "{method} {path} {headers}");
            assert_eq!(answer.header("connection"), Some("close"));
        }
    }
    assert!(hub.last_refusal().unwrap().starts_with("HTTPS: enrolments: "));
    // Microsoft's client for Node writes milliseconds.
    for resource in ["localhost", "localhost:8883"] {
        let headers = sign(resource, &key, now * 1000, Some(POLICY));
        let answer = send(&hub, "GET", &format!("/enrollments/r?{VERSION}"), &headers, &Value::Null).await;
        assert_eq!(refusal(&answer), 404_201);
    }
    let headers = sign("localhost", &key, now + 60, Some(POLICY));
    for version in ["", "?api-version=", "?api-version=2018-11-01", "?api-version=2022-01-01"] {
        let answer = send(&hub, "GET", &format!("/enrollments/r{version}"), &headers, &Value::Null).await;
        assert_eq!(refusal(&answer), 400_001, "{version}");
    }
}

#[tokio::test]
async fn a_stranger_s_body_is_not_waited_for() {
    let hub = start(HubConfig::default());
    let mut stream = provisioning(&hub).await;
    let head = format!("PUT /enrollments/r?{VERSION} HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    assert!(tokio::time::timeout(DEADLINE, ends(&mut stream)).await.unwrap());
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let hub = start(HubConfig::default());
    let key = json!({ "type": "symmetricKey" });
    for body in [
        json!([]),
        json!({}),
        json!({ "attestation": { "type": "none" } }),
        json!({ "attestation": { "type": "tpm", "tpm": { "endorsementKey": "x" } } }),
        json!({ "attestation": { "type": "symmetricKey", "symmetricKey": { "primaryKey": "?" } } }),
        json!({ "attestation": { "type": "x509" } }),
        json!({ "attestation": { "type": "x509", "x509": {
            "clientCertificates": { "primary": { "certificate": "AAAA" } } } } }),
        json!({ "attestation": key, "registrationId": "other" }),
        json!({ "attestation": key, "deviceId": "a b" }),
        json!({ "attestation": key, "provisioningStatus": "on" }),
        json!({ "attestation": key, "allocationPolicy": "none" }),
        json!({ "attestation": key, "allocationPolicy": "custom" }),
        json!({ "attestation": key, "reprovisionPolicy": true }),
        json!({ "attestation": key, "capabilities": { "iotEdge": 1 } }),
        json!({ "attestation": key, "iotHubs": "x" }),
        json!({ "attestation": key, "iotHubHostName": 1 }),
        json!({ "attestation": key, "initialTwin": { "tags": 1 } }),
    ] {
        assert_eq!(refusal(&ask(&hub, "PUT /enrollments/reg", &body).await), 400_004, "{body}");
    }
    assert_eq!(refusal(&ask(&hub, "PUT /enrollments/a%20b", &symmetric()).await), 400_004);
    let large = json!({ "attestation": key, "optionalDeviceInformation": "x".repeat(70_000) });
    assert_eq!(refusal(&ask(&hub, "PUT /enrollments/reg", &large).await), 413_001);
    assert_eq!(refusal(&ask(&hub, "GET /enrollments/reg", &Value::Null).await), 404_201);
}

/// A root, a certificate of it, and the key of that.
pub fn certificates(common_name: &str) -> [String; 3] {
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(DnType::CommonName, "a root");
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let mut own = CertificateParams::default();
    own.distinguished_name.push(DnType::CommonName, common_name);
    let own = own.signed_by(&key, &Issuer::new(root, root_key)).unwrap().pem();
    [root_pem, own, key.serialize_pem()]
}

#[tokio::test]
async fn certificates_are_shown_without_their_text() {
    let hub = start(HubConfig::default());
    let [root, own, _] = certificates("reg-x");
    let bare: String = own.lines().filter(|line| !line.starts_with('-')).collect();
    let x509 = |x509: Value| json!({ "attestation": { "type": "x509", "x509": x509 } });
    let client = |text: &str| x509(json!({ "clientCertificates": { "primary": { "certificate": text } } }));
    let made = ask(&hub, "PUT /enrollments/reg-x", &client(&own)).await;
    assert_eq!(made.status, 200, "{made}");
    let made = made.json();
    let info = &made["attestation"]["x509"]["clientCertificates"]["primary"]["info"];
    assert_eq!((&info["subjectName"], &info["issuerName"]), (&json!("CN=reg-x"), &json!("CN=a root")));
    assert_eq!((info["sha1Thumbprint"].as_str().unwrap().len(), &info["version"]), (40, &json!(3)));
    // DER in base64 is the same, and what is shown is what is there.
    for body in [client(&bare), made.clone()] {
        let again = ask_with(&hub, "PUT /enrollments/reg-x", "If-Match: *\r\n", &body).await.json();
        assert_eq!(again["attestation"], made["attestation"]);
    }
    let signing = x509(json!({ "signingCertificates": { "primary": { "certificate": root } } }));
    assert_eq!(refusal(&ask(&hub, "PUT /enrollments/reg-y", &signing).await), 400_004);
    assert_eq!(refusal(&ask(&hub, "PUT /enrollmentGroups/g", &client(&own)).await), 400_004);
    let group = ask(&hub, "PUT /enrollmentGroups/g", &signing).await.json();
    let info = &group["attestation"]["x509"]["signingCertificates"]["primary"]["info"];
    assert_eq!(info["subjectName"], "CN=a root");
    let references = x509(json!({ "caReferences": { "primary": "the root" } }));
    let group = ask(&hub, "PUT /enrollmentGroups/h", &references).await.json();
    assert_eq!(group["attestation"]["x509"]["caReferences"]["primary"], "the root");
    let both = x509(json!({
        "caReferences": { "primary": "the root" },
        "signingCertificates": { "primary": { "certificate": root } },
    }));
    assert_eq!(refusal(&ask(&hub, "PUT /enrollmentGroups/i", &both).await), 400_004);
}

#[tokio::test]
async fn a_state_directory_keeps_enrolments_and_keys() {
    let dir = make_temp_dir().unwrap();
    let config = HubConfig { state_dir: Some(dir.clone()), ..HubConfig::default() };
    let [root, own, _] = certificates("reg-x");
    let x509 = |name: &str, pem: &str| {
        json!({ "attestation": { "type": "x509", "x509": { name: { "primary": { "certificate": pem } } } },
            "iotHubs": ["a"] })
    };
    let puts = [
        ("/enrollments/key", symmetric()),
        ("/enrollments/reg-x", x509("clientCertificates", &own)),
        ("/enrollmentGroups/fleet", x509("signingCertificates", &root)),
    ];
    let hub = Hub::start(config.clone()).unwrap();
    let key = owner_key(&hub);
    let mut shown = Vec::new();
    for (path, body) in &puts {
        let made = ask(&hub, &format!("PUT {path}"), body).await;
        assert_eq!(made.status, 200, "{made}");
        shown.push(ask(&hub, &format!("GET {path}"), &Value::Null).await.json());
    }
    drop(hub);
    let hub = Hub::start(config.clone()).unwrap();
    assert_eq!(owner_key(&hub), key);
    for ((path, _), shown) in puts.iter().zip(&shown) {
        assert_eq!(&ask(&hub, &format!("GET {path}"), &Value::Null).await.json(), shown);
    }
    drop(hub);
    // As an earlier version left it.
    std::fs::write(dir.join("provisioning.json"), r#"{"idScope":"0ne0012ABCD"}"#).unwrap();
    let hub = Hub::start(config.clone()).unwrap();
    let key = owner_key(&hub);
    assert_eq!(hub.id_scope(), "0ne0012ABCD");
    drop(hub);
    assert_eq!(owner_key(&Hub::start(config).unwrap()), key);
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn an_enrolment_that_cannot_be_saved_has_not_changed() {
    let dir = make_temp_dir().unwrap();
    let hub = Hub::start(HubConfig { state_dir: Some(dir.clone()), ..HubConfig::default() }).unwrap();
    let made = ask(&hub, "PUT /enrollments/reg", &symmetric()).await.json();
    let folder = dir.join("enrollments");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "").unwrap();
    assert_eq!(ask_with(&hub, "PUT /enrollments/reg", "If-Match: *\r\n", &symmetric()).await.status, 500);
    assert_eq!(ask(&hub, "PUT /enrollments/other", &symmetric()).await.status, 500);
    assert_eq!(ask(&hub, "DELETE /enrollments/reg", &Value::Null).await.status, 500);
    assert_eq!(ask(&hub, "GET /enrollments/reg", &Value::Null).await.json()["etag"], made["etag"]);
    assert_eq!(refusal(&ask(&hub, "GET /enrollments/other", &Value::Null).await), 404_201);
    drop(hub);
    std::fs::remove_dir_all(dir).unwrap();
}
