//! TLS, CONNECT, and who is let in.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::tests::support::client::{DEADLINE, Options, TestClient, hub, key, start, tls, tls_with};
use crate::unix_time::unix_now;
use crate::{CloseReason, DisabledAnswer, HubConfig};
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_mqtt::ReasonCode::{NotAuthorized, ServerUnavailable};
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, Publish, QoS, Version, codec};

const RESOURCE: &str = "localhost/devices/dev1";

#[tokio::test]
async fn both_versions_of_tls_and_every_name_are_served() {
    let hub = hub();
    for version in [&TLS12, &TLS13] {
        for name in ["localhost", "127.0.0.1", "::1"] {
            tls_with(&hub, name, &[version]).await.unwrap();
        }
        assert!(tls_with(&hub, "example.com", &[version]).await.is_err());
    }
}

#[tokio::test]
async fn the_classic_hosts_end_at_tls_1_2() {
    let hub = start(HubConfig { hostname: "myhub.azure-devices.net".to_owned(), ..HubConfig::default() });
    assert!(tls_with(&hub, "myhub.azure-devices.net", &[&TLS13]).await.is_err());
    let stream = tls_with(&hub, "myhub.azure-devices.net", &[&TLS13, &TLS12]).await.unwrap();
    assert!(TestClient::over(stream, &Options::new(&hub, "dev1")).await.is_ok());
}

#[tokio::test]
async fn a_device_connects_and_leaves() {
    let hub = hub();
    assert!(!hub.connected("dev1").unwrap());
    let client = TestClient::connect(&hub, "dev1").await;
    assert!(!client.session_present);
    assert!(hub.connected("dev1").unwrap());
    client.disconnect().await;
    assert!(hub.wait_for_connection("dev1", false, Duration::from_secs(5)).unwrap());
    assert_eq!(hub.connection_count("dev1").unwrap(), 1);
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::Disconnect));
}

#[tokio::test]
async fn a_chosen_key_and_the_older_user_name_work() {
    let hub = hub();
    let chosen = SymmetricKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    hub.create_device("chosen", Some(chosen.clone())).unwrap();
    let options = Options::new(&hub, "chosen").username("localhost/chosen/api-version=2021-04-12");
    let options = options.token("localhost/devices/chosen", &chosen, unix_now() + 60);
    assert!(TestClient::open(&hub, &options).await.is_ok());
}

#[tokio::test]
async fn bad_credentials_are_refused_with_5() {
    let hub = hub();
    let (own, other, later) = (key(&hub, "dev1"), key(&hub, "dev2"), unix_now() + 60);
    let honest = || Options::new(&hub, "dev1");
    let with_password = |password: &str| {
        let mut options = honest();
        options.connect.password = Some(password.to_owned().into());
        options
    };
    let mut anonymous = honest();
    (anonymous.connect.username, anonymous.connect.password) = (None, None);
    let mut other_client_id = honest();
    other_client_id.connect.client_id = "dev2".to_owned();
    let mut unknown = honest().username("localhost/nobody/?api-version=2021-04-12");
    unknown.connect.client_id = "nobody".to_owned();
    for (case, options) in [
        ("another device's key", honest().token(RESOURCE, &other, later)),
        ("another audience", honest().token("localhost/devices/dev2", &own, later)),
        ("another hub's audience", honest().token("other.net/devices/dev1", &own, later)),
        ("expired", honest().token(RESOURCE, &own, unix_now() - 301)),
        ("no token", with_password("")),
        ("not a token", with_password("hunter2")),
        ("no user name", anonymous),
        ("another client id", other_client_id),
        ("unknown device", unknown),
        ("another hub", honest().username("other.net/dev1/?api-version=2021-04-12")),
        ("a module", honest().username("localhost/dev1/mod/?api-version=2021-04-12")),
        ("nonsense", honest().username("dev1")),
    ] {
        assert_eq!(TestClient::open(&hub, &options).await.err(), Some(Some(NotAuthorized)), "{case}");
    }
    assert_eq!(hub.connection_count("dev1").unwrap(), 0);
    assert!(hub.last_refusal().is_some());
}

#[tokio::test]
async fn a_token_is_good_for_five_minutes_after_its_expiry() {
    let hub = hub();
    let options = Options::new(&hub, "dev1").token(RESOURCE, &key(&hub, "dev1"), unix_now() - 290);
    assert!(TestClient::open(&hub, &options).await.is_ok());
}

#[tokio::test]
async fn the_connection_ends_with_the_token() {
    let hub = start(HubConfig { sas_skew: Duration::from_secs(1), ..HubConfig::default() });
    let options = Options::new(&hub, "dev1").token(RESOURCE, &key(&hub, "dev1"), unix_now() + 1);
    let connected = Instant::now();
    let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    assert!(client.is_closed().await);
    // One second of life and one of skew; the clocks count whole seconds.
    assert!((1..=4).contains(&connected.elapsed().as_secs()), "{:?}", connected.elapsed());
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::TokenExpired));
    let expired = Options::new(&hub, "dev1").token(RESOURCE, &key(&hub, "dev1"), unix_now() - 2);
    assert_eq!(TestClient::open(&hub, &expired).await.err(), Some(Some(NotAuthorized)));
}

#[tokio::test]
async fn a_disabled_device_is_dropped_and_refused_with_3() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    hub.set_enabled("dev1", false).unwrap();
    assert!(client.is_closed().await);
    let honest = Options::new(&hub, "dev1");
    assert_eq!(TestClient::open(&hub, &honest).await.err(), Some(Some(ServerUnavailable)));
    let stranger = Options::new(&hub, "dev1").token(RESOURCE, &key(&hub, "dev2"), unix_now() + 60);
    assert_eq!(TestClient::open(&hub, &stranger).await.err(), Some(Some(NotAuthorized)));
    hub.set_enabled("dev1", true).unwrap();
    assert!(TestClient::open(&hub, &honest).await.is_ok());
}

#[tokio::test]
async fn a_hub_may_refuse_a_disabled_device_with_5() {
    let hub = start(HubConfig { disabled_answer: DisabledAnswer::NotAuthorized, ..HubConfig::default() });
    let honest = Options::new(&hub, "dev1");
    hub.set_enabled("dev1", false).unwrap();
    assert_eq!(TestClient::open(&hub, &honest).await.err(), Some(Some(NotAuthorized)));
    assert_eq!(hub.last_refusal().as_deref(), Some("the device is disabled"));
}

#[tokio::test]
async fn ids_are_compared_letter_by_letter() {
    let hub = hub();
    for (client_id, username) in [
        ("", "localhost/dev1/?api-version=2021-04-12"),
        ("Dev1", "localhost/dev1/?api-version=2021-04-12"),
        ("dev1", "localhost/Dev1/?api-version=2021-04-12"),
        ("Dev1", "localhost/Dev1/?api-version=2021-04-12"),
        ("dev1/", "localhost/dev1/?api-version=2021-04-12"),
    ] {
        for clean_start in [true, false] {
            let mut options = Options::new(&hub, "dev1").username(username);
            client_id.clone_into(&mut options.connect.client_id);
            options.connect.clean_start = clean_start;
            let answer = TestClient::open(&hub, &options).await.err();
            // MQTT has 2 for an empty id in a kept session, which the service has not been seen to send.
            assert_eq!(answer, Some(Some(NotAuthorized)), "{client_id} {username}");
        }
    }
    // The host name is a DNS name, and the resource of a token is best written in lower case.
    let options = Options::new(&hub, "dev1").username("LocalHost/dev1/?api-version=2021-04-12");
    let options = options.token("LOCALHOST/devices/DEV1", &key(&hub, "dev1"), unix_now() + 60);
    assert!(TestClient::open(&hub, &options).await.is_ok());
}

#[tokio::test]
async fn a_removed_device_is_dropped_and_unknown() {
    let hub = hub();
    let honest = Options::new(&hub, "dev1");
    let mut client = TestClient::connect(&hub, "dev1").await;
    hub.remove_device("dev1").unwrap();
    assert!(client.is_closed().await);
    assert_eq!(TestClient::open(&hub, &honest).await.err(), Some(Some(NotAuthorized)));
    assert!(hub.twin("dev1").is_err());
}

#[tokio::test]
async fn another_protocol_level_is_refused_with_1() {
    let hub = hub();
    let mut stream = tls(&hub).await;
    stream.write_all(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04dev1").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer, b"\x20\x02\x00\x01");
}

#[tokio::test]
async fn the_refusal_reaches_a_client_that_does_not_wait_for_it() {
    let hub = hub();
    let options = Options::new(&hub, "dev1").username("localhost/nobody/?api-version=2021-04-12");
    let mut bytes = bytes::BytesMut::new();
    codec::encode(&Packet::Connect(Box::new(options.connect)), Version::Mqtt311, &mut bytes, MAX_PACKET_SIZE)
        .unwrap();
    for _ in 0..10_000 {
        bytes.extend_from_slice(b"\x30\x10\x00\x0ddevices/dev1/x");
    }
    let mut stream = tls(&hub).await;
    stream.write_all(&bytes).await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\x20\x02\x00\x05");
}

#[tokio::test]
async fn packets_may_follow_the_connect_at_once() {
    let hub = hub();
    let mut bytes = bytes::BytesMut::new();
    codec::encode(
        &Packet::Connect(Box::new(Options::new(&hub, "dev1").connect)),
        Version::Mqtt311,
        &mut bytes,
        MAX_PACKET_SIZE,
    )
    .unwrap();
    let mut publish = Publish::new("devices/dev1/messages/events/", QoS::AtLeastOnce, "early");
    publish.packet_id = 7;
    codec::encode(&Packet::Publish(publish), Version::Mqtt311, &mut bytes, MAX_PACKET_SIZE).unwrap();
    let mut stream = tls(&hub).await;
    stream.write_all(&bytes).await.unwrap();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\x20\x02\x00\x00\x40\x02\x00\x07");
}

#[tokio::test]
async fn a_will_must_be_the_devices_own_telemetry() {
    let hub = hub();
    for (topic, qos) in [
        ("devices/dev2/messages/events/", QoS::AtMostOnce),
        ("$iothub/twin/GET/?$rid=1", QoS::AtMostOnce),
        ("devices/dev1/messages/events/k=1:2", QoS::AtMostOnce),
        ("devices/dev1/messages/events/", QoS::ExactlyOnce),
    ] {
        let options = Options::new(&hub, "dev1").will(topic, qos);
        assert_eq!(TestClient::open(&hub, &options).await.err(), Some(None), "{topic}");
    }
}
