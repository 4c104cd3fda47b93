//! The device and the local hub, joined across real TLS sockets.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::HashSet;
use std::time::Duration;

use azmqtt_device::{
    ClientCertificate, Credentials, DesiredPatch, Device, DeviceConfig, Error, Outgoing, Reply,
    ReportedProperties, RetryPolicy, State, Trust,
};
use azmqtt_dialect::{ConnectionString, MessageProperties};
use azmqtt_hub::{Hub, HubConfig};
use azmqtt_mqtt::QoS;
use bytes::Bytes;
use serde_json::json;

use common::{TIMEOUT, runtime, wait};

fn hub() -> Hub {
    Hub::start(HubConfig { port: 0, ..HubConfig::default() }).unwrap()
}

fn config(hub: &Hub, id: &str) -> DeviceConfig {
    if !hub.has_device(id) {
        hub.create_device(id, None).unwrap();
    }
    let parsed = ConnectionString::parse(&hub.connection_string(id).unwrap()).unwrap();
    let azmqtt_dialect::Auth::SharedAccessKey(key) = parsed.auth.clone() else { panic!("no key") };
    let mut config = DeviceConfig::new(parsed.identity(), Credentials::key(key));
    config.endpoint.port = hub.port();
    config.endpoint.trust = Trust::from_pem(hub.ca_pem().as_bytes()).unwrap();
    config.retry = RetryPolicy { base: Duration::from_millis(20), ..RetryPolicy::default() };
    config
}

fn device(hub: &Hub, id: &str) -> Device {
    Device::new(config(hub, id), runtime)
}

fn telemetry(id: &str, body: &str) -> Outgoing {
    let topic = format!("devices/{id}/messages/events/");
    Outgoing { topic: topic.into(), payload: Bytes::from(body.to_owned()), qos: QoS::AtLeastOnce }
}

fn next_change(device: &Device) -> DesiredPatch {
    wait(|reply| device.desired().when_ready(reply)).unwrap();
    device.desired().take(1).pop_front().unwrap()
}

#[test]
fn a_whole_session() {
    let hub = hub();
    let device = device(&hub, "d1");
    wait(|reply| device.connect(TIMEOUT, reply)).unwrap();
    assert_eq!(device.state(), State::Connected);

    for number in 0..10 {
        wait(|reply| device.send(telemetry("d1", &number.to_string()), TIMEOUT, reply)).unwrap();
    }
    let bodies: Vec<_> = hub.telemetry("d1").iter().map(|message| message.body.clone()).collect();
    assert_eq!(bodies, (0..10).map(|number| Bytes::from(number.to_string())).collect::<Vec<_>>());

    let twin = wait(|reply| device.get_twin(TIMEOUT, reply)).unwrap();
    assert_eq!((twin.desired_version, twin.reported_version), (1, 1));
    let patch = |text: &str, if_version| {
        let patch = ReportedProperties::from_json(text.to_owned()).unwrap();
        wait(|reply| device.patch_reported(patch, if_version, TIMEOUT, reply))
    };
    let patched = patch(r#"{"a":1}"#, None).unwrap();
    assert_eq!((patched.status, patched.version), (204, 2));
    let refused = patch(r#"{"a":2}"#, Some(1));
    assert!(matches!(refused, Err(Error::RequestFailed { status: 412, .. })), "{refused:?}");
    // Each within the limits, and not both together.
    let large =
        |letter: char| format!(r#"{{"{letter}":{}}}"#, json!(vec![letter.to_string().repeat(4000); 5]));
    patch(&large('b'), None).unwrap();
    let refused = patch(&large('c'), None);
    assert!(matches!(refused, Err(Error::RequestFailed { status: 413, .. })), "{refused:?}");
    // What the hub answers with 400 does not leave the device.
    assert!(ReportedProperties::from_json("[1]").is_err());

    wait(|reply| device.watch_desired(TIMEOUT, reply)).unwrap();
    let version = hub.patch_desired("d1", &json!({"interval": 5})).unwrap();
    assert_eq!(next_change(&device), DesiredPatch { patch: json!({"interval": 5}), version });

    assert_eq!(wait(|reply| device.close(TIMEOUT, reply)).unwrap(), 0);
    assert_eq!(device.state(), State::Closed);
    assert!(matches!(wait(|reply| device.get_twin(TIMEOUT, reply)), Err(Error::ClientClosed)));
}

#[test]
fn dropped_connections_lose_nothing() {
    let hub = hub();
    let device = device(&hub, "d2");
    wait(|reply| device.watch_desired(TIMEOUT, reply)).unwrap();
    let mut expected = HashSet::new();
    let mut pending = Vec::new();
    for round in 0..8 {
        for number in 0..50 {
            let body = format!("{round}.{number}");
            let (reply, receiver) = Reply::channel();
            device.send(telemetry("d2", &body), TIMEOUT, reply);
            pending.push(receiver);
            expected.insert(Bytes::from(body));
            if number == 25 {
                hub.disconnect("d2").unwrap();
            }
        }
    }
    for receiver in pending {
        runtime().block_on(receiver).unwrap().unwrap();
    }
    let received: HashSet<_> = hub.telemetry("d2").iter().map(|message| message.body.clone()).collect();
    assert_eq!(received, expected);
    assert!(device.stats().connections_lost >= 1);
}

#[test]
fn desired_changes_made_while_away_arrive_once() {
    let hub = hub();
    let device = device(&hub, "d3");
    wait(|reply| device.watch_desired(TIMEOUT, reply)).unwrap();
    let mut document = json!({});
    let mut last = 1;
    for round in 0..20 {
        if round % 3 == 1 {
            hub.disconnect("d3").unwrap();
        }
        let version = hub.patch_desired("d3", &json!({"n": round, "gone": null})).unwrap();
        if round % 2 == 0 {
            while last < version {
                let change = next_change(&device);
                assert!(change.version > last, "version {} after {last}", change.version);
                last = change.version;
                azmqtt_dialect::twin::merge_patch(&mut document, &change.patch);
            }
            assert_eq!(document, json!({"n": round}));
        }
    }
}

#[test]
fn a_token_is_renewed_without_a_trace() {
    let hub = hub();
    let mut config = config(&hub, "d4");
    config.sas_ttl = Duration::from_secs(2);
    let device = Device::new(config, runtime);
    let mut number = 0;
    while device.stats().tokens_renewed < 2 {
        wait(|reply| device.send(telemetry("d4", &number.to_string()), TIMEOUT, reply)).unwrap();
        number += 1;
        assert_eq!(device.state(), State::Connected);
    }
    assert_eq!(hub.telemetry_count(Some("d4")).unwrap(), number, "nothing lost, nothing twice");
    assert_eq!(device.stats().connections_lost, 0);
}

#[test]
fn a_cloud_message_is_acknowledged_after_hand_over() {
    let hub = hub();
    let device = device(&hub, "d5");
    wait(|reply| device.watch_messages(TIMEOUT, reply)).unwrap();
    hub.send_c2d("d5", Bytes::from_static(b"order"), MessageProperties::default()).unwrap();
    wait(|reply| device.messages().when_ready(reply)).unwrap();
    let message = device.messages().take(1).pop_front().unwrap();
    assert_eq!(&message.payload[..], b"order");
    assert_eq!(hub.pending_c2d("d5").unwrap(), 1);
    device.acknowledge(vec![message.delivery.unwrap()]);
    wait(|reply| device.get_twin(TIMEOUT, reply)).unwrap(); // comes after the acknowledgement on the wire
    assert_eq!(hub.pending_c2d("d5").unwrap(), 0);
}

#[test]
fn wrong_credentials_fail_with_the_reason() {
    let hub = hub();
    let mut config = config(&hub, "d6");
    config.credentials = Credentials::key(azmqtt_dialect::SymmetricKey::generate(getrandom::fill).unwrap());
    let device = Device::new(config, runtime);
    let error = wait(|reply| device.connect(TIMEOUT, reply)).unwrap_err();
    assert!(
        matches!(&error, Error::AuthenticationFailed { reason } if reason.contains("CONNACK 5")),
        "{error}"
    );
    assert_eq!(device.state(), State::Disconnected);
}

#[test]
fn a_certificate_is_shown_on_a_websocket_too() {
    use azmqtt_hub::{Authentication, SignedBy};
    let day = Duration::from_secs(24 * 3600);
    let hub = hub();
    hub.create_x509_device("x509", Authentication::CertificateAuthority).unwrap();
    let made = hub.create_certificate("x509", day, 40 * day, SignedBy::Hub).unwrap();
    let (pem, key) = (made.certificate.as_bytes(), made.private_key.as_bytes());
    let certificate = ClientCertificate::from_pem(pem, Some(key), None, made.not_before).unwrap();
    for websocket in [false, true] {
        let identity = azmqtt_dialect::Identity::new("localhost", "x509", None).unwrap();
        let mut config = DeviceConfig::new(identity, Credentials::x509(certificate.clone()));
        config.endpoint.port = if websocket { hub.https_port() } else { hub.port() };
        config.endpoint.websocket = websocket;
        config.endpoint.trust = Trust::from_pem(hub.ca_pem().as_bytes()).unwrap();
        let device = Device::new(config, runtime);
        wait(|reply| device.send(telemetry("x509", "x"), TIMEOUT, reply)).unwrap();
        wait(|reply| device.close(TIMEOUT, reply)).unwrap();
    }
    assert_eq!(hub.telemetry_count(Some("x509")).unwrap(), 2);
}
