//! Clients that show tokens: of an issuer of the namespace's owner, and of Entra ID.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azmqtt_client::StateChanges;
use azmqtt_client::managed::{Authenticator, Client, Config, Credential, Error, Purpose};
use azmqtt_mqtt::{Level, ReasonCode};
use azmqtt_net::{BoxFuture, sync::Mutex};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::keys::TestIssuer;
use super::support::*;
use crate::NamespaceConfig;
use crate::authentication::{ClientAuthentication, CustomJwt};
use crate::resources::Permission;

const ISSUER: &str = "https://issuer.example";
const OBJECT_ID: &str = "11111111-2222-3333-4444-555555555555";

/// Shows a token, until there is another.
pub struct Tokens {
    method: &'static str,
    token: Mutex<String>,
    pub asked: AtomicUsize,
    changed: Notify,
}

impl Tokens {
    pub fn new(method: &'static str, token: &str) -> Arc<Self> {
        let token = Mutex::new(token.to_owned());
        Arc::new(Self { method, token, asked: AtomicUsize::new(0), changed: Notify::new() })
    }

    /// Has the client show another token at once.
    pub fn renew(&self, token: &str) {
        *self.token.lock() = token.to_owned();
        self.changed.notify_one();
    }
}

impl Authenticator for Tokens {
    fn method(&self) -> &str {
        self.method
    }

    fn begin(&self, _: Purpose) -> BoxFuture<'_, Result<Credential, String>> {
        self.asked.fetch_add(1, SeqCst);
        let token = self.token.lock().clone();
        let credential = Credential { data: token.into(), renew_after: None, expiry: None, doubts: None };
        Box::pin(std::future::ready(Ok(credential)))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.changed.notified())
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims(name: &str, floor: i64, seconds: u64) -> Value {
    json!({
        "iss": ISSUER, "sub": name, "aud": "localhost", "nbf": now() - 10, "exp": now() + seconds, "floor": floor,
    })
}

fn custom(name: &str, floor: i64, seconds: u64) -> String {
    TestIssuer::new().sign("one", &claims(name, floor, seconds))
}

impl World {
    /// A namespace that takes the tokens of an issuer.
    fn with_issuer(behaviours: &[(&str, &str)]) -> Self {
        let certificates = [(Some("one".to_owned()), TestIssuer::new().certificate())];
        let custom_jwt = Some(CustomJwt::new(ISSUER, &certificates).unwrap());
        let client_authentication = ClientAuthentication { custom_jwt, ..ClientAuthentication::default() };
        let mut config = NamespaceConfig { client_authentication, ..config() };
        for (row, choice) in behaviours {
            config.behaviours.set(row, choice).unwrap();
        }
        Self::with(config)
    }

    /// How a client connects that shows these tokens.
    pub fn token_config(&self, session: &str, tokens: Arc<Tokens>) -> Config {
        let mut config = Config::new(self.broker(None), session);
        config.authenticator = Some(tokens);
        config
    }

    /// The code with which a client is refused that shows this token; `None` if it is let in.
    pub async fn token_refused(&self, method: &'static str, token: &str) -> Option<ReasonCode> {
        let client = client(self.token_config("session", Tokens::new(method, token)));
        let refused = code(connect(&client).await);
        close(&client).await;
        refused
    }

    /// What a client in a group of this query may publish.
    fn group(&self, name: &str, query: &str, template: &str) {
        self.namespace.put_client_group(name, query).unwrap();
        self.namespace.put_topic_space(name, &[template]).unwrap();
        for permission in [Permission::Publisher, Permission::Subscriber] {
            let binding = format!("{name}-{}", permission.name());
            self.namespace.put_permission_binding(&binding, name, name, permission).unwrap();
        }
    }
}

/// The code with which a client was refused.
pub fn code(connected: Result<(), Error>) -> Option<ReasonCode> {
    match connected {
        Ok(()) => None,
        Err(
            Error::AuthenticationFailed { code: Some(code), .. }
            | Error::ConnectionFailed { code: Some(code), .. },
        ) => Some(code),
        Err(error) => panic!("{error:?}"),
    }
}

fn is_denied<T>(published: &Result<T, Error>) -> bool {
    matches!(published, Err(Error::PublishRefused { code: ReasonCode::NotAuthorized, .. }))
}

const NO: Option<ReasonCode> = Some(ReasonCode::NotAuthorized);

#[tokio::test]
async fn a_client_with_a_token_needs_no_resource_and_has_its_claims_as_attributes() {
    let world = World::with_issuer(&[]);
    world.group(
        "upstairs",
        "attributes.floor > 3",
        "floors/${client.attributes.floor}/${client.authenticationName}",
    );
    let up = client(world.token_config("up", Tokens::new("CUSTOM-JWT", &custom("pump", 4, 100))));
    assert!(publish(&up, "floors/4/pump", "x").await.is_ok());
    assert!(is_denied(&publish(&up, "floors/5/pump", "x").await));
    let down = client(world.token_config("down", Tokens::new("CUSTOM-JWT", &custom("pump2", 3, 100))));
    connect(&down).await.unwrap();
    assert!(is_denied(&publish(&down, "floors/3/pump2", "x").await));
}

#[tokio::test]
async fn a_bad_token_is_refused_and_the_record_names_the_claim() {
    let world = World::with_issuer(&[]);
    let signed = |claim: &str, value: Value| {
        let mut claims = claims("pump", 1, 100);
        claims[claim] = value;
        TestIssuer::new().sign("one", &claims)
    };
    for (method, token, named) in [
        ("CUSTOM-JWT", "a.b.c".to_owned(), "header"),
        ("CUSTOM-JWT", signed("aud", json!("elsewhere")), "aud"),
        ("CUSTOM-JWT", signed("exp", json!(now() - 1)), "exp"),
        ("CUSTOM-JWT", signed("iss", json!("elsewhere")), "invalid issuer"),
        ("CUSTOM-JWT", TestIssuer::other().sign("one", &claims("pump", 1, 100)), "signature"),
        ("OAUTH2-JWT", custom("pump", 1, 100), "invalid issuer"),
        ("custom-jwt", custom("pump", 1, 100), "authentication method"),
    ] {
        assert_eq!(world.token_refused(method, &token).await, NO, "{named}");
        let refusal = world.namespace.last_refusal().unwrap();
        assert!(refusal.contains(named) && !refusal.contains("elsewhere"), "{refusal}");
    }
    let world = World::with_issuer(&[("wrong_method", "bad-authentication-method")]);
    let bad_method = Some(ReasonCode::BadAuthenticationMethod);
    assert_eq!(world.token_refused("OAUTH2-JWT", &custom("pump", 1, 100)).await, bad_method);
    assert_eq!(world.token_refused("OTHER", &custom("pump", 1, 100)).await, bad_method);
    assert_eq!(world.token_refused("CUSTOM-JWT", "a.b.c").await, NO);
}

#[tokio::test]
async fn a_token_of_8_kb_is_too_much_at_9() {
    let world = World::with_issuer(&[]);
    let refused = world.token_refused("CUSTOM-JWT", &"x".repeat((8 << 10) + 1)).await;
    assert_eq!(refused, Some(ReasonCode::ImplementationSpecificError));
    let tokens = Tokens::new("CUSTOM-JWT", &custom("pump", 4, 100));
    let mut config = world.token_config("up", tokens.clone());
    config.session_expiry = 0;
    let client = client(config);
    connect(&client).await.unwrap();
    tokens.renew(&"x".repeat((8 << 10) + 1));
    until(|| world.namespace.last_refusal().is_some_and(|refusal| refusal.contains("8 KB"))).await;
}

#[tokio::test]
async fn without_a_method_a_token_is_a_password_where_that_is_set() {
    for (choice, expected) in [("refused", NO), ("password", None)] {
        let world = World::with_issuer(&[("jwt_in_v3", choice)]);
        let mut config = Config::new(world.broker(None), "session");
        (config.level, config.username) = (Level::Mqtt311, Some("pump".to_owned()));
        config.password = Some(custom("pump", 4, 100).into());
        let client = client(config);
        assert_eq!(code(connect(&client).await), expected, "{choice}");
    }
}

#[tokio::test]
async fn an_identity_of_entra_has_the_rights_of_its_roles() {
    let world = World::new();
    world.contoso(&["a/${client.authenticationName}", "b"]);
    world.namespace.put_topic_space("second", &["c/#"]).unwrap();
    let hour = Duration::from_secs(3600);
    let token = world.namespace.entra_token(&OBJECT_ID.to_uppercase(), hour).unwrap();
    let client = client(world.token_config("entra", Tokens::new("OAUTH2-JWT", &token)));
    // Bindings on $all are not for it.
    assert!(is_denied(&publish(&client, "b", "x").await));
    let role = |role, scope| world.namespace.put_role_assignment(OBJECT_ID, role, scope).unwrap();
    assert!(role(Permission::Publisher, Some("second")) && !role(Permission::Publisher, Some("second")));
    assert!(publish(&client, "c/d", "x").await.is_ok());
    assert!(is_denied(&publish(&client, "b", "x").await));
    assert!(matches!(subscribe(&client, "b").await, Err(Error::SubscribeRefused { .. })));
    role(Permission::Subscriber, None);
    role(Permission::Publisher, None);
    assert!(subscribe(&client, "c/+").await.is_ok());
    assert!(publish(&client, &format!("a/{OBJECT_ID}"), "x").await.is_ok());
    // It loses the right to its subscription.
    let connects = client.stats().connects;
    assert!(world.namespace.delete_role_assignment(OBJECT_ID, Permission::Subscriber, None).unwrap());
    until(|| client.stats().connects > connects).await;
}

#[tokio::test]
async fn rows_for_entra_can_be_switched() {
    let mut config = config();
    config.behaviours.set("entra_without_role", "refused").unwrap();
    config.behaviours.set("entra_user_name", "object-id").unwrap();
    let world = World::with(config);
    let token = world.namespace.entra_token(OBJECT_ID, Duration::from_secs(3600)).unwrap();
    assert_eq!(world.token_refused("OAUTH2-JWT", &token).await, NO);
    assert!(world.namespace.last_refusal().unwrap().contains("user name"));
    let mut config = world.token_config("entra", Tokens::new("OAUTH2-JWT", &token));
    config.username = Some(OBJECT_ID.to_uppercase());
    let first = client(config.clone());
    assert_eq!(code(connect(&first).await), NO);
    assert!(world.namespace.last_refusal().unwrap().contains("no role"));
    world.namespace.put_role_assignment(OBJECT_ID, Permission::Publisher, None).unwrap();
    assert_eq!(code(connect(&client(config)).await), None);
}

async fn connected_for(seconds: u64, behaviours: &[(&str, &str)]) -> (World, Client, Arc<Tokens>) {
    let world = World::with_issuer(behaviours);
    world.contoso(&["t/#"]);
    let tokens = Tokens::new("CUSTOM-JWT", &custom("pump", 4, seconds));
    let mut config = world.token_config("session", tokens.clone());
    config.session_expiry = 0;
    let client = client(config);
    connect(&client).await.unwrap();
    (world, client, tokens)
}

#[tokio::test]
async fn a_token_that_expires_ends_the_connection() {
    let (_world, client, _) = connected_for(2, &[]).await;
    let changes = StateChanges::of(client.state_changes());
    changes_for(&changes, "Not authorized").await;
}

#[tokio::test]
async fn a_token_that_expires_does_nothing_where_that_is_set() {
    let (world, client, tokens) = connected_for(2, &[("expired_token", "kept")]).await;
    let over = now() + 3;
    until(|| now() >= over).await;
    assert!(publish(&client, "t/a", "x").await.is_ok());
    assert_eq!((tokens.asked.load(SeqCst), world.namespace.last_refusal()), (1, None));
}

#[tokio::test]
async fn a_token_is_renewed_during_a_flood_and_nothing_is_lost() {
    const COUNT: usize = 3000;
    let (world, client, tokens) = connected_for(5, &[]).await;
    let watcher = world.client("watcher");
    let receiver = watcher.receiver(None).unwrap();
    subscribe(&watcher, "t/#").await.unwrap();
    let sending = async {
        for index in 0..COUNT {
            if index % 500 == 250 {
                tokens.renew(&custom("PUMP", 4, 5 + index as u64));
            }
            publish(&client, "t/a", &index.to_string()).await.unwrap();
        }
    };
    let receiving = async {
        for index in 0..COUNT {
            assert_eq!(next_body(&receiver).await, index.to_string());
        }
    };
    tokio::join!(sending, receiving);
    until(|| tokens.asked.load(SeqCst) > 1).await;
    let over = now() + 6;
    until(|| now() >= over).await;
    // The last token holds.
    publish(&client, "t/a", "x").await.unwrap();
    assert_eq!((client.stats().connects, world.namespace.last_refusal()), (1, None));
}

#[tokio::test]
async fn a_renewal_must_show_the_same_client() {
    for (token, named) in [
        (custom("other", 4, 100), "as another"),
        (custom("pump", 4, 0), "exp"),
        (TestIssuer::other().sign("one", &claims("pump", 4, 100)), "signature"),
    ] {
        let (world, client, tokens) = connected_for(100, &[]).await;
        tokens.renew(&token);
        until(|| world.namespace.last_refusal().is_some_and(|refusal| refusal.contains(named))).await;
        until(|| client.last_error().is_some()).await;
        assert_eq!(refused_clients(&world)[0], "pump", "as its other events name it");
    }
}

#[tokio::test]
async fn a_renewal_may_change_attributes_and_with_them_rights() {
    let world = World::with_issuer(&[]);
    world.group("upstairs", "attributes.floor > 3", "floors/#");
    let tokens = Tokens::new("CUSTOM-JWT", &custom("pump", 4, 100));
    let client = client(world.token_config("pump", tokens.clone()));
    assert!(publish(&client, "floors/1", "x").await.is_ok());
    tokens.renew(&custom("pump", 3, 100));
    let lost = async { while !is_denied(&publish(&client, "floors/1", "x").await) {} };
    tokio::time::timeout(LONG, lost).await.unwrap();
    assert_eq!(client.stats().connects, 1);
}

#[tokio::test]
async fn the_key_of_the_issuer_survives_a_restart() {
    let root = azmqtt_local::files::make_temp_dir("azmqtt-namespace-test-").unwrap();
    let start = || {
        let config = NamespaceConfig { state_dir: Some(root.join("state")), ..config() };
        crate::Namespace::start(config).unwrap()
    };
    let first = start();
    let token = first.entra_token(OBJECT_ID, Duration::from_secs(3600)).unwrap();
    first.stop();
    let world = World { namespace: start(), authority: TestAuthority::new() };
    assert_eq!(world.token_refused("OAUTH2-JWT", &token).await, None);
    drop(world);
    std::fs::remove_dir_all(root).unwrap();
}
