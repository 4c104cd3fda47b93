//! The provisioning service against clients that want more of it than is theirs.

use std::time::Duration;

use azmqtt_mqtt::Connect;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::version::TLS13;

use crate::Authentication::CertificateAuthority;
use crate::config::Limits;
use crate::provisioning::enrollment::Attestation;
use crate::provisioning::{Allocation, Enrollment, EnrollmentGroup};
use crate::storage::state_dir::make_temp_dir;
use crate::tests::http::websocket::{UPGRADE, ask_on};
use crate::tests::support::client::{DEADLINE, Options, TestClient, ends, provisioning, start, tcp_to, tls};
use crate::unix_time::unix_now;
use crate::{Hub, HubConfig, SignedBy};
use azmqtt_dialect::provisioning::{API_VERSION, ProvisioningRequest, RESPONSES, Registrant};
use azmqtt_dialect::sas::{SasToken, SymmetricKey};
use azmqtt_dialect::time::Timestamp;
use azmqtt_mqtt::QoS;
use azmqtt_net::websocket::{Role, WebSocketBytes};

fn keys() -> [SymmetricKey; 2] {
    [SymmetricKey::generate(getrandom::fill).unwrap(), SymmetricKey::generate(getrandom::fill).unwrap()]
}

pub async fn connect(hub: &Hub, registration_id: &str, key: &SymmetricKey) -> TestClient {
    connect_until(hub, registration_id, key, unix_now() + 3600).await
}

async fn connect_until(hub: &Hub, registration_id: &str, key: &SymmetricKey, expiry: u64) -> TestClient {
    connect_with(hub, &options(hub, registration_id, key, expiry, API_VERSION)).await
}

/// As a client of another version of the service's interface.
async fn connect_as(hub: &Hub, registration_id: &str, key: &SymmetricKey, api_version: &str) -> TestClient {
    connect_with(hub, &options(hub, registration_id, key, unix_now() + 3600, api_version)).await
}

fn options(hub: &Hub, registration_id: &str, key: &SymmetricKey, expiry: u64, api_version: &str) -> Options {
    let registrant = Registrant::new(hub.id_scope(), registration_id).unwrap();
    let mut connect = Connect::new(registration_id);
    connect.keep_alive = 0;
    let token = SasToken::sign(&registrant.sas_resource(), key, expiry, Some("registration"));
    let username = registrant.username(None).replace(API_VERSION, api_version);
    connect.set_login(username, token.to_token());
    Options { connect }
}

async fn connect_with(hub: &Hub, options: &Options) -> TestClient {
    let mut client = TestClient::over(provisioning(hub).await, options).await.expect("accepted");
    client.subscribe(RESPONSES, QoS::AtMostOnce).await.unwrap();
    client
}

/// Shows a certificate, in PEM, in place of a key.
pub async fn connect_with_certificate(
    hub: &Hub,
    registration_id: &str,
    certificate: &str,
    key: &str,
) -> TestClient {
    let stream = tcp_to(hub.provisioning_port()).await;
    let chain = vec![crate::tests::security::x509::der(certificate)];
    let stream = crate::tests::security::x509::shaken_over(hub, stream, &TLS13, chain, key).await.unwrap();
    let mut options = options(hub, registration_id, &keys()[0], 0, "2021-06-01");
    options.connect.password = None;
    let mut client = TestClient::over(stream, &options).await.expect("accepted");
    client.subscribe(RESPONSES, QoS::AtMostOnce).await.unwrap();
    client
}

/// Registers, and follows the registration to its end; the last answer's topic and body.
pub async fn register<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut TestClient<S>,
    registration_id: &str,
) -> (String, serde_json::Value) {
    let request = ProvisioningRequest::Register { request_id: "1".into() };
    let body = json!({ "registrationId": registration_id }).to_string();
    client.publish(&request.to_string(), QoS::AtMostOnce, body).await;
    loop {
        let answer = client.message().await;
        let body: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        let Some(operation_id) = body["operationId"].as_str().filter(|_| answer.topic.contains("/202/"))
        else {
            return (answer.topic.to_string(), body);
        };
        let request = ProvisioningRequest::OperationStatus {
            request_id: "2".into(),
            operation_id: operation_id.into(),
        };
        client.publish(&request.to_string(), QoS::AtMostOnce, "").await;
    }
}

#[test]
fn an_enrolment_that_cannot_be_saved_is_not_there() {
    let dir = make_temp_dir().unwrap();
    let hub = Hub::start(HubConfig { state_dir: Some(dir.clone()), ..HubConfig::default() }).unwrap();
    let folders = ["enrollments", "enrollment-groups"].map(|name| dir.join(name));
    for folder in &folders {
        std::fs::remove_dir(folder).unwrap();
    }
    let enrollment = Enrollment::new("reg-1", keys());
    let group = EnrollmentGroup::new("group", keys());
    assert!(hub.create_enrollment(enrollment.clone()).is_err());
    assert!(hub.create_enrollment_group(group.clone()).is_err());
    assert!(hub.enrollment_keys("reg-1").is_err() && hub.enrollment_group_keys("group").is_err());
    for folder in &folders {
        std::fs::create_dir(folder).unwrap();
    }
    hub.create_enrollment(enrollment).unwrap();
    hub.create_enrollment_group(group).unwrap();
    for folder in &folders {
        std::fs::remove_dir_all(folder).unwrap();
    }
    for folder in &folders {
        std::fs::write(folder, "").unwrap();
    }
    assert!(hub.remove_enrollment("reg-1").is_err() && hub.remove_enrollment_group("group").is_err());
    assert!(hub.enrollment_keys("reg-1").is_ok() && hub.enrollment_group_keys("group").is_ok());
    drop(hub);
    std::fs::remove_dir_all(dir).unwrap();
}

/// `2026-11-22T10:18:09.1234567Z`
fn has_seven_digits(time: &serde_json::Value) -> bool {
    let text = time.as_str().unwrap_or_default();
    text.len() == 28 && text.ends_with('Z') && Timestamp::parse(text).is_some()
}

#[tokio::test]
async fn the_substatus_of_a_known_device_depends_on_the_version() {
    let hub = start(HubConfig::default());
    let keys = keys();
    let substatus = async |id: &str, version| {
        let mut client = connect_as(&hub, id, &keys[0], version).await;
        register(&mut client, id).await.1["registrationState"]["substatus"].clone()
    };
    hub.create_device("made", None).unwrap();
    for (id, first) in [("reg-1", "initialAssignment"), ("made", "reprovisionedToInitialAssignment")] {
        hub.create_enrollment(Enrollment::new(id, keys.clone())).unwrap();
        assert_eq!(substatus(id, "2021-06-01").await, first);
        assert_eq!(substatus(id, "2019-04-15").await, "reprovisionedToInitialAssignment");
        assert_eq!(substatus(id, "2019-03-31").await, "initialAssignment");
        // What the hub has lost is a first assignment again.
        hub.remove_device(id).unwrap();
        assert_eq!(substatus(id, "2021-06-01").await, "initialAssignment");
    }
}

#[tokio::test]
async fn a_disabled_enrolment_has_no_operation() {
    let hub = start(HubConfig::default());
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    hub.set_enrollment_enabled("reg-1", false).unwrap();
    let mut client = connect(&hub, "reg-1", &keys[0]).await;
    let (topic, body) = register(&mut client, "reg-1").await;
    assert!(topic.contains("/200/"), "{topic}");
    assert_eq!((&body["operationId"], &body["status"]), (&json!(""), &json!("disabled")));
    let state = &body["registrationState"];
    assert_eq!((&state["registrationId"], &state["status"]), (&json!("reg-1"), &json!("disabled")));
    assert!(has_seven_digits(&state["lastUpdatedDateTimeUtc"]) && state["etag"].is_string(), "{state}");
    assert!(!hub.has_device("reg-1"));
}

#[tokio::test]
async fn times_and_tracking_ids_are_those_of_the_service() {
    let hub = start(HubConfig::default());
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    let mut client = connect(&hub, "reg-1", &keys[0]).await;
    let (_, body) = register(&mut client, "reg-1").await;
    let state = &body["registrationState"];
    assert!(has_seven_digits(&state["createdDateTimeUtc"]), "{state}");
    assert!(has_seven_digits(&state["lastUpdatedDateTimeUtc"]), "{state}");
    assert!(state.get("x509").is_none(), "{state}");
    let operation_id = "4.0123456789abcdef.01234567-89ab-4def-8123-456789abcdef".to_owned();
    let request = ProvisioningRequest::OperationStatus { request_id: "3".into(), operation_id };
    client.publish(&request.to_string(), QoS::AtMostOnce, "").await;
    let answer = client.message().await;
    assert!(answer.topic.contains("/404/"), "{}", answer.topic);
    let body: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!((&body["errorCode"], &body["message"]), (&json!(404_203), &json!("Operation not found.")));
    assert!(has_seven_digits(&body["timestampUtc"]), "{body}");
    let tracking_id = body["trackingId"].as_str().unwrap();
    let lengths: Vec<_> = tracking_id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{tracking_id}");
}

#[tokio::test]
async fn a_failed_allocation_names_the_status_of_the_webhook() {
    let hub = std::sync::Arc::new(start(HubConfig::default()));
    let keys = keys();
    let mut group = EnrollmentGroup::new("fleet", keys.clone());
    group.policy.initial_twin = None;
    hub.create_enrollment_group(group).unwrap();
    hub.set_custom_allocation(true);
    let asked = tokio::task::spawn_blocking({
        let hub = hub.clone();
        move || {
            hub.next_allocation(DEADLINE)
                .map(|one| hub.answer_allocation(&one.operation_id, Err("no".into())))
        }
    });
    let mut client = connect(&hub, "member", &keys[1].derive("member")).await;
    let (_, body) = register(&mut client, "member").await;
    assert_eq!(asked.await.unwrap(), Some(true));
    let state = &body["registrationState"];
    assert_eq!((&body["status"], &state["errorCode"]), (&json!("failed"), &json!(400_207)));
    assert_eq!(state["errorMessage"], "Custom allocation failed with status code: 500");
    assert_eq!(state["symmetricKey"], json!({ "enrollmentGroupId": "fleet" }));
    assert!(state["etag"].is_string() && has_seven_digits(&state["createdDateTimeUtc"]), "{state}");
}

#[tokio::test]
async fn a_certificate_shows_in_the_state() {
    let hub = start(HubConfig::default());
    hub.create_enrollment(Enrollment::new("own", Attestation::Certificate(CertificateAuthority))).unwrap();
    hub.create_enrollment_group(EnrollmentGroup::new(
        "fleet",
        Attestation::Certificate(CertificateAuthority),
    ))
    .unwrap();
    for (id, expected) in [("own", json!({})), ("member", json!({ "enrollmentGroupId": "fleet" }))] {
        let day = Duration::from_secs(24 * 3600);
        let made = hub.create_certificate(id, day, 2 * day, SignedBy::Hub).unwrap();
        let mut client = connect_with_certificate(&hub, id, &made.certificate, &made.private_key).await;
        let (_, body) = register(&mut client, id).await;
        assert_eq!(body["registrationState"]["x509"], expected, "{body}");
        assert!(body["registrationState"].get("symmetricKey").is_none(), "{body}");
    }
}

#[tokio::test]
async fn what_the_hub_says_is_nested_into_the_error() {
    let hub = std::sync::Arc::new(start(HubConfig::default()));
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    hub.set_custom_allocation(true);
    let asked = tokio::task::spawn_blocking({
        let hub = hub.clone();
        move || {
            let allocation = Allocation { device_id: Some("a/b".into()), ..Allocation::default() };
            hub.next_allocation(DEADLINE).map(|one| hub.answer_allocation(&one.operation_id, Ok(allocation)))
        }
    });
    let mut client = connect(&hub, "reg-1", &keys[0]).await;
    let (_, body) = register(&mut client, "reg-1").await;
    assert_eq!(asked.await.unwrap(), Some(true));
    let state = &body["registrationState"];
    assert_eq!((&state["status"], &state["errorCode"]), (&json!("failed"), &json!(400_004)));
    let nested: serde_json::Value = serde_json::from_str(state["errorMessage"].as_str().unwrap()).unwrap();
    let message = nested["Message"].as_str().unwrap();
    assert!(message.starts_with("ErrorCode:ArgumentInvalid;"), "{message}");
}

#[tokio::test]
async fn its_port_takes_websockets_too() {
    let hub = start(HubConfig::default());
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    let (head, stream) = ask_on(provisioning(&hub).await, UPGRADE).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let stream = WebSocketBytes::new(stream, Role::Client, Vec::new()).await;
    let options = options(&hub, "reg-1", &keys[0], unix_now() + 3600, API_VERSION);
    let mut client = TestClient::over(stream, &options).await.expect("accepted");
    client.subscribe(RESPONSES, QoS::AtMostOnce).await.unwrap();
    assert!(register(&mut client, "reg-1").await.0.contains("/200/"));
    // Whoever says nothing keeps no place.
    let silent = provisioning(&hub).await;
    drop(silent);
    let mut client = connect(&hub, "reg-1", &keys[1]).await;
    assert!(register(&mut client, "reg-1").await.0.contains("/200/"));
}

#[tokio::test]
async fn other_versions_of_mqtt_are_named() {
    let hub = start(HubConfig::default());
    for (connect, version) in [
        (&b"\x10\x0f\0\x04MQTT\x05\x02\0\x3c\0\0\x01d\0"[..], "MQTT 5"),
        (b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01d", "MQTT 3.1"),
        (b"\x10\x0d\0\x04MQTT\x03\x02\0\x3c\0\x01d", "MQTT 3.1"),
    ] {
        for (stream, prefix) in [(tls(&hub).await, ""), (provisioning(&hub).await, "provisioning: ")] {
            let mut stream = stream;
            stream.write_all(connect).await.unwrap();
            let mut answer = [0; 4];
            timeout(DEADLINE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
            assert_eq!(answer, [0x20, 2, 0, 1], "{version}");
            let expected =
                format!("{prefix}the client speaks {version}: set it to MQTT 3.1.1 (protocol level 4)");
            let said = hub.last_refusal().unwrap();
            assert!(said.starts_with(&expected), "{said}");
            hub.shared.note_refusal(crate::events::Cause::Provisioning, "");
        }
    }
}

#[tokio::test]
async fn what_is_no_tls_is_told_for_every_port() {
    let hub = start(HubConfig::default());
    let ports = [
        (hub.port(), "MQTT"),
        (hub.https_port(), "HTTPS"),
        (hub.service_port(), "HTTPS"),
        (hub.provisioning_port(), "provisioning"),
    ];
    for (port, name) in ports {
        // A health check says nothing and is not to be told of.
        drop(tcp_to(port).await);
        let mut stream = tcp_to(port).await;
        stream.write_all(b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01d").await.unwrap();
        assert!(ends(&mut stream).await);
        let noted = async {
            while hub.last_refusal().unwrap_or_default().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, noted).await.expect("a refusal");
        let said = hub.last_refusal().unwrap();
        let start = format!("{name} port: TLS handshake with 127.0.0.1:");
        assert!(said.starts_with(&start) && said.ends_with("the client does not speak TLS"), "{said}");
        hub.shared.note_refusal(crate::events::Cause::Provisioning, "");
    }
}

#[tokio::test]
async fn tokens_are_judged_by_the_hubs_own_skew() {
    let hub = start(HubConfig { sas_skew: Duration::from_secs(60), ..HubConfig::default() });
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    for (age, status) in [(30, "/200/"), (120, "/401/")] {
        let mut client = connect_until(&hub, "reg-1", &keys[0], unix_now() - age).await;
        let (topic, body) = register(&mut client, "reg-1").await;
        assert!(topic.contains(status), "{age} s: {topic} {body}");
    }
}

#[tokio::test]
async fn who_shows_no_enrolment_does_not_keep_its_place() {
    let registration_timeout = Duration::from_secs(1);
    let limits = Limits { unauthenticated: 1, registration_timeout, ..Limits::default() };
    let hub = start(HubConfig { limits, ..HubConfig::default() });
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    let mut stranger = connect(&hub, "reg-1", &self::keys()[0]).await;
    assert!(register(&mut stranger, "reg-1").await.0.contains("/401/"));
    assert!(timeout(DEADLINE, ends(&mut stranger.into_stream())).await.unwrap());
    // Whoever has shown its enrolment may stay, and takes nobody's place.
    let mut honest = connect(&hub, "reg-1", &keys[0]).await;
    assert!(register(&mut honest, "reg-1").await.0.contains("/200/"));
    let mut other = connect(&hub, "reg-1", &keys[1]).await;
    assert!(register(&mut other, "reg-1").await.0.contains("/200/"));
    sleep(2 * registration_timeout).await;
    assert!(register(&mut honest, "reg-1").await.0.contains("/200/"));
}

#[tokio::test]
async fn request_ids_that_fit_into_no_answer_end_the_connection() {
    let hub = start(HubConfig::default());
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    let long = "1".repeat(65_535 - "$dps/registrations/PUT/iotdps-register/?$rid=".len());
    for request_id in ["%23", "a%2Bb", "%00", &long] {
        let mut client = connect(&hub, "reg-1", &keys[0]).await;
        let topic = format!("$dps/registrations/PUT/iotdps-register/?$rid={request_id}");
        client.publish(&topic, QoS::AtMostOnce, r#"{"registrationId":"reg-1"}"#).await;
        assert!(client.is_closed().await);
        let reason = hub.last_refusal().unwrap_or_default();
        assert!(reason.contains("a request id that fits into no answer"), "{reason}");
        // It says so for each of them.
        hub.shared.note_refusal(crate::events::Cause::Provisioning, "");
    }
}

#[tokio::test]
async fn a_device_that_gets_new_keys_keeps_everything_else() {
    let hub = start(HubConfig::default());
    hub.create_module("dev1", "m1", None).unwrap();
    hub.send_c2d("dev1", "waits".into(), azmqtt_dialect::MessageProperties::default()).unwrap();
    hub.set_enabled("dev2", false).unwrap();
    let keys = keys();
    for id in ["dev1", "dev2"] {
        hub.create_enrollment(Enrollment::new(id, keys.clone())).unwrap();
        let mut client = connect(&hub, id, &keys[0]).await;
        assert!(register(&mut client, id).await.0.contains("/200/"));
        assert!(crate::tests::support::client::key(&hub, id) == keys[0]);
    }
    assert!(hub.has_module("dev1", "m1"));
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 1);
    TestClient::connect(&hub, "dev1").await;
    TestClient::connect(&hub, ("dev1", "m1")).await;
    assert!(TestClient::open(&hub, &Options::new(&hub, "dev2")).await.is_err());
}

#[tokio::test]
async fn a_registration_id_in_other_letters_is_the_same_device() {
    let hub = start(HubConfig::default());
    let keys = keys();
    hub.create_enrollment(Enrollment::new("Reg-1", keys.clone())).unwrap();
    hub.create_enrollment_group(EnrollmentGroup::new("fleet", keys.clone())).unwrap();
    for (first, second, derived) in [("reg-1", "REG-1", false), ("member", "Member", true)] {
        for id in [first, second] {
            let key = if derived { keys[0].derive(id) } else { keys[0].clone() };
            let mut client = connect(&hub, id, &key).await;
            let (_, body) = register(&mut client, id).await;
            assert_eq!(body["registrationState"]["deviceId"], first);
        }
        assert!(hub.has_device(first) && !hub.has_device(second));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_slow_disk_holds_up_no_question() {
    use std::sync::Arc;
    let dir = crate::storage::state_dir::make_temp_dir().unwrap();
    let hub = Arc::new(start(HubConfig { state_dir: Some(dir.join("state")), ..HubConfig::default() }));
    // Whoever opens a pipe to write waits for a reader.
    hub.create_enrollment(Enrollment::new("reg-1", keys())).unwrap();
    let folder = std::fs::read_dir(dir.join("state/enrollments")).unwrap();
    let [file] = folder.map(|entry| entry.unwrap().path()).collect::<Vec<_>>().try_into().unwrap();
    hub.remove_enrollment("reg-1").unwrap();
    let pipe = file.with_extension("tmp");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let saving = tokio::task::spawn_blocking({
        let hub = hub.clone();
        move || hub.create_enrollment(Enrollment::new("reg-1", keys()))
    });
    let asking = tokio::task::spawn_blocking({
        let hub = hub.clone();
        move || {
            while hub.enrollment_keys("reg-1").is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(100));
            hub.registrations().len()
        }
    });
    let asked = timeout(Duration::from_secs(5), asking).await;
    let reader = tokio::task::spawn_blocking(move || std::fs::read(pipe));
    let _ = timeout(DEADLINE, saving).await.expect("a write that goes on").unwrap();
    timeout(DEADLINE, reader).await.expect("the written file").unwrap().unwrap();
    assert_eq!(asked.expect("an answer while the disk is slow").unwrap(), 0);
    drop(hub);
    std::fs::remove_dir_all(dir).unwrap();
}
