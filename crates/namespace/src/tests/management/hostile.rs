//! Strangers, and requests that no honest client sends.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::http::*;
use crate::config::ConnectionLimits;
use crate::tests::support::*;
use crate::{Namespace, NamespaceConfig};

#[tokio::test]
async fn a_stranger_learns_nothing_and_changes_nothing() {
    let world = World::new();
    let namespace = &world.namespace;
    let id = namespace.resource_id();
    let body = json!({ "properties": { "topicTemplates": ["a"] } }).to_string();
    let token = namespace.token();
    for authorization in [
        String::new(),
        "Authorization: Bearer \r\n".to_owned(),
        format!("Authorization: Bearer {}\r\n", &token[..42]),
        format!("Authorization: Bearer {}x\r\n", &token[..42]),
        format!("Authorization: Basic {token}\r\n"),
        format!("Authorization: {token}\r\n"),
        "Authorization: Bearer \u{e4}\r\n".to_owned(),
    ] {
        for (method, target) in [
            ("PUT", format!("{id}/topicSpaces/space?{STABLE}")),
            ("GET", format!("{id}/topicSpaces/absent?{STABLE}")),
            ("GET", "/subscriptions/other/nothing".to_owned()),
            ("BREW", id.clone()),
        ] {
            let refused = send(namespace, method, &target, &authorization, body.as_bytes()).await;
            let (status, code) = refused.refusal();
            assert!(status == 401 && code.starts_with(['A', 'I']), "{method} {target} {refused:?}");
            assert_eq!(refused.header("connection"), Some("close"));
            assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
    }
    assert!(!namespace.last_refusal().unwrap().contains(&token[..20]));
    assert_eq!(namespace.with_broker(|broker| broker.directory().topic_spaces().count()), 0);
}

#[tokio::test]
async fn bodies_are_bounded_and_json() {
    let world = World::new();
    let namespace = &world.namespace;
    let target = format!("{}/topicSpaces/space?{STABLE}", namespace.resource_id());
    let owner = format!("Authorization: Bearer {}\r\n", namespace.token());
    let typed = format!("{owner}Content-Type: application/json; charset=utf-8\r\n");
    let large = vec![b' '; 300 << 10];
    let deep = "[".repeat(100_000);
    for (headers, body, code) in [
        (&typed, &large[..], (413, "RequestContentTooLarge")),
        (&typed, deep.as_bytes(), (400, "InvalidRequestContent")),
        (&typed, b"", (400, "InvalidRequestContent")),
        (&typed, b"{\"properties\":", (400, "InvalidRequestContent")),
        (&typed, b"\xff", (400, "InvalidRequestContent")),
        (&typed, b"[]", (400, "InvalidRequest")),
        (&typed, b"{\"properties\":7}", (400, "InvalidRequest")),
        (&typed, b"{\"prpoerties\":{}}", (400, "InvalidRequest")),
        (&format!("{owner}Content-Type: text/plain\r\n"), b"{}", (415, "UnsupportedMediaType")),
    ] {
        let refused = send(namespace, "PUT", &target, headers, body).await;
        assert_eq!(refused.refusal(), (code.0, code.1.to_owned()), "{refused:?}");
    }
    for target in [
        "/subscriptions",
        "/subscriptions/",
        "/subscriptions//resourceGroups",
        "/subscriptions/%ff/providers/x",
    ] {
        let refused = request_at(namespace, "GET", target, &Value::Null).await;
        assert!([400, 404].contains(&refused.refusal().0), "{target} {refused:?}");
    }
}

#[tokio::test]
async fn a_sender_that_stops_in_the_middle_is_dropped_and_others_are_served() {
    let connections =
        ConnectionLimits { http_idle_timeout: Duration::from_millis(100), ..ConnectionLimits::default() };
    let namespace = Namespace::start(NamespaceConfig { connections, ..config() }).unwrap();
    let mut streams = Vec::new();
    for _ in 0..50 {
        let mut stream = tls(&namespace).await;
        let head = format!(
            "PUT {}/clients/a?{STABLE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nAuthorization: Bearer {}\r\n\r\n{{",
            namespace.resource_id(),
            namespace.token()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let list = request(&namespace, "GET", "/clients", &Value::Null).await;
    assert_eq!((list.status, &list.json()["value"]), (200, &json!([])));
    for mut stream in streams {
        let mut bytes = Vec::new();
        // A refusal, and the end.
        let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("the connection ends");
        assert!(
            bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 400"),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
}
