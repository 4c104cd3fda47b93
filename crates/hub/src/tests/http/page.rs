//! The page: one-time links, tokens, and who gets in with them.

use serde_json::{Value, json};

use crate::Hub;
use crate::tests::support::client::hub;
use crate::tests::support::http::{Answer, Http, VERSION, ask, ask_as};

/// Asks under the name of a host; `headers` end with a line break each.
async fn send(hub: &Hub, host: &str, method: &str, target: &str, headers: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut http = Http::for_host(hub, host).await;
    http.send(method, target, headers, body.as_bytes()).await.expect("an answer")
}

fn here(hub: &Hub) -> String {
    format!("localhost:{}", hub.service_port())
}

/// The code of a link.
fn code_in(link: &str) -> Value {
    json!({ "code": link.split_once("/#open=").unwrap().1 })
}

async fn redeem(hub: &Hub, headers: &str, code: &Value) -> Answer {
    send(hub, &here(hub), "POST", "/azmqtt/page/session", headers, code).await
}

/// A token, as a header.
async fn token(hub: &Hub) -> String {
    let answer = redeem(hub, "", &code_in(&hub.page_url().unwrap())).await;
    assert_eq!(answer.status, 200, "{answer}");
    format!("Authorization: Bearer {}\r\n", answer.json()["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_link_gives_a_token_once() {
    let hub = hub();
    let link = hub.page_url().unwrap();
    assert!(link.starts_with(&format!("https://localhost:{}/#open=", hub.service_port())));
    let answer = redeem(&hub, "", &code_in(&link)).await;
    let session = answer.json();
    assert_eq!(
        (answer.status, &session["kind"], &session["hostname"]),
        (200, &json!("hub"), &json!("localhost"))
    );
    assert_eq!(redeem(&hub, "", &code_in(&link)).await.status, 401);
    for wrong in [json!({}), json!({"code": 7}), json!("x"), Value::Null, json!({"code": "0".repeat(32)})] {
        assert_eq!(redeem(&hub, "", &wrong).await.status, 401, "{wrong}");
    }
    let refusal = hub.last_refusal().unwrap();
    assert!(refusal.contains("link") && !refusal.contains(code_in(&link)["code"].as_str().unwrap()));
}

#[tokio::test]
async fn the_owner_alone_gets_further_links() {
    let hub = hub();
    let answer = ask(&hub, "POST", "/azmqtt/page/links", &Value::Null).await;
    assert_eq!(answer.status, 201, "{answer}");
    let link = answer.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(redeem(&hub, "", &code_in(&link)).await.status, 200);
    for policy in ["device", "registryRead", "registryReadWrite", "service"] {
        let answer = ask_as(&hub, policy, "POST", "/azmqtt/page/links", "", &Value::Null).await;
        assert_eq!(answer.status, 401, "{policy}");
    }
}

#[tokio::test]
async fn a_token_is_good_for_the_service_s_api_from_the_page_alone() {
    let hub = hub();
    let (host, token) = (here(&hub), token(&hub).await);
    let twin = format!("/twins/dev1?{VERSION}");
    let devices = format!("/devices?{VERSION}");
    let faults = format!("/azmqtt/faults?{VERSION}");
    for target in [&twin, &devices, &faults] {
        let same = format!("{token}Origin: https://{host}\r\nSec-Fetch-Site: same-origin\r\n");
        for headers in [&token, &same] {
            assert_eq!(send(&hub, &host, "GET", target, headers, &Value::Null).await.status, 200, "{target}");
        }
        let cookie = token.replace("Authorization: Bearer ", "Cookie: token=");
        let elsewhere = format!("{token}Origin: https://localhost:1\r\n");
        let cross_site = format!("{token}Sec-Fetch-Site: cross-site\r\n");
        for headers in [&cookie, &elsewhere, &cross_site] {
            let answer = send(&hub, &host, "GET", target, headers, &Value::Null).await;
            assert_eq!(answer.status, 401, "{headers}: {answer}");
            assert!(answer.header("access-control-allow-origin").is_none());
        }
        let other_host = format!("evil.example:{}", hub.service_port());
        let other_port = format!("localhost:{}", hub.https_port());
        for host in [&other_host, &other_port] {
            assert_eq!(send(&hub, host, "GET", target, &token, &Value::Null).await.status, 401, "{host}");
        }
    }
    // What is for devices is not for the page.
    let bound = format!("/devices/dev1/messages/deviceBound?{VERSION}");
    assert_eq!(send(&hub, &host, "GET", &bound, &token, &Value::Null).await.status, 401);
}

#[tokio::test]
async fn another_site_gets_no_token_and_uses_up_no_link() {
    let hub = hub();
    let code = code_in(&hub.page_url().unwrap());
    for headers in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"]
    {
        assert_eq!(redeem(&hub, headers, &code).await.status, 401);
    }
    let rebound = format!("evil.example:{}", hub.service_port());
    assert_eq!(send(&hub, &rebound, "POST", "/azmqtt/page/session", "", &code).await.status, 401);
    assert_eq!(redeem(&hub, "", &code).await.status, 200);
}

#[tokio::test]
async fn the_files_are_for_everybody_who_knows_the_name() {
    let hub = hub();
    for target in ["/", "/assets/app.js", "/assets/app.css"] {
        let answer = send(&hub, &here(&hub), "GET", target, "", &Value::Null).await;
        assert_eq!(answer.status, 200, "{target}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    }
    assert_eq!(send(&hub, "evil.example", "GET", "/", "", &Value::Null).await.status, 421);
    assert_eq!(send(&hub, &here(&hub), "GET", "/assets/none", "", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn faults_and_rates_are_not_in_the_way_of_the_page() {
    let hub = hub();
    let rule = json!({"fault": "answer", "on": "request", "status": 500, "lasting": 600});
    assert_eq!(ask(&hub, "POST", "/azmqtt/faults", &rule).await.status, 201);
    token(&hub).await;
    assert_eq!(send(&hub, &here(&hub), "GET", "/", "", &Value::Null).await.status, 200);
}
