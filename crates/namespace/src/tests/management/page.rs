//! The page: one-time links, tokens, and who gets in with them.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::http::*;
use crate::Namespace;
use crate::tests::support::*;

fn start() -> Namespace {
    Namespace::start(config()).unwrap()
}

/// Asks under the name of a host; `headers` end with a line break each.
async fn ask(namespace: &Namespace, host: &str, head: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = tls(namespace).await;
    let length = body.len();
    let head = format!("{head} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n");
    // A server that has refused already may close; what follows shows it.
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
    receive(&mut stream).await.expect("an answer")
}

fn here(namespace: &Namespace) -> String {
    format!("localhost:{}", namespace.https_port())
}

/// A request for a session with the code of a link.
fn code_in(link: &str) -> Vec<u8> {
    json!({ "code": link.split_once("/#open=").unwrap().1 }).to_string().into_bytes()
}

async fn redeem(namespace: &Namespace, headers: &str, code: &[u8]) -> Answer {
    ask(namespace, &here(namespace), "POST /azmqtt/page/session", headers, code).await
}

/// A token, as a header.
async fn token(namespace: &Namespace) -> String {
    let answer = redeem(namespace, "", &code_in(&namespace.page_url().unwrap())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    format!("Authorization: Bearer {}\r\n", answer.json()["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_link_gives_a_token_once() {
    let namespace = start();
    let link = namespace.page_url().unwrap();
    assert!(link.starts_with(&format!("https://localhost:{}/#open=", namespace.https_port())));
    let answer = redeem(&namespace, "", &code_in(&link)).await;
    let session = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(session["kind"], "namespace");
    assert_eq!(session["hostname"], namespace.hostname());
    assert_eq!(session["resource_id"], namespace.resource_id());
    let used = code_in(&link);
    let unknown = json!({ "code": "0".repeat(32) }).to_string();
    for wrong in [&used[..], unknown.as_bytes(), b"", b"{}", b"[]", b"{\"code\": 7}", b"\xff"] {
        let refused = redeem(&namespace, "", wrong).await;
        assert_eq!(refused.refusal(), (401, "AuthenticationFailed".to_owned()));
        assert_eq!(refused.header("connection"), Some("close"));
    }
    let refusal = namespace.last_refusal().unwrap();
    assert!(refusal.contains("link") && !refusal.contains(link.split_once('=').unwrap().1), "{refusal}");
}

#[tokio::test]
async fn a_request_for_a_session_is_bounded() {
    let namespace = start();
    let refused = redeem(&namespace, "", &[b' '; 2000]).await;
    assert_eq!(refused.refusal(), (413, "RequestContentTooLarge".to_owned()));
}

#[tokio::test]
async fn owner_and_page_get_further_links() {
    let namespace = start();
    let by_owner = request_at(&namespace, "POST", "/azmqtt/page/links", &Value::Null).await;
    let token = token(&namespace).await;
    let by_page = ask(&namespace, &here(&namespace), "POST /azmqtt/page/links", &token, b"").await;
    for answer in [by_owner, by_page] {
        assert_eq!(answer.status, 201, "{answer:?}");
        let link = answer.json()["url"].as_str().unwrap().to_owned();
        assert_eq!(redeem(&namespace, "", &code_in(&link)).await.status, 200);
    }
    let stranger = ask(&namespace, &here(&namespace), "POST /azmqtt/page/links", "", b"").await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn a_token_is_good_for_all_that_is_guarded_from_the_page_alone() {
    let namespace = start();
    let other = start();
    let (host, token) = (here(&namespace), token(&namespace).await);
    let spaces = format!("GET {}/topicSpaces?{STABLE}", namespace.resource_id());
    for head in [&spaces, "GET /azmqtt/events", "GET /azmqtt/faults", "GET /metrics"] {
        let same = format!("{token}Origin: https://{host}\r\nSec-Fetch-Site: same-origin\r\n");
        for headers in [&token, &same] {
            assert_eq!(ask(&namespace, &host, head, headers, b"").await.status, 200, "{head}");
        }
        let cookie = token.replace("Authorization: Bearer ", "Cookie: token=");
        let elsewhere = format!("{token}Origin: https://localhost:1\r\n");
        let cross_site = format!("{token}Sec-Fetch-Site: cross-site\r\n");
        for headers in [&cookie, &elsewhere, &cross_site] {
            let refused = ask(&namespace, &host, head, headers, b"").await;
            assert_eq!(refused.status, 401, "{head} {headers}");
            assert!(refused.header("access-control-allow-origin").is_none());
        }
        let rebound = format!("evil.example:{}", namespace.https_port());
        for host in [rebound, format!("localhost:{}", namespace.port())] {
            assert_eq!(ask(&namespace, &host, head, &token, b"").await.status, 401, "{host}");
        }
        assert_eq!(ask(&other, &here(&other), head, &token, b"").await.status, 401, "of another namespace");
    }
    assert!(other.last_refusal().unwrap().contains("new link"));
}

#[tokio::test]
async fn the_management_token_is_good_under_any_host() {
    let namespace = start();
    let owner = format!("Authorization: Bearer {}\r\nOrigin: https://tool.example\r\n", namespace.token());
    assert_eq!(ask(&namespace, "other.example", "GET /azmqtt/faults", &owner, b"").await.status, 200);
}

#[tokio::test]
async fn another_site_gets_no_token_and_uses_up_no_link() {
    let namespace = start();
    let code = code_in(&namespace.page_url().unwrap());
    for headers in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"]
    {
        assert_eq!(redeem(&namespace, headers, &code).await.status, 401);
    }
    let rebound = format!("evil.example:{}", namespace.https_port());
    assert_eq!(ask(&namespace, &rebound, "POST /azmqtt/page/session", "", &code).await.status, 401);
    assert_eq!(redeem(&namespace, "", &code).await.status, 200);
}

#[tokio::test]
async fn the_files_are_for_everybody_who_knows_the_name() {
    let namespace = start();
    for target in ["/", "/assets/app.js", "/assets/app.css"] {
        let answer = ask(&namespace, &here(&namespace), &format!("GET {target}"), "", b"").await;
        assert_eq!(answer.status, 200, "{target}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    }
    assert_eq!(ask(&namespace, "evil.example", "GET /", "", b"").await.status, 421);
    assert_eq!(ask(&namespace, &here(&namespace), "GET /assets/none", "", b"").await.status, 404);
}

#[tokio::test]
async fn an_upgrade_at_the_page_s_paths_is_one_of_mqtt() {
    let namespace = start();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n";
    for target in ["/", "/assets/mqtt"] {
        let answer = ask(&namespace, "localhost", &format!("GET {target}"), upgrade, b"").await;
        assert_eq!(answer.status, 101, "{target}");
    }
}
