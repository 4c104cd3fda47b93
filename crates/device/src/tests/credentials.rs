//! Tokens: signed as needed, signed anew once when refused, shown nowhere.

use std::time::Duration;

use super::support::{Hub, LONG, ask, device, send, until};
use crate::{Credentials, Device, Error, State};
use azmqtt_dialect::{SasToken, SymmetricKey};
use azmqtt_mqtt::{Properties, ReasonCode, codec};

const KEY: &str = "c2VjcmV0IGtleSBvZiBhIHRlc3Q=";

async fn refuse(hub: &Hub, code: ReasonCode) -> String {
    let (mut peer, connect) = hub.accept_mqtt().await;
    peer.server.refuse(code, Properties::default());
    peer.flush().await;
    connect.password_text().unwrap().to_owned()
}

fn connect(device: &Device) -> super::support::Answer<()> {
    ask(|reply| device.connect(LONG, reply))
}

#[tokio::test]
async fn a_refused_token_is_signed_anew_once_then_it_is_the_end() {
    use ReasonCode::{BadUserNameOrPassword, NotAuthorized};
    for code in [BadUserNameOrPassword, NotAuthorized] {
        let hub = Hub::new().await;
        let device = hub.device();
        let connecting = connect(&device);
        let sending = send(&device, "a");
        for _ in 0..2 {
            let password = refuse(&hub, code).await;
            let token = SasToken::parse(&password).unwrap();
            let key = SymmetricKey::from_base64(KEY).unwrap();
            assert_eq!(token, SasToken::sign("localhost/devices/dev", &key, token.expiry(), None));
        }
        for outcome in [connecting.get().await, sending.get().await] {
            let Err(Error::AuthenticationFailed { reason }) = outcome else { panic!("{outcome:?}") };
            assert!(
                reason.contains("refused dev")
                    && reason.contains(&format!("CONNACK {}", codec::return_code(code))),
                "{reason}"
            );
        }
        assert_eq!((device.state(), device.stats().outstanding), (State::Disconnected, 0));
        hub.stays_alone(Duration::from_millis(50)).await;
        // The next call is a new try.
        let connecting = connect(&device);
        hub.accept(false).await;
        connecting.get().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_refused_once_is_no_error() {
    let hub = Hub::new().await;
    let device = hub.device();
    let connecting = connect(&device);
    refuse(&hub, ReasonCode::NotAuthorized).await;
    let peer = hub.accept(false).await;
    connecting.get().await.unwrap();
    // Each connection has a second chance of its own.
    drop(peer);
    refuse(&hub, ReasonCode::NotAuthorized).await;
    let mut peer = hub.accept(true).await;
    let sent = send(&device, "a");
    assert_eq!(peer.take_message().await, "a");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_device_that_is_deleted_while_connected_gives_up() {
    let hub = Hub::new().await;
    let device = hub.device();
    let peer = hub.connect(&device).await;
    drop(peer);
    until("the loss", || device.state() == State::Reconnecting).await;
    let sent = send(&device, "a");
    refuse(&hub, ReasonCode::NotAuthorized).await;
    refuse(&hub, ReasonCode::NotAuthorized).await;
    assert!(matches!(sent.get().await, Err(Error::AuthenticationFailed { .. })));
    assert_eq!(device.state(), State::Disconnected);
}

#[tokio::test]
async fn a_given_token_is_used_as_it_is_and_cannot_be_renewed() {
    let hub = Hub::new().await;
    let key = SymmetricKey::from_base64(KEY).unwrap();
    for (expiry, needle) in [(1_000, "has expired"), (u64::from(u32::MAX), "signed for this device")] {
        let token = SasToken::sign("localhost/devices/dev", &key, expiry, None);
        let text = token.to_token();
        let mut config = hub.config();
        config.credentials = Credentials::token(token, None);
        let device = device(config);
        let connecting = connect(&device);
        assert_eq!(refuse(&hub, ReasonCode::NotAuthorized).await, text);
        let error = connecting.get().await.unwrap_err();
        assert!(
            matches!(&error, Error::AuthenticationFailed { reason } if reason.contains(needle)),
            "{error}"
        );
        hub.stays_alone(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn no_secret_is_shown_anywhere() {
    let hub = Hub::new().await;
    let device = hub.device();
    let connecting = connect(&device);
    let first = refuse(&hub, ReasonCode::NotAuthorized).await;
    let second = refuse(&hub, ReasonCode::NotAuthorized).await;
    let error = connecting.get().await.unwrap_err();
    let mut config = hub.config();
    config.credentials = Credentials::token(SasToken::parse(&first).unwrap(), None);
    let shown = format!(
        "{device:?} {:?} {config:?} {error:?} {error} {:?} {:?}",
        device.config(),
        device.last_error(),
        device.config().credentials,
    );
    for password in [first, second] {
        let (_, signature) = password.split_once("sig=").unwrap();
        let signature = signature.split('&').next().unwrap();
        assert!(signature.len() > 20 && !shown.contains(signature), "{shown}");
    }
    for secret in [KEY, "secret key of a test", "sig=", "SharedAccessSignature "] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn any_span_can_be_configured() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.sas_ttl = Duration::MAX;
    config.ping_timeout = Duration::MAX;
    config.retry.max = Duration::MAX;
    let deadlines = &mut config.deadlines;
    (deadlines.stream.dns, deadlines.stream.tcp, deadlines.stream.tls, deadlines.connack) =
        (Duration::MAX, Duration::MAX, Duration::MAX, Duration::MAX);
    let device = device(config);
    let connecting = ask(|reply| device.connect(Duration::MAX, reply));
    let mut peer = hub.accept(false).await;
    connecting.get().await.unwrap();
    let message = super::support::message(azmqtt_mqtt::QoS::AtLeastOnce, "a");
    let sent = ask(|reply| device.send(message, Duration::MAX, reply));
    assert_eq!(peer.take_message().await, "a");
    sent.get().await.unwrap();
    assert_eq!(ask(|reply| device.close(Duration::MAX, reply)).get().await, Ok(0));
}

#[tokio::test]
async fn a_device_that_listens_is_not_given_up() {
    use ReasonCode::NotAuthorized;
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let watching = ask(|reply| device.watch_messages(LONG, reply));
    peer.answer_subscribe(true).await;
    watching.get().await.unwrap();
    drop(peer);
    let sending = send(&device, "a");
    // A lock-out of three attempts, each with its second token.
    for _ in 0..6 {
        refuse(&hub, NotAuthorized).await;
    }
    let outcome = sending.get().await;
    assert!(matches!(outcome, Err(Error::AuthenticationFailed { .. })), "{outcome:?}");
    let mut peer = hub.accept(true).await;
    assert_eq!(peer.answer_subscribe(true).await, "devices/dev/messages/devicebound/#");
    until("it is back", || device.state() == State::Connected).await;
}

#[tokio::test]
async fn calls_do_not_knock_at_their_own_pace_after_a_refusal() {
    use ReasonCode::NotAuthorized;
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.retry.base = Duration::from_secs(1000);
    config.retry.max = Duration::from_secs(1000);
    let device = super::support::device(config);
    let connecting = connect(&device);
    refuse(&hub, NotAuthorized).await;
    refuse(&hub, NotAuthorized).await;
    connecting.get().await.unwrap_err();
    let _waiting = send(&device, "a");
    hub.stays_alone(Duration::from_millis(100)).await;
    // Asking for a connection by name is another matter.
    let connecting = connect(&device);
    hub.accept(false).await;
    connecting.get().await.unwrap();
}
