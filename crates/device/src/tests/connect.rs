//! The first connection fails fast, and says at which step and why.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::support::{Hub, LONG, ask, config, device, send, within};
use crate::{DeviceConfig, Error, State, Step, Trust};
use azmqtt_mqtt::{Properties, ReasonCode};

/// What `connect` ends with, while `peer` plays the other side.
pub(super) async fn connect(config: DeviceConfig, peer: impl Future<Output = ()>) -> (Error, Duration) {
    let device = device(config);
    let started = Instant::now();
    let connecting = ask(|reply| device.connect(LONG, reply));
    let (outcome, ()) = tokio::join!(connecting.get(), peer);
    let error = outcome.expect_err("no connection can be made");
    assert_eq!(device.state(), State::Disconnected);
    assert_eq!(device.last_error(), Some(error.to_string()));
    (error, started.elapsed())
}

#[track_caller]
pub(super) fn failed_at(step: Step, needle: &str, (error, elapsed): (Error, Duration)) {
    let Error::ConnectionFailed { step: got, reason } = &error else { panic!("{error:?}") };
    assert_eq!(*got, step, "{reason}");
    assert!(reason.contains(needle), "{reason}");
    assert!(reason.contains(':'), "host and port: {reason}");
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
}

pub(super) fn short() -> Duration {
    Duration::from_millis(100)
}

#[tokio::test]
async fn a_name_that_nobody_knows() {
    let mut config = config(8883);
    config.endpoint.host = "nonexistent.invalid".into();
    failed_at(Step::Dns, "nonexistent.invalid:8883", connect(config, async {}).await);
}

#[tokio::test]
async fn a_port_where_nobody_listens() {
    let hub = Hub::new().await;
    let config = hub.config();
    drop(hub);
    failed_at(Step::Tcp, "refused", connect(config, async {}).await);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_root() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.endpoint.trust = Trust::default();
    let peer = async {
        let mut tcp = hub.accept_tcp().await;
        let mut bytes = Vec::new();
        // The handshake is for the device to end: serve the certificate, whatever it says to that.
        let accepted = hub.handshake(&mut tcp).await;
        assert!(accepted.is_err());
        let _ = within(tcp.read_to_end(&mut bytes)).await;
    };
    failed_at(Step::Tls, "trusted root", connect(config, peer).await);
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.endpoint.host = "127.0.0.1".into();
    let peer = async {
        let mut tcp = hub.accept_tcp().await;
        assert!(hub.handshake(&mut tcp).await.is_err());
    };
    failed_at(Step::Tls, "another host name", connect(config, peer).await);
}

#[tokio::test]
async fn a_server_that_speaks_plain_text() {
    let hub = Hub::new().await;
    let peer = async {
        let mut tcp = hub.accept_tcp().await;
        within(tcp.write_all(b"SSH-2.0-OpenSSH_9.6\r\n")).await.unwrap();
        let mut bytes = Vec::new();
        let _ = within(tcp.read_to_end(&mut bytes)).await;
    };
    failed_at(Step::Tls, "does not speak TLS", connect(hub.config(), peer).await);
}

#[tokio::test]
async fn a_server_that_closes_in_the_handshake() {
    let hub = Hub::new().await;
    let peer = async { drop(hub.accept_tcp().await) };
    failed_at(Step::Tls, "", connect(hub.config(), peer).await);
}

#[tokio::test]
async fn a_server_that_hangs_in_the_handshake() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.deadlines.stream.tls = short();
    let peer = async {
        let mut tcp = hub.accept_tcp().await;
        let mut bytes = Vec::new();
        within(tcp.read_to_end(&mut bytes)).await.unwrap();
    };
    failed_at(Step::Tls, "no answer within 0.1 s", connect(config, peer).await);
}

#[tokio::test]
async fn a_connack_that_never_comes() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.deadlines.connack = short();
    let peer = async {
        let (mut peer, _) = hub.accept_mqtt().await;
        assert_eq!(peer.event().await, None);
    };
    failed_at(Step::Mqtt, "no CONNACK within 0.1 s", connect(config, peer).await);
}

#[tokio::test]
async fn a_close_in_place_of_connack() {
    let hub = Hub::new().await;
    let peer = async { drop(hub.accept_mqtt().await) };
    failed_at(Step::Mqtt, "before its CONNACK", connect(hub.config(), peer).await);
}

#[tokio::test]
async fn rubbish_in_place_of_connack() {
    for rubbish in [&[0x20, 2, 0, 9][..], &[0x20, 2, 9, 0], &[0xFF; 8]] {
        let hub = Hub::new().await;
        let peer = async {
            let (mut peer, _) = hub.accept_mqtt().await;
            peer.raw(rubbish).await;
            assert_eq!(peer.event().await, None);
        };
        failed_at(Step::Mqtt, "broke the protocol", connect(hub.config(), peer).await);
    }
}

#[tokio::test]
async fn the_port_of_another_protocol() {
    let hub = Hub::new().await;
    let peer = async {
        let (mut peer, _) = hub.accept_mqtt().await;
        peer.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        assert_eq!(peer.event().await, None);
    };
    failed_at(Step::Mqtt, "is this the port of HTTPS", connect(hub.config(), peer).await);
}

#[tokio::test]
async fn refusals_by_their_code() {
    use ReasonCode::{ServerUnavailable, UnsupportedProtocolVersion};
    for (code, needle) in
        [(UnsupportedProtocolVersion, "does not support MQTT 3.1.1"), (ServerUnavailable, "unavailable")]
    {
        let hub = Hub::new().await;
        let peer = async {
            let (mut peer, _) = hub.accept_mqtt().await;
            peer.server.refuse(code, Properties::default());
            peer.flush().await;
        };
        let (error, _) = connect(hub.config(), peer).await;
        let Error::ConnectionFailed { step: Step::Mqtt, reason } = error else { panic!("{error:?}") };
        assert!(reason.contains(needle), "{reason}");
    }
}

#[tokio::test]
async fn both_versions_of_tls() {
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let hub = Hub::with_versions(versions).await;
        let device = hub.device();
        let mut peer = hub.connect(&device).await;
        let expected = versions[0].version;
        assert_eq!(peer.stream.get_ref().1.protocol_version(), Some(expected));
        let sent = send(&device, "hello");
        assert_eq!(peer.take_message().await, "hello");
        sent.get().await.unwrap();
    }
}

#[tokio::test]
async fn operations_fail_with_the_reason_and_try_again_later() {
    let hub = Hub::new().await;
    let device = hub.device();
    let sent = send(&device, "lost");
    drop(hub.accept_tcp().await);
    assert!(matches!(sent.get().await, Err(Error::ConnectionFailed { step: Step::Tls, .. })));
    assert_eq!(device.stats().outstanding, 0);

    let sent = send(&device, "found");
    let mut peer = hub.accept(false).await;
    assert_eq!(peer.take_message().await, "found");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_call_ends_in_time_while_the_connection_is_being_made() {
    let hub = Hub::new().await;
    let device = hub.device();
    let started = Instant::now();
    let timeout = Duration::from_millis(150);
    let connecting = ask(|reply| device.connect(timeout, reply));
    let sending =
        ask(|reply| device.send(super::support::message(azmqtt_mqtt::QoS::AtLeastOnce, ""), timeout, reply));
    let reading = ask(|reply| device.get_twin(timeout, reply));
    let _hangs = hub.accept_tcp().await;
    assert!(matches!(connecting.get().await, Err(Error::RequestTimeout { operation: "connect", .. })));
    assert!(matches!(sending.get().await, Err(Error::RequestTimeout { operation: "send_message", .. })));
    assert!(matches!(reading.get().await, Err(Error::RequestTimeout { operation: "get_twin", .. })));
    let elapsed = started.elapsed();
    assert!(elapsed >= timeout && elapsed < timeout + Duration::from_secs(1), "{elapsed:?}");
}

#[tokio::test]
async fn the_first_connection_is_retried_if_that_is_wanted() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.retry.first_connect = true;
    let device = device(config);
    let connecting = ask(|reply| device.connect(LONG, reply));
    for _ in 0..3 {
        drop(hub.accept_tcp().await);
    }
    hub.accept(false).await;
    connecting.get().await.unwrap();
}

#[tokio::test]
async fn without_auto_connect_operations_wait_for_connect() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.auto_connect = false;
    let device = device(config);
    let refused = send(&device, "too early").get().await.unwrap_err();
    assert!(refused.to_string().contains("call connect() first"), "{refused}");
    assert!(ask(|reply| device.get_twin(LONG, reply)).get().await.is_err());
    assert!(ask(|reply| device.watch_methods(LONG, reply)).get().await.is_err());
    assert_eq!((device.stats().outstanding, device.state()), (0, State::Disconnected));

    // What was asked for before counts from here on.
    let connected = ask(|reply| device.connect(LONG, reply));
    let mut peer = hub.accept(false).await;
    assert_eq!(peer.answer_subscribe(true).await, "$iothub/methods/POST/#");
    connected.get().await.unwrap();
    let sent = send(&device, "now");
    assert_eq!(peer.take_message().await, "now");
    sent.get().await.unwrap();
    // From here on losses are retried.
    drop(peer);
    let sent = send(&device, "again");
    assert_eq!(hub.accept(true).await.take_message().await, "again");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn connect_says_who_is_there() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.model_id = Some("dtmi:example:Thing;1".into());
    config.keep_alive = 30;
    let device = device(config);
    let connecting = ask(|reply| device.connect(LONG, reply));
    let (mut peer, connect) = hub.accept_mqtt().await;
    assert_eq!((connect.client_id.as_str(), connect.keep_alive, connect.clean_start), ("dev", 30, false));
    let (username, password) = (connect.username.as_deref().unwrap(), connect.password_text().unwrap());
    assert!(username.starts_with("localhost/dev/?api-version="), "{}", username);
    assert!(username.contains("&model-id=dtmi%3Aexample%3AThing%3B1"), "{}", username);
    assert!(password.starts_with("SharedAccessSignature "));
    peer.accept(false).await;
    connecting.get().await.unwrap();
    ask(|reply| device.connect(LONG, reply)).get().await.unwrap();
}

#[tokio::test]
async fn a_hub_s_certificate_whose_time_is_over() {
    let hub = Hub::expired().await;
    let peer = async {
        let mut tcp = hub.accept_tcp().await;
        assert!(hub.handshake(&mut tcp).await.is_err());
    };
    let outcome = connect(hub.config(), peer).await;
    failed_at(
        Step::Tls,
        "the server's certificate is not valid now; is this machine's clock right?",
        outcome,
    );
}
