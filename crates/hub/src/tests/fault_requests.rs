//! Faults over HTTPS, asked for by honest and hostile callers.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::client::{DEADLINE, TestClient, https, hub};
use crate::Hub;
use crate::messages::telemetry::unix_now;
use azmqtt_dialect::{SasToken, SymmetricKey};
use azmqtt_mqtt::QoS;

const EVENTS: &str = "devices/dev1/messages/events/";

fn owner(hub: &Hub) -> String {
    let connection_string = hub.service_connection_string().unwrap();
    let key = connection_string.rsplit_once("SharedAccessKey=").unwrap().1;
    let key = SymmetricKey::from_base64(key).unwrap();
    SasToken::sign("localhost", &key, unix_now() + 60, Some("iothubowner")).to_token()
}

/// A request as the hub's owner; status and body.
async fn ask(hub: &Hub, method: &str, path: &str, body: &str) -> (u16, Value) {
    ask_as(hub, &owner(hub), method, path, body).await
}

async fn ask_as(hub: &Hub, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = https(hub).await;
    let separator = if path.contains('?') { '&' } else { '?' };
    let request = format!(
        "{method} /azmqtt/faults{path}{separator}api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // A hub that refuses may close before it has read all.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_rule_is_set_seen_and_taken_away() {
    let hub = hub();
    let rule = r#"{"fault": "drop", "on": "telemetry", "device_id": "dev1", "count": 2}"#;
    let (status, set) = ask(&hub, "POST", "", rule).await;
    assert_eq!((status, &set["fired"], &set["over"]), (201, &json!(0), &json!(false)));
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.publish(EVENTS, QoS::AtMostOnce, "x").await;
    assert!(client.is_closed().await);
    let (status, rules) = ask(&hub, "GET", "", "").await;
    assert_eq!((status, &rules[0]["fired"]), (200, &json!(1)));
    assert_eq!(rules[0]["rule"], serde_json::from_str::<Value>(rule).unwrap());
    let (status, fired) = ask(&hub, "GET", "/fired", "").await;
    assert_eq!(
        (status, &fired[0]["deviceId"], &fired[0]["fault"]),
        (200, &json!("dev1"), &json!("drop on telemetry"))
    );
    assert_eq!(ask(&hub, "GET", "/fired?after=1", "").await, (200, json!([])));
    let path = format!("/{}", set["id"]);
    assert_eq!(ask(&hub, "DELETE", &path, "").await.0, 204);
    assert_eq!(ask(&hub, "DELETE", &path, "").await.0, 404);
    let schedule = r#"{"seed": 1, "duration": 60, "faults": [{"fault": "drop", "every": 1}]}"#;
    let (status, plan) = ask(&hub, "POST", "/schedules", schedule).await;
    assert_eq!(status, 201);
    assert!(plan.as_array().unwrap().len() > 10);
    assert_eq!(ask(&hub, "DELETE", "", "").await.0, 204);
}

#[tokio::test]
async fn faults_can_be_ended_while_every_request_fails() {
    let hub = hub();
    let rule = r#"{"fault": "answer", "on": "request", "status": 500, "lasting": 600}"#;
    assert_eq!(ask(&hub, "POST", "", rule).await.0, 201);
    assert_eq!(ask(&hub, "DELETE", "", "").await.0, 204);
}

/// An answer that was asked for has the code that the service itself gives for its status.
#[tokio::test]
async fn requests_are_answered_by_the_service_s_codes() {
    let hub = hub();
    for (status, code) in [(401, 401_002), (404, 404_001), (503, 503_001)] {
        let rule = format!(r#"{{"fault": "answer", "on": "request", "status": {status}, "lasting": 600}}"#);
        assert_eq!(ask(&hub, "POST", "", &rule).await.0, 201);
        let answer = super::service::ask(&hub, "GET", "/twins/dev1", &Value::Null).await;
        assert_eq!((answer.status, answer.code()), (status, code));
        assert_eq!(ask(&hub, "DELETE", "", "").await.0, 204);
    }
}

#[tokio::test]
async fn what_is_no_rule_is_refused() {
    let hub = hub();
    let many = format!("[{}]", "1,".repeat(200));
    let deep = "[".repeat(10_000);
    let large = format!(r#"{{"fault": "{}"}}"#, "x".repeat(300 << 10));
    for (path, body) in [
        ("", ""),
        ("", "[]"),
        ("", "{"),
        ("", deep.as_str()),
        ("", large.as_str()),
        ("", r#"{"fault": "explode"}"#),
        ("", r#"{"fault": "lose", "on": "puback", "count": 1e99}"#),
        ("", r#"{"fault": "delay", "on": "puback", "seconds": 1e99}"#),
        ("/schedules", r#"{"duration": 86400, "faults": [{"fault": "drop", "every": 0.001}]}"#),
        ("/schedules", many.as_str()),
    ] {
        let (status, answer) = ask(&hub, "POST", path, body).await;
        let expected = if body.len() > 256 << 10 { 413 } else { 400 };
        assert_eq!(status, expected, "{path} {}: {answer}", body.chars().take(80).collect::<String>());
    }
    assert_eq!(ask(&hub, "POST", "", r#"{"fault": "drop", "device_id": "nobody"}"#).await.0, 404);
    assert_eq!(ask(&hub, "GET", "/fired?after=x", "").await.0, 400);
    assert_eq!(ask(&hub, "DELETE", "/99999999999999999999999", "").await.0, 400);
    assert_eq!(ask_as(&hub, "", "GET", "", "").await.0, 401);
    assert_eq!(ask_as(&hub, "", "POST", "", r#"{"fault": "drop"}"#).await.0, 401);
    assert!(hub.faults().is_empty());
}
