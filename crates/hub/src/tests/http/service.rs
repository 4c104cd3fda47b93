//! The service's REST API, request by request: what holds for every route.

use serde_json::{Value, json};

use crate::HubConfig;
use crate::tests::support::client::{hub, start};
use crate::tests::support::http::{Http, VERSION, ask, ask_as, policy_key, policy_token};
use crate::unix_time::unix_now;
use azmqtt_dialect::sas::{SasToken, SymmetricKey};
use azmqtt_dialect::{ServiceError, time};

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
    // An id that is not a string.
    assert_eq!(ask(&hub, "GET", "/devices/%ff", &Value::Null).await.status, 400);
}
