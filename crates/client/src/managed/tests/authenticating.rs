//! Enhanced authentication: challenges, and new credentials while everything goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::support::{Line, Outcome, Peer, client, connect, message, publish, until};
use crate::changes::StateChanges;
use crate::managed::{Authenticator, Client, Config, Credential, Error, Purpose};
use crate::watch::State;
use azmqtt_mqtt::{
    Auth, ConnAck, Connect, Disconnect, Level, Packet, Properties, PropertiesBuilder, ReasonCode,
};
use azmqtt_net::BoxFuture;

/// Makes `token-1`, `token-2`, …
#[derive(Default)]
struct Tokens {
    made: AtomicUsize,
    renew_after: Option<Duration>,
    waits: bool,
    answers: bool,
    fails_from: Option<usize>,
    changed: Notify,
}

impl Authenticator for Tokens {
    fn method(&self) -> &'static str {
        "TOKEN"
    }

    fn begin(&self, purpose: Purpose) -> BoxFuture<'_, Result<Credential, String>> {
        let number = self.made.fetch_add(1, SeqCst) + 1;
        assert!(purpose == Purpose::Connect || number > 1);
        let made = if self.fails_from.is_some_and(|from| number >= from) {
            Err("the supplier is out of order".to_owned())
        } else {
            let renew_after = self.renew_after.filter(|_| number == 1);
            Ok(Credential {
                data: format!("token-{number}").into(),
                renew_after,
                expiry: Some(number as u64),
                doubts: None,
            })
        };
        Box::pin(std::future::ready(made))
    }

    fn challenge(&self, data: Bytes) -> BoxFuture<'_, Result<Bytes, String>> {
        let text = String::from_utf8_lossy(&data).into_owned();
        let answer = if self.answers { Ok(format!("{text}!").into()) } else { Err("no idea".to_owned()) };
        Box::pin(std::future::ready(answer))
    }

    fn wait_allowed(&self) -> bool {
        self.waits
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.changed.notified())
    }
}

fn method(data: &str) -> Properties {
    PropertiesBuilder::new()
        .authentication_method("TOKEN")
        .authentication_data(data.as_bytes())
        .build()
        .unwrap()
}

fn auth(reason: ReasonCode, data: &str) -> Packet {
    Packet::Auth(Auth { reason, properties: method(data) })
}

fn accepted() -> Packet {
    Packet::ConnAck(ConnAck { properties: method(""), ..ConnAck::new(ReasonCode::Success, false) })
}

async fn begin(tokens: Tokens) -> (Client, Arc<Tokens>, Peer, Line, Connect, Outcome<()>) {
    begin_with(tokens, |_| {}).await
}

async fn begin_with(
    tokens: Tokens,
    change: impl FnOnce(&mut Config),
) -> (Client, Arc<Tokens>, Peer, Line, Connect, Outcome<()>) {
    let (peer, mut config) = Peer::new(Level::Mqtt5).await;
    let tokens = Arc::new(tokens);
    config.authenticator = Some(Arc::clone(&tokens) as Arc<dyn Authenticator>);
    change(&mut config);
    let client = client(config);
    let connected = connect(&client);
    let (line, packet) = peer.accept().await;
    (client, tokens, peer, line, packet, connected)
}

async fn expect_auth(line: &mut Line, reason: ReasonCode, data: &str) {
    let Packet::Auth(auth) = line.read().await else { panic!("no AUTH") };
    assert_eq!(auth.reason, reason);
    assert_eq!(auth.properties.authentication_method(), Some("TOKEN"));
    assert_eq!(auth.properties.authentication_data(), Some(data.as_bytes()));
}

#[tokio::test]
async fn challenges_come_before_the_connack() {
    let tokens = Tokens { answers: true, ..Tokens::default() };
    let (client, _, _peer, mut line, packet, connected) = begin(tokens).await;
    assert_eq!(packet.properties.authentication_method(), Some("TOKEN"));
    assert_eq!(packet.properties.authentication_data(), Some(&b"token-1"[..]));
    for round in ["a", "b"] {
        line.write(auth(ReasonCode::ContinueAuthentication, round)).await;
        expect_auth(&mut line, ReasonCode::ContinueAuthentication, &format!("{round}!")).await;
    }
    line.write(accepted()).await;
    assert_eq!(connected.get().await, Ok(()));
    assert_eq!(client.stats().token_expiry, Some(1));
}

#[tokio::test]
async fn a_challenge_without_an_answer_ends_the_attempt() {
    let (_client, _, _peer, mut line, _, connected) = begin(Tokens::default()).await;
    line.write(auth(ReasonCode::ContinueAuthentication, "?")).await;
    let failed = connected.get().await;
    assert_eq!(failed, Err(Error::AuthenticationFailed { reason: "no idea".to_owned(), code: None }));
}

#[tokio::test]
async fn so_does_a_challenge_too_many() {
    let tokens = Tokens { answers: true, ..Tokens::default() };
    let (_client, _, _peer, mut line, _, connected) = begin(tokens).await;
    for _ in 0..8 {
        line.write(auth(ReasonCode::ContinueAuthentication, "?")).await;
        expect_auth(&mut line, ReasonCode::ContinueAuthentication, "?!").await;
    }
    line.write(auth(ReasonCode::ContinueAuthentication, "?")).await;
    let Err(Error::AuthenticationFailed { reason, .. }) = connected.get().await else { panic!("goes on") };
    assert!(reason.contains("8 challenges"), "{reason}");
}

#[tokio::test]
async fn a_supplier_out_of_order_is_told() {
    let (peer, mut config) = Peer::new(Level::Mqtt5).await;
    config.authenticator = Some(Arc::new(Tokens { fails_from: Some(1), ..Tokens::default() }));
    let failed = connect(&client(config)).get().await;
    let reason = "TOKEN: the supplier is out of order".to_owned();
    assert_eq!(failed, Err(Error::AuthenticationFailed { reason, code: None }));
    drop(peer);
}

#[tokio::test]
async fn a_new_credential_is_shown_before_the_old_one_expires_and_traffic_goes_on() {
    let tokens = Tokens { renew_after: Some(Duration::from_millis(50)), ..Tokens::default() };
    let (client, _, _peer, mut line, _, connected) = begin(tokens).await;
    line.write(accepted()).await;
    connected.get().await.unwrap();
    expect_auth(&mut line, ReasonCode::ReAuthenticate, "token-2").await;
    // Messages go to and fro before the broker has answered.
    let sent = publish(&client, message("t", "x"));
    let id = line.message().await.packet_id;
    line.puback(id).await;
    assert!(sent.get().await.is_ok());
    assert_eq!(client.stats().tokens_renewed, 0);
    line.write(auth(ReasonCode::Success, "")).await;
    while client.stats().tokens_renewed == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((client.stats().token_expiry, client.stats().connects), (Some(2), 1));
}

#[tokio::test]
async fn a_change_is_shown_at_once() {
    let tokens = Tokens { renew_after: Some(Duration::from_secs(3600)), ..Tokens::default() };
    let (_client, tokens, _peer, mut line, _, connected) = begin(tokens).await;
    line.write(accepted()).await;
    connected.get().await.unwrap();
    tokens.changed.notify_one();
    expect_auth(&mut line, ReasonCode::ReAuthenticate, "token-2").await;
}

#[tokio::test]
async fn a_challenge_in_a_renewal_is_answered() {
    let renew_after = Some(Duration::from_millis(10));
    let (client, _, _peer, mut line, _, connected) =
        begin(Tokens { renew_after, answers: true, ..Tokens::default() }).await;
    line.write(accepted()).await;
    connected.get().await.unwrap();
    expect_auth(&mut line, ReasonCode::ReAuthenticate, "token-2").await;
    line.write(auth(ReasonCode::ContinueAuthentication, "sure")).await;
    expect_auth(&mut line, ReasonCode::ContinueAuthentication, "sure!").await;
    line.write(auth(ReasonCode::Success, "")).await;
    while client.stats().tokens_renewed == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn later_means_later_where_the_method_says_so() {
    let renew_after = Some(Duration::from_millis(10));
    let (client, tokens, _peer, mut line, _, connected) =
        begin(Tokens { renew_after, waits: true, ..Tokens::default() }).await;
    line.write(accepted()).await;
    connected.get().await.unwrap();
    expect_auth(&mut line, ReasonCode::ReAuthenticate, "token-2").await;
    line.write(auth(ReasonCode::ContinueAuthentication, "")).await;
    let sent = publish(&client, message("t", "x"));
    let id = line.message().await.packet_id;
    line.puback(id).await;
    assert!(sent.get().await.is_ok());
    // A new credential does not wait for the old one's turn.
    tokens.changed.notify_one();
    expect_auth(&mut line, ReasonCode::ReAuthenticate, "token-3").await;
    assert_eq!(client.stats().connects, 1);
}

#[tokio::test]
async fn a_broker_that_does_not_answer_auth_is_left() {
    let tokens = Tokens { renew_after: Some(Duration::from_millis(10)), ..Tokens::default() };
    let (client, _, _peer, mut line, _, connected) =
        begin_with(tokens, |config| config.deadlines.connack = Duration::from_millis(200)).await;
    let changes = StateChanges::of(client.state_changes());
    line.write(accepted()).await;
    connected.get().await.unwrap();
    let reason = until(&changes, State::Reconnecting).await.reason.unwrap();
    assert!(reason.contains("did not answer AUTH within 0.2 s"), "{reason}");
}

#[tokio::test]
async fn a_refused_renewal_is_told_as_what_it_is() {
    let tokens = Tokens { renew_after: Some(Duration::from_millis(10)), ..Tokens::default() };
    let (client, _, _peer, mut line, _, connected) = begin(tokens).await;
    let changes = StateChanges::of(client.state_changes());
    line.write(accepted()).await;
    connected.get().await.unwrap();
    expect_auth(&mut line, ReasonCode::ReAuthenticate, "token-2").await;
    line.write(Packet::Disconnect(Disconnect::new(ReasonCode::NotAuthorized))).await;
    let reason = until(&changes, State::Reconnecting).await.reason.unwrap();
    assert!(reason.contains("re-authentication failed") && reason.contains("0x87"), "{reason}");
}

#[tokio::test]
async fn another_method_breaks_the_protocol() {
    let (_client, _, _peer, mut line, _, connected) = begin(Tokens::default()).await;
    let other = PropertiesBuilder::new().authentication_method("OTHER").build().unwrap();
    line.write(Packet::Auth(Auth { reason: ReasonCode::ContinueAuthentication, properties: other })).await;
    let Err(Error::ConnectionFailed { reason, .. }) = connected.get().await else { panic!("it goes on") };
    assert!(reason.contains("authentication method"), "{reason}");
    let [Packet::Disconnect(disconnect)] = &line.rest().await[..] else { panic!("no DISCONNECT") };
    assert_eq!(disconnect.reason, ReasonCode::BadAuthenticationMethod);
}
