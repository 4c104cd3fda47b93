//! Signatures and tokens that are made elsewhere: late, wrong or never, they hold up nothing but their own attempt.

use std::collections::VecDeque;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::support::{Answer, Hub, LONG, Peer, ask, close, device, send, until};
use crate::{BoxFuture, Credentials, Device, Error, Signer, State, Step, TokenSource};
use azmqtt_dialect::sas::UnsignedToken;
use azmqtt_dialect::{SasToken, SymmetricKey};
use azmqtt_mqtt::{Connect, Properties, ReasonCode};

const RESOURCE: &str = "localhost/devices/dev";

fn key(text: &str) -> SymmetricKey {
    SymmetricKey::from_base64(text).unwrap()
}

fn connect(device: &Device) -> Answer<()> {
    ask(|reply| device.connect(LONG, reply))
}

fn now() -> u64 {
    crate::credentials::unix_now()
}

fn password(connect: &Connect) -> SasToken {
    SasToken::parse(connect.password_text().unwrap()).unwrap()
}

async fn refuse(hub: &Hub) -> SasToken {
    let (mut peer, connect) = hub.accept_mqtt().await;
    peer.server.refuse(ReasonCode::NotAuthorized, Properties::default());
    peer.flush().await;
    password(&connect)
}

async fn accept(hub: &Hub) -> (Peer, SasToken) {
    let (mut peer, connect) = hub.accept_mqtt().await;
    peer.accept(false).await;
    (peer, password(&connect))
}

fn credentials_error(outcome: Result<(), Error>) -> String {
    match outcome {
        Err(Error::ConnectionFailed { step: Step::Credentials, reason }) => reason,
        other => panic!("{other:?}"),
    }
}

/// Answers in a row, and then none ever.
#[derive(Default)]
struct Scripted<T>(Mutex<VecDeque<Result<T, String>>>);

impl<T: Send + 'static> Scripted<T> {
    fn new(answers: impl IntoIterator<Item = Result<T, &'static str>>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(answers.into_iter().map(|it| it.map_err(str::to_owned)).collect())))
    }

    fn next(&self) -> BoxFuture<'_, Result<T, String>> {
        match self.0.lock().unwrap().pop_front() {
            Some(answer) => Box::pin(ready(answer)),
            None => Box::pin(pending()),
        }
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Signer for Scripted<Vec<u8>> {
    fn sign<'a>(&'a self, _data: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        self.next()
    }

    fn name(&self) -> &'static str {
        "sign (tpm)"
    }
}

impl TokenSource for Scripted<SasToken> {
    fn token(&self) -> BoxFuture<'_, Result<SasToken, String>> {
        self.next()
    }

    fn name(&self) -> &'static str {
        "on_token_needed (fetch)"
    }
}

fn signing_device(hub: &Hub, answers: Vec<Result<Vec<u8>, &'static str>>) -> Device {
    let mut config = hub.config();
    config.credentials = Credentials::signer(Scripted::new(answers));
    config.deadlines.credentials = Duration::from_millis(100);
    device(config)
}

fn token(expiry: u64) -> SasToken {
    SasToken::sign(RESOURCE, &key("AAEC"), expiry, None)
}

#[tokio::test]
async fn a_signature_made_elsewhere_is_as_good_as_any() {
    struct Elsewhere;
    impl Signer for Elsewhere {
        fn sign<'a>(&'a self, data: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(key("AAEC").sign(data))
            })
        }

        fn name(&self) -> &'static str {
            "the TPM"
        }
    }
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.credentials = Credentials::signer(Arc::new(Elsewhere));
    let device = device(config);
    let connecting = connect(&device);
    // A refusal may be for the time in the token: one more is signed.
    refuse(&hub).await;
    let (_peer, token) = accept(&hub).await;
    connecting.get().await.unwrap();
    assert_eq!(token.verify(RESOURCE, &[&key("AAEC")], now()), Ok(()));
    let signed = device.config().credentials.sign_resource("hub/x", LONG, Some("registration"), LONG).await;
    let signed = signed.unwrap().unwrap();
    assert_eq!(signed.policy(), Some("registration"));
    assert_eq!(signed.verify("hub/x", &[&key("AAEC")], now()), Ok(()));
}

#[tokio::test]
async fn a_signer_that_fails_or_hangs_ends_its_attempt_by_name() {
    let hub = Hub::new().await;
    let cases = [
        (vec![Err("the TPM is locked")], "sign (tpm): the TPM is locked"),
        (vec![Ok(vec![7; 44])], "sign (tpm): the signature has 44 bytes"),
        (vec![], "sign (tpm): no signature within 0.1 s"),
    ];
    for (answers, expected) in cases {
        let device = signing_device(&hub, answers);
        let connecting = connect(&device);
        let peer = hub.accept_tls().await;
        let reason = credentials_error(connecting.get().await);
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(device.state(), State::Disconnected);
        drop(peer);
    }
}

#[tokio::test]
async fn a_signer_that_hangs_delays_neither_the_line_nor_the_end() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.sas_ttl = Duration::from_secs(1);
    config.deadlines.credentials = LONG;
    config.credentials = Credentials::signer(Scripted::new([Ok(vec![7; 32])]));
    let device = device(config);
    let connecting = connect(&device);
    let (mut peer, _) = accept(&hub).await;
    connecting.get().await.unwrap();
    // The renewal has its stream and waits for its signature.
    let _next = hub.accept_tls().await;
    let sent = send(&device, "a");
    assert_eq!(peer.take_message().await, "a");
    sent.get().await.unwrap();
    let started = Instant::now();
    assert_eq!(close(&device).get().await, Ok(0));
    assert!(started.elapsed() < LONG / 2);
    peer.expect_disconnect().await;
}

#[tokio::test]
async fn the_second_key_is_tried_after_the_first_and_remembered() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.credentials = Credentials::keys(key("AAEC"), Some(key("AwQF")));
    let device = device(config);
    let with = |token: &SasToken, base64: &str| {
        assert_eq!(token.verify(RESOURCE, &[&key(base64)], now()), Ok(()));
    };
    let connecting = connect(&device);
    with(&refuse(&hub).await, "AAEC");
    with(&refuse(&hub).await, "AAEC");
    let (peer, token) = accept(&hub).await;
    with(&token, "AwQF");
    connecting.get().await.unwrap();
    // From now on it is the one to begin with.
    drop(peer);
    with(&refuse(&hub).await, "AwQF");
    with(&refuse(&hub).await, "AwQF");
    let (peer, token) = accept(&hub).await;
    with(&token, "AAEC");
    drop(peer);
    until("the loss", || device.state() == State::Reconnecting).await;
    let sent = send(&device, "a");
    for base64 in ["AAEC", "AAEC", "AwQF"] {
        with(&refuse(&hub).await, base64);
    }
    let error = sent.get().await.unwrap_err();
    assert!(
        matches!(&error, Error::AuthenticationFailed { reason } if reason.contains("both keys")),
        "{error}"
    );
    hub.stays_alone(Duration::from_millis(50)).await;
    // The next attempt begins where this one did.
    let _connecting = connect(&device);
    with(&refuse(&hub).await, "AAEC");
}

#[tokio::test]
async fn a_token_is_replaced_before_it_expires() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    let (first, second) = (token(now() + 2), token(now() + 3600));
    let source = Scripted::new([Err("not now"), Ok(second.clone())]);
    config.credentials = Credentials::token(first.clone(), Some(source.clone()));
    let device = device(config);
    let connecting = connect(&device);
    let (mut peer, shown) = accept(&hub).await;
    assert_eq!(shown, first);
    connecting.get().await.unwrap();
    // The source fails once: the line stays, and it is asked again.
    let (mut next, ()) = tokio::join!(hub.accept_tls(), peer.expect_disconnect());
    let Some(azmqtt_mqtt::server::Event::Connect(connect)) = next.event().await else { panic!("no CONNECT") };
    next.accept(true).await;
    assert_eq!(password(&connect), second);
    assert_eq!((source.left(), device.stats().connections_lost), (0, 0));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    let (first, second) = (token(now() + 3600), token(now() + 1800));
    config.credentials = Credentials::token(first.clone(), Some(Scripted::new([Ok(second.clone())])));
    let device = device(config);
    let connecting = connect(&device);
    assert_eq!(refuse(&hub).await, first);
    assert_eq!(refuse(&hub).await, second);
    assert!(matches!(connecting.get().await, Err(Error::AuthenticationFailed { .. })));
    hub.stays_alone(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn what_a_token_source_gives_is_looked_at() {
    let hub = Hub::new().await;
    let expired = token(now() - 10);
    let elsewhere = SasToken::sign("localhost/devices/other", &key("AAEC"), now() + 60, None);
    for (given, expected) in [
        (Ok(expired.clone()), "the token has expired already"),
        (Ok(elsewhere), "the token is for another resource"),
        (Err("HTTP 503"), "on_token_needed (fetch): HTTP 503"),
    ] {
        let mut config = hub.config();
        config.credentials = Credentials::token(expired.clone(), Some(Scripted::new([given])));
        // Nobody is dialled for want of a token.
        let reason = credentials_error(connect(&device(config)).get().await);
        assert!(reason.contains(expected), "{reason}");
    }
    hub.stays_alone(Duration::from_millis(20)).await;
    // The refused token itself does not help.
    let mut config = hub.config();
    let held = token(now() + 3600);
    config.credentials = Credentials::token(held.clone(), Some(Scripted::new([Ok(held)])));
    let device = device(config);
    let connecting = connect(&device);
    refuse(&hub).await;
    let reason = credentials_error(connecting.get().await);
    assert!(reason.contains("it is the token that the hub refused"), "{reason}");
}

#[tokio::test]
async fn a_ready_token_signs_nothing_else() {
    let credentials = Credentials::token(token(now() + 60), None);
    let signed = credentials.sign_resource(RESOURCE, LONG, None, LONG).await.unwrap().unwrap();
    assert_eq!(signed.policy(), None);
    let error = credentials.sign_resource("localhost/devices/other", LONG, None, LONG).await.unwrap_err();
    assert!(error.to_string().contains("for another resource than localhost/devices/other"), "{error}");
}

#[test]
fn an_unsigned_token_becomes_the_one_that_is_signed_at_once() {
    let unsigned = UnsignedToken::new("h/devices/a b", 99, Some("p&q"));
    let signature = key("AAEC").sign(unsigned.data());
    assert_eq!(unsigned.data(), b"h%2Fdevices%2Fa%20b\n99");
    let signed = unsigned.clone().signed(&signature).unwrap();
    assert_eq!(signed, SasToken::sign("h/devices/a b", &key("AAEC"), 99, Some("p&q")));
    assert_eq!(unsigned.signed(&signature[1..]).unwrap_err().length, 31);
}
