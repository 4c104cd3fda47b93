//! A webhook over real connections, that answers, lies, and hangs.

use std::sync::Arc;
use std::time::Duration;

use azmqtt_client::StateChanges;
use azmqtt_client::managed::Config;
use azmqtt_local::certificate_authority::Authority;
use azmqtt_mqtt::{Level, ReasonCode};
use azmqtt_net::sync::Mutex;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ALL_VERSIONS;
use tokio_rustls::rustls::crypto::ring;

use super::support::*;
use super::tokens::{Tokens, code, now};
use crate::NamespaceConfig;
use crate::authentication::{ClientAuthentication, TENANT_ID, Webhook};
use crate::broker::Broker;
use crate::resources::Permission;

/// What the webhook does.
#[derive(Clone)]
enum Does {
    Answer(Value),
    Say(String),
    /// This, and then this again and again, without end.
    Drip(&'static str, &'static str),
    Hang,
    Close,
}

/// A webhook, and what it was asked.
struct Hook {
    does: Mutex<Does>,
    asked: Mutex<Vec<(String, Value)>>,
}

impl Hook {
    fn answer(&self, answer: Value) {
        *self.does.lock() = Does::Answer(answer);
    }

    fn last(&self) -> (String, Value) {
        self.asked.lock().last().unwrap().clone()
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        let mut read = Vec::new();
        let body_at = loop {
            if stream.read_buf(&mut read).await.unwrap() == 0 {
                return;
            }
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8(read[..body_at].to_vec()).unwrap();
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        while read.len() < body_at + length.unwrap_or(0_usize) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
        }
        self.asked.lock().push((head, serde_json::from_slice(&read[body_at..]).unwrap()));
        let does = self.does.lock().clone();
        let said = match does {
            Does::Answer(answer) => {
                let body = answer.to_string();
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }
            Does::Say(said) => said,
            Does::Drip(first, again) => {
                let mut written = stream.write_all(first.as_bytes()).await;
                while written.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    written = stream.write_all(again.as_bytes()).await;
                }
                return;
            }
            Does::Hang => return std::future::pending().await,
            Does::Close => return,
        };
        // The namespace may have gone.
        let _ = stream.write_all(said.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// A namespace with a webhook, which is encrypted or not.
async fn world(is_encrypted: bool, behaviours: &[(&str, &str)]) -> (World, Arc<Hook>) {
    let mut config = NamespaceConfig { ..config() };
    for (row, choice) in behaviours {
        config.behaviours.set(row, choice).unwrap();
    }
    let world = World::with(config);
    let authority = world.namespace.authority().clone();
    let (hook, address) = serve(&authority, is_encrypted).await;
    let webhook = Webhook::new(&address, "api://app/.default", None, false).unwrap();
    let settings = ClientAuthentication { webhook: Some(webhook), ..ClientAuthentication::default() };
    world.namespace.set_client_authentication(settings).unwrap();
    (world, hook)
}

/// A webhook whose certificate that authority has signed, and its address.
async fn serve(authority: &Authority, is_encrypted: bool) -> (Arc<Hook>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hook = Arc::new(Hook { does: Mutex::new(Does::Hang), asked: Mutex::default() });
    let tls =
        authority.server_config(&["localhost".to_owned()], ring::default_provider(), ALL_VERSIONS).unwrap();
    let (tls, serving) = (TlsAcceptor::from(tls), hook.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, hook) = (tls.clone(), serving.clone());
            tokio::spawn(async move {
                if is_encrypted {
                    // One that does not trust it goes.
                    if let Ok(stream) = tls.accept(stream).await {
                        hook.serve(stream).await;
                    }
                } else {
                    hook.serve(stream).await;
                }
            });
        }
    });
    let scheme = if is_encrypted { "https" } else { "http" };
    (hook, format!("{scheme}://localhost:{port}/api/auth?code=key"))
}

#[tokio::test]
async fn a_webhook_of_the_management_api_leads_to_a_root_of_the_options() {
    let authority = Authority::generate("the webhook's own").unwrap();
    let (hook, address) = serve(&authority, true).await;
    hook.answer(allow("client1", 1));
    for (roots, expected) in [(None, UNAVAILABLE), (Some(authority.certificate.as_bytes().to_vec()), None)] {
        let world = World::with(NamespaceConfig { webhook_roots: roots, ..config() });
        let file = json!({ "namespace": { "properties": { "topicSpacesConfiguration": { "clientAuthentication": {
            "webhookAuthentication": { "endpointUrl": address } } } } } });
        world.namespace.apply(&file.to_string()).unwrap();
        let client = client(with_password(&world));
        assert_eq!(code(connect(&client).await), expected);
        close(&client).await;
    }
}

fn allow(name: &str, floor: i64) -> Value {
    json!({ "decision": "allow", "clientAuthenticationName": name, "attributes": { "floor": floor } })
}

/// How a client connects with a user name and a password.
fn with_password(world: &World) -> Config {
    let mut config = Config::new(world.broker(None), "session");
    (config.username, config.password) = (Some("user".to_owned()), Some("secret".into()));
    config
}

async fn refused(config: Config) -> Option<ReasonCode> {
    let client = client(config);
    let refused = code(connect(&client).await);
    close(&client).await;
    refused
}

/// What is written again and again.
const MUCH: &str = match std::str::from_utf8(&[b' '; 8 << 10]) {
    Ok(text) => text,
    Err(_) => "",
};
const NO: Option<ReasonCode> = Some(ReasonCode::NotAuthorized);
const UNAVAILABLE: Option<ReasonCode> = Some(ReasonCode::ServerUnavailable);

#[tokio::test]
async fn a_webhook_hears_all_that_a_client_shows() {
    for is_encrypted in [false, true] {
        let (world, hook) = world(is_encrypted, &[]).await;
        hook.answer(allow("pump", 4));
        for level in [Level::Mqtt5, Level::Mqtt311] {
            assert_eq!(refused(Config { level, ..with_password(&world) }).await, None);
            let (head, question) = hook.last();
            let expected = json!({ "clientId": "session", "userName": "user", "password": "c2VjcmV0" });
            assert_eq!(question, expected);
            assert!(head.starts_with("POST /api/auth?code=key HTTP/1.1\r\n"), "{head}");
            let bearer = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
            let payload = bearer.split('.').nth(1).unwrap();
            let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
            let payload: Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!((&payload["aud"], &payload["tid"]), (&json!("api://app"), &json!(TENANT_ID)));
        }
        let certificate = world.authority.client("anybody", Vec::new());
        let mut config = Config::new(world.broker(Some(certificate)), "session");
        config.authenticator = Some(Tokens::new("OTHER", "data"));
        assert_eq!(refused(config).await, None);
        let (_, question) = hook.last();
        assert_eq!(question["authenticationMethod"], "OTHER");
        assert_eq!(question["authenticationData"], "ZGF0YQ==");
        assert!(question["clientCertificate"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert_eq!(question.get("userName"), None);
    }
}

#[tokio::test]
async fn a_webhook_denies_and_gives_attributes() {
    let (world, hook) = world(false, &[]).await;
    hook.answer(json!({ "decision": "deny", "errorReason": "not today" }));
    assert_eq!(refused(with_password(&world)).await, NO);
    assert!(world.namespace.last_refusal().unwrap().contains("not today"));
    hook.answer(json!({ "decision": "allow", "clientAuthenticationName": "pump", "expiration": now() - 1 }));
    assert_eq!(refused(with_password(&world)).await, NO);

    hook.answer(allow("pump", 4));
    world.namespace.put_client_group("upstairs", "attributes.floor = 4").unwrap();
    world.namespace.put_topic_space("upstairs", &["${client.authenticationName}/#"]).unwrap();
    world
        .namespace
        .put_permission_binding("up-publisher", "upstairs", "upstairs", Permission::Publisher)
        .unwrap();
    let client = client(with_password(&world));
    publish(&client, "pump/a", "x").await.unwrap();
    assert!(publish(&client, "user/a", "x").await.is_err());
}

#[tokio::test]
async fn a_webhook_that_lies_or_breaks_is_unavailable() {
    let (world, hook) = world(false, &[]).await;
    let with_body = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let allowed = allow("pump", 4).to_string();
    let failed = format!("HTTP/1.1 500 No\r\nContent-Length: {}\r\n\r\n{allowed}", allowed.len());
    for does in [
        Does::Close,
        Does::Say(failed),
        Does::Say("rubbish\r\n\r\n".to_owned()),
        Does::Say("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned()),
        Does::Say(
            "HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ),
        Does::Say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_owned()),
        Does::Say(with_body("{}")),
        Does::Say(with_body(r#"{"decision": "allow"}"#)),
        Does::Say(with_body(&" ".repeat(65 << 10))),
        // What is no JSON object, whatever it is called, and what is one of another kind.
        Does::Say(with_body("<html>{}</html>").replace("Length", "Type: application/json\r\nContent-Length")),
        Does::Say(with_body(&format!("[{allowed}]"))),
        Does::Say(with_body(&allowed.replace("allow\"", "Allow\""))),
        Does::Say(with_body(&allowed.replace("\"allow\"", "true"))),
        Does::Say(with_body(&allowed.replace("\"pump\"", "\"\""))),
        Does::Say(with_body(&allowed.replace("\"pump\"", &format!("{:?}", "x".repeat(129))))),
        Does::Say(with_body(&allowed.replace('4', "4.5"))),
        Does::Say(with_body(&allowed.replace('4', &format!("{:?}", vec![""; 15_000])))),
        Does::Say(with_body(&format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)))),
        // Two lengths, a length of exabytes, parts that are none, more heads than an answer has, another protocol.
        Does::Say(with_body(&allowed).replace("Content-Length", "Content-Length: 5\r\nContent-Length")),
        Does::Say("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n{".to_owned()),
        Does::Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".to_owned()),
        Does::Say(
            with_body(&allowed)
                .replace("Content-Length", &format!("{}Content-Length", "X: y\r\n".repeat(5000))),
        ),
        Does::Say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        Does::Say("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".to_owned()),
        // Without end, and faster than the time is over.
        Does::Drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", MUCH),
        Does::Drip("HTTP/1.1 200 OK\r\nX: ", MUCH),
    ] {
        *hook.does.lock() = does;
        assert_eq!(refused(with_password(&world)).await, UNAVAILABLE);
        let refusal = world.namespace.last_refusal().unwrap();
        assert!(refusal.starts_with("the webhook: ") && !refusal.contains("=key"), "{refusal}");
    }
    let settings = world.namespace.client_authentication();
    let webhook = Webhook::new("http://127.0.0.1:1/", "app", None, false).unwrap();
    world
        .namespace
        .set_client_authentication(ClientAuthentication { webhook: Some(webhook), ..settings })
        .unwrap();
    assert_eq!(refused(with_password(&world)).await, UNAVAILABLE);
    let config = Config { level: Level::Mqtt311, ..with_password(&world) };
    assert_eq!(refused(config).await, UNAVAILABLE);
}

#[tokio::test]
async fn what_a_webhook_calls_its_answer_does_not_matter() {
    let (world, hook) = world(false, &[]).await;
    let allowed = allow("pump", 4).to_string();
    // Functions of Azure answer text/plain unless they are told otherwise.
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", allowed.len());
    *hook.does.lock() = Does::Say(head + &allowed);
    assert_eq!(refused(with_password(&world)).await, None);
}

#[tokio::test]
async fn a_webhook_that_drips_is_unavailable_when_its_time_is_over() {
    let mut drips = tokio::task::JoinSet::new();
    for (first, again) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{", " "),
        ("HTTP/1.1 200 OK\r\nX: ", "y"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        drips.spawn(async move {
            let (world, hook) = world(false, &[]).await;
            *hook.does.lock() = Does::Drip(first, again);
            (refused(with_password(&world)).await, world.namespace.last_refusal().unwrap())
        });
    }
    while let Some(drip) = drips.join_next().await {
        let (refused, refusal) = drip.unwrap();
        assert!(refused == UNAVAILABLE && refusal.starts_with("the webhook: "), "{refused:?} {refusal}");
    }
}

#[tokio::test]
async fn a_webhook_that_hangs_for_many_holds_up_nobody() {
    let (world, hook) = world(false, &[("webhook_for_resources", "not-asked")]).await;
    world.contoso(&["t/#"]);
    let honest = world.client("honest");
    let receiver = honest.receiver(None).unwrap();
    subscribe(&honest, "t/#").await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for index in 0..120 {
        waiting.spawn(refused(Config { client_id: format!("session-{index}"), ..with_password(&world) }));
    }
    // As many as may ask at once; the others wait, and their time runs.
    until(|| hook.asked.lock().len() == 100).await;
    for index in 0..20 {
        publish(&honest, "t/a", &index.to_string()).await.unwrap();
        assert_eq!(next_body(&receiver).await, index.to_string());
    }
    while let Some(refused) = waiting.join_next().await {
        assert_eq!(refused.unwrap(), UNAVAILABLE);
    }
    hook.answer(allow("pump", 4));
    assert_eq!(refused(with_password(&world)).await, None);
}

#[tokio::test]
async fn a_webhook_that_hangs_holds_up_nobody_and_is_unavailable() {
    let (world, hook) = world(false, &[("webhook_for_resources", "not-asked")]).await;
    let waiting = client(with_password(&world));
    let refused = async { code(connect(&waiting).await) };
    let others = async {
        until(|| !hook.asked.lock().is_empty()).await;
        // Meanwhile another connects by its certificate.
        assert_eq!(code(connect(&world.client("other")).await), None);
        assert_eq!(hook.asked.lock().len(), 1);
    };
    let (refused, ()) = tokio::join!(refused, others);
    assert_eq!(refused, UNAVAILABLE);
    assert!(world.namespace.last_refusal().unwrap().contains("5 s"));
}

#[tokio::test]
async fn what_a_webhook_says_expires_and_is_renewed() {
    let (world, hook) = world(false, &[]).await;
    world.contoso(&["t/#"]);
    let answer = |seconds: u64| json!({ "decision": "allow", "clientAuthenticationName": "pump", "expiration": now() + seconds });
    hook.answer(answer(4));
    let tokens = Tokens::new("OTHER", "first");
    let mut config = world.token_config("session", tokens.clone());
    config.session_expiry = 0;
    let client = client(config);
    connect(&client).await.unwrap();
    hook.answer(answer(8));
    tokens.renew("second");
    until(|| hook.asked.lock().len() == 2).await;
    assert_eq!(hook.last().1["authenticationData"], "c2Vjb25k");
    let later = now() + 5;
    until(|| now() >= later).await;
    // While the webhook thinks, messages flow.
    *hook.does.lock() = Does::Hang;
    tokens.renew("third");
    until(|| hook.asked.lock().len() == 3).await;
    publish(&client, "t/a", "x").await.unwrap();
    assert_eq!(client.stats().connects, 1);
    until(|| world.namespace.with_broker(Broker::connected) == 0).await;
}

#[tokio::test]
async fn a_renewal_that_the_webhook_does_not_answer_is_server_busy() {
    let (world, hook) = world(false, &[]).await;
    hook.answer(allow("pump", 4));
    let tokens = Tokens::new("OTHER", "first");
    let client = client(world.token_config("session", tokens.clone()));
    connect(&client).await.unwrap();
    let changes = StateChanges::of(client.state_changes());
    *hook.does.lock() = Does::Close;
    tokens.renew("second");
    changes_for(&changes, "Server busy").await;
}

#[tokio::test]
async fn certificates_go_to_the_webhook_as_rows_say() {
    let (world, hook) = world(false, &[("webhook_certificate", "verified")]).await;
    hook.answer(allow("pump", 4));
    let shown = |certificate| Config::new(world.broker(Some(certificate)), "session");
    assert_eq!(refused(shown(world.authority.client("pump", Vec::new()))).await, None);
    let foreign = TestAuthority::new().client("pump", Vec::new());
    assert_eq!(refused(shown(foreign)).await, NO);
    assert_eq!(hook.asked.lock().len(), 1);
}
