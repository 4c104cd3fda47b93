//! The service's REST API, request by request: helpers, and what holds for every route.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::client::{DEADLINE, https, hub, start};
use crate::messages::telemetry::unix_now;
use crate::{Hub, HubConfig};
use azmqtt_dialect::sas::{SasToken, SymmetricKey};
use azmqtt_dialect::{ServiceError, time};

pub const VERSION: &str = "api-version=2021-04-12";

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The code of a refusal, after a look at what every refusal has.
    pub fn code(&self) -> u32 {
        let error = ServiceError::parse(self.status, &self.body);
        assert_eq!(u32::from(self.status), error.error_code.unwrap() / 1000, "{self}");
        let name = azmqtt_dialect::service_error::ErrorCode::name(error.error_code.unwrap());
        assert_eq!(self.header("iothub-errorcode"), name);
        let request = self.header("x-ms-request-id").unwrap().replace('-', "");
        let tracking_id = error.tracking_id.unwrap().to_lowercase();
        assert!(tracking_id.starts_with(&request) && request.len() == 32, "{self}");
        assert!(error.timestamp.is_some_and(|time| !time.is_empty()), "{self}");
        error.error_code.unwrap()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.head, String::from_utf8_lossy(&self.body))
    }
}

/// The key of a policy.
pub fn policy_key(hub: &Hub, name: &str) -> SymmetricKey {
    let text = hub.policy_connection_string(name).unwrap();
    SymmetricKey::from_base64(text.split_once("SharedAccessKey=").unwrap().1).unwrap()
}

/// A token of a policy for the whole hub.
pub fn policy_token(hub: &Hub, name: &str) -> String {
    SasToken::sign(hub.hostname(), &policy_key(hub, name), unix_now() + 60, Some(name)).to_token()
}

/// A connection that is kept, to the hub's HTTPS.
pub struct Http(TlsStream<TcpStream>);

impl Http {
    pub async fn connect(hub: &Hub) -> Self {
        Self(https(hub).await)
    }

    /// On a connection that is there.
    pub fn over(stream: TlsStream<TcpStream>) -> Self {
        Self(stream)
    }

    /// Sends one request; `headers` end with a line break each.
    pub async fn send(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Option<Answer> {
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        // A hub that has closed the connection may refuse the bytes; what follows shows it.
        let _ = self.0.write_all(head.as_bytes()).await;
        let _ = self.0.write_all(body).await;
        // What the socket did not take at once waits in the TLS session.
        let _ = self.0.flush().await;
        self.receive().await
    }

    /// `None` when the hub has closed the connection.
    async fn receive(&mut self) -> Option<Answer> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more(&mut bytes).await?;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: bytes[end..].to_vec() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while answer.body.len() < length {
            self.more(&mut answer.body).await?;
        }
        Some(answer)
    }

    async fn more(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        match timeout(DEADLINE, self.0.read_buf(bytes)).await.expect("an answer in time") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

/// One request of the owner's on a connection of its own; the path without its api-version.
pub async fn ask(hub: &Hub, method: &str, path: &str, body: &Value) -> Answer {
    ask_as(hub, "iothubowner", method, path, "", body).await
}

/// [`ask`] with an `If-Match`.
pub async fn ask_if(hub: &Hub, method: &str, path: &str, if_match: &str, body: &Value) -> Answer {
    ask_as(hub, "iothubowner", method, path, &format!("If-Match: {if_match}\r\n"), body).await
}

/// [`ask`] with another policy's token and more headers.
pub async fn ask_as(
    hub: &Hub,
    policy: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &Value,
) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = format!("Authorization: {}\r\n{headers}", policy_token(hub, policy));
    let target = format!("{path}{}{VERSION}", if path.contains('?') { '&' } else { '?' });
    let mut http = Http::connect(hub).await;
    http.send(method, &target, &headers, body.as_bytes()).await.expect("an answer")
}

/// Each route with the right that it takes.
const ROUTES: [(&str, &str, &str); 14] = [
    ("GET", "/devices", "read"),
    ("POST", "/devices", "write"),
    ("GET", "/devices/dev1", "read"),
    ("PUT", "/devices/dev1", "write"),
    ("DELETE", "/devices/none", "write"),
    ("GET", "/devices/dev1/modules", "read"),
    ("GET", "/devices/dev1/modules/m", "read"),
    ("PUT", "/devices/dev1/modules/m", "write"),
    ("DELETE", "/devices/dev1/modules/m", "write"),
    ("GET", "/statistics/devices", "read"),
    ("GET", "/statistics/service", "service"),
    ("GET", "/twins/dev1", "service"),
    ("PATCH", "/twins/dev1", "service"),
    ("POST", "/twins/dev1/methods", "service"),
];

#[tokio::test]
async fn each_route_is_for_those_whose_policy_has_its_right() {
    let hub = hub();
    let rights: [(&str, &[&str]); 5] = [
        ("iothubowner", &["read", "write", "service"]),
        ("service", &["service"]),
        ("device", &[]),
        ("registryRead", &["read"]),
        ("registryReadWrite", &["read", "write"]),
    ];
    for (policy, rights) in rights {
        for (method, path, right) in ROUTES {
            // No method's name, so that none is called.
            let answer = ask_as(&hub, policy, method, path, "", &json!({})).await;
            let refused = answer.status == 401;
            assert_eq!(refused, !rights.contains(&right), "{policy} {method} {path}: {answer}");
            if refused {
                assert_eq!((answer.code(), answer.header("connection")), (401_002, Some("close")));
            }
        }
    }
}

#[tokio::test]
async fn strangers_learn_nothing_and_are_let_go() {
    let hub = hub();
    let key = policy_key(&hub, "iothubowner");
    let random = SymmetricKey::generate(getrandom::fill).unwrap();
    let token = |resource: &str, key: &SymmetricKey, life: i64, policy: Option<&str>| {
        let expiry = unix_now().saturating_add_signed(life);
        format!("Authorization: {}\r\n", SasToken::sign(resource, key, expiry, policy).to_token())
    };
    let owner = Some("iothubowner");
    let strangers = [
        String::new(),
        "Authorization: Bearer abc\r\n".to_owned(),
        "Authorization: SharedAccessSignature \u{fc}\r\n".to_owned(),
        token("localhost", &random, 60, owner),
        token("localhost", &key, 60, None),
        token("localhost", &key, 60, Some("service")),
        token("localhost", &key, 60, Some("nobody")),
        token("localhost", &key, -301, owner),
        token("otherhost", &key, 60, owner),
        token("localhost/devices/dev1", &key, 60, owner),
    ];
    for stranger in strangers {
        for (method, path, _) in ROUTES {
            let mut http = Http::connect(&hub).await;
            // Without the api-version, too: that is for those to know who are let in.
            let answer = http.send(method, path, &stranger, b"{}").await.expect("an answer");
            assert_eq!(answer.code(), 401_002, "{stranger}{answer}");
            assert!(http.send(method, path, &stranger, b"{}").await.is_none(), "kept for a stranger");
        }
    }
}

#[tokio::test]
async fn the_token_may_have_the_port_and_a_slash() {
    let hub = hub();
    let key = policy_key(&hub, "service");
    for resource in ["localhost", "LOCALHOST", "localhost/", "localhost:8443"] {
        let token = SasToken::sign(resource, &key, unix_now() + 60, Some("service")).to_token();
        let headers = format!("Authorization: {token}\r\n");
        let target = format!("/statistics/service?{VERSION}");
        let answer = Http::connect(&hub).await.send("GET", &target, &headers, b"").await.unwrap();
        assert_eq!(answer.status, 200, "{resource}: {answer}");
    }
}

#[tokio::test]
async fn a_refusal_of_somebody_who_was_let_in_keeps_the_connection() {
    let hub = hub();
    let mut http = Http::connect(&hub).await;
    let owner = format!("Authorization: {}\r\n", policy_token(&hub, "iothubowner"));
    let cases = [
        ("GET", "/devices/none?api-version=1", "", "", 404_001),
        ("GET", "/devices/dev1/modules/none?api-version=1", "", "", 404_010),
        ("GET", "/twins/none?api-version=1", "", "", 404_001),
        ("GET", "/devices/dev1", "", "", 400_001),
        ("GET", "/devices/dev1?api-version=", "", "", 400_001),
        ("PUT", "/devices/dev1?api-version=1", "", "{}", 409_001),
        ("PUT", "/devices/dev1?api-version=1", "If-Match: \"x\"\r\n", "{}", 412_001),
        ("PUT", "/devices/none?api-version=1", "If-Match: *\r\n", "{}", 404_001),
        ("PUT", "/devices/dev1?api-version=1", "If-Match: \"x\r\n", "{}", 400_004),
        ("PUT", "/devices/dev1?api-version=1", "If-Match: \"a\", \"b\"\r\n", "{}", 400_004),
        ("PUT", "/devices/dev1?api-version=1", "If-Match: \u{fc}\r\n", "{}", 400_004),
        ("DELETE", "/devices/dev1?api-version=1", "If-Match: \"x\"\r\n", "", 412_001),
        ("PATCH", "/twins/dev1?api-version=1", "If-Match: \"x\"\r\n", "{}", 412_001),
        ("PATCH", "/twins/dev1?api-version=1", "", "[]", 400_004),
        ("PATCH", "/twins/dev1?api-version=1", "", "{", 400_006),
        ("PATCH", "/twins/dev1?api-version=1", "", "", 400_006),
        ("POST", "/devices?api-version=1", "", "{}", 400_004),
        ("GET", "/devices?top=x&api-version=1", "", "", 400_004),
        ("GET", "/configurations?top=x&api-version=1", "", "", 400_004),
    ];
    for (method, target, headers, body, code) in cases {
        let headers = format!("{owner}{headers}");
        let answer = http.send(method, target, &headers, body.as_bytes()).await.expect("a kept connection");
        assert_eq!(answer.code(), code, "{method} {target} {headers}: {answer}");
    }
    let error = ServiceError::parse(404, &http.send(cases[0].0, cases[0].1, &owner, b"").await.unwrap().body);
    assert_eq!(error.message, "none");
    let day = time::format_utc(unix_now());
    let american = error.timestamp.unwrap();
    assert!(american.starts_with(&format!("{}/", &day[5..7])) && american.contains(&day[..4]), "{american}");
}

#[tokio::test]
async fn bodies_are_bounded_and_json() {
    let hub = start(HubConfig::default());
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let owner = format!("Authorization: {}\r\n", policy_token(&hub, "iothubowner"));
    for (method, path) in [("PUT", "/devices/new"), ("PATCH", "/twins/dev1"), ("POST", "/devices")] {
        let target = format!("{path}?{VERSION}");
        let mut http = Http::connect(&hub).await;
        let answer = http.send(method, &target, &owner, deep.as_bytes()).await.unwrap();
        assert_eq!(answer.code(), 400_006, "{answer}");
        let huge = vec![b' '; (8 << 20) + 1];
        let answer = Http::connect(&hub).await.send(method, &target, &owner, &huge).await.unwrap();
        assert_eq!(answer.code(), 413_001, "{method} {path}");
    }
    assert!(!hub.has_device("new"));
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let hub = hub();
    let cases =
        [("POST", "/devices/dev1", 405), ("PUT", "/statistics/devices", 405), ("GET", "/nothing", 404)];
    for (method, path, status) in cases {
        let answer = ask(&hub, method, path, &Value::Null).await;
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{method} {path}");
    }
    // An id that is no text.
    assert_eq!(ask(&hub, "GET", "/devices/%ff", &Value::Null).await.status, 400);
}
