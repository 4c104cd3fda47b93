//! Faults over HTTPS, asked for by honest and hostile callers.

use serde_json::{Value, json};

use crate::Hub;
use crate::tests::support::client::{TestClient, hub};
use crate::tests::support::http::{Http, VERSION, policy_token};
use azmqtt_mqtt::QoS;

const EVENTS: &str = "devices/dev1/messages/events/";

/// A request as the hub's owner; status and body.
async fn ask(hub: &Hub, method: &str, path: &str, body: &str) -> (u16, Value) {
    ask_with(hub, &policy_token(hub, "iothubowner"), method, path, body).await
}

async fn ask_with(hub: &Hub, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let target = format!("/azmqtt/faults{path}{}{VERSION}", if path.contains('?') { '&' } else { '?' });
    let headers = format!("Authorization: {token}\r\n");
    let answer = Http::connect(hub).await.send(method, &target, &headers, body.as_bytes()).await;
    let answer = answer.expect("an answer");
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
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
        let answer = crate::tests::support::http::ask(&hub, "GET", "/twins/dev1", &Value::Null).await;
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
    assert_eq!(ask_with(&hub, "", "GET", "", "").await.0, 401);
    assert_eq!(ask_with(&hub, "", "POST", "", r#"{"fault": "drop"}"#).await.0, 401);
    assert!(hub.faults().is_empty());
}
