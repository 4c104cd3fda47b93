//! Queries over the REST API: what comes back, page by page, and what is refused.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Hub;
use crate::tests::support::client::{TestClient, hub};
use crate::tests::support::http::{Answer, ask, ask_as};

async fn query(hub: &Hub, text: &str, headers: &str) -> Answer {
    ask_as(hub, "service", "POST", "/devices/query", headers, &json!({ "query": text })).await
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer}");
    let rows = answer.json();
    rows.as_array().unwrap().iter().map(|row| row["deviceId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn twins_figures_and_modules() {
    let hub = hub();
    hub.create_module("dev1", "m1", None).unwrap();
    hub.patch_desired("dev1", &json!({ "level": 5 })).unwrap();
    let all = query(&hub, "SELECT * FROM devices", "").await;
    assert_eq!(ids(&all), ["dev1", "dev2"]);
    assert_eq!(all.header("x-ms-item-type"), Some("Twin"));
    assert_eq!(all.header("x-ms-continuation"), None);
    let mut twin = hub.twin("dev1").unwrap();
    assert_eq!(twin.as_object_mut().unwrap().shift_remove("tags"), Some(json!({})), "a row has none");
    assert_eq!(all.json()[0], twin);
    let some = query(&hub, "select deviceId from devices where properties.desired.level >= 5", "").await;
    assert_eq!(some.json(), json!([{ "deviceId": "dev1" }]));
    assert_eq!(some.header("x-ms-item-type"), Some("Raw"));
    let count =
        query(&hub, "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Disconnected'", "").await;
    assert_eq!(count.json(), json!([{ "n": 2 }]));
    let modules = query(&hub, "SELECT * FROM devices.modules WHERE moduleId = 'm1'", "").await;
    assert_eq!((ids(&modules), &modules.json()[0]["moduleId"]), (vec!["dev1".to_owned()], &"m1".into()));
    // Every property, also those that only the whole document has.
    for condition in [
        "lastActivityTime < '2001-01-01'",
        "authenticationType = 'sas' AND capabilities.iotEdge = false AND version > 2",
        "properties.desired.$version = 2 AND properties.desired.$metadata.level.$lastUpdatedVersion = 2",
        "cloudToDeviceMessageCount = 0 AND NOT is_defined(tags) AND is_object(properties.reported)",
        "status = 'enabled' AND NOT is_defined(moduleId)",
    ] {
        let answer = query(&hub, &format!("SELECT * FROM devices WHERE {condition}"), "").await;
        assert_eq!(ids(&answer)[0], "dev1", "{condition}");
    }
    let _connected = TestClient::connect(&hub, "dev2").await;
    let connected = query(&hub, "SELECT * FROM devices WHERE connectionState = 'Connected'", "").await;
    assert_eq!(ids(&connected), ["dev2"]);
    let active = query(&hub, "SELECT * FROM devices WHERE lastActivityTime > '2001-01-01'", "").await;
    assert_eq!(ids(&active), ["dev2"]);
}

#[tokio::test]
async fn pages_go_on_where_they_ended() {
    let hub = hub();
    for number in 0..8 {
        hub.create_device(&format!("x{number}"), None).unwrap();
    }
    let text = "SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'x')";
    let first = query(&hub, text, "x-ms-max-item-count: 3\r\nx-ms-continuation: \r\n").await;
    assert_eq!(ids(&first), ["x0", "x1", "x2"]);
    // What goes, and what comes before, moves no page.
    hub.remove_device("x2").unwrap();
    hub.remove_device("x4").unwrap();
    hub.create_device("x10", None).unwrap();
    let next = |answer: &Answer| {
        let token = answer.header("x-ms-continuation").expect("a token").to_owned();
        format!("x-ms-max-item-count: 3\r\nx-ms-continuation: {token}\r\n")
    };
    let second = query(&hub, text, &next(&first)).await;
    assert_eq!(ids(&second), ["x3", "x5", "x6"]);
    let third = query(&hub, text, &next(&second)).await;
    assert_eq!((ids(&third), third.header("x-ms-continuation")), (vec!["x7".to_owned()], None));
    // TOP counts over all pages; rows of groups have pages, too.
    let top = "SELECT TOP 4 deviceId FROM devices";
    let first = query(&hub, top, "x-ms-max-item-count: 3\r\n").await;
    let second = query(&hub, top, &next(&first)).await;
    assert_eq!((ids(&second), second.header("x-ms-continuation")), (vec!["x1".to_owned()], None));
    let groups = "SELECT deviceId, COUNT() AS n FROM devices GROUP BY deviceId";
    let first = query(&hub, groups, "x-ms-max-item-count: 5\r\n").await;
    let second = query(&hub, groups, &next(&first)).await;
    assert_eq!((ids(&first).len(), ids(&second)), (5, ["x3", "x5", "x6"].map(str::to_owned).to_vec()));
    let beyond = query(&hub, groups, "x-ms-max-item-count: 5000\r\n").await;
    assert_eq!(ids(&beyond).len(), 9);
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let hub = hub();
    let invalid = (400, "ArgumentInvalid");
    for text in ["", "SELECT", "SELECT * FROM devices ORDER BY deviceId", "DELETE FROM devices"] {
        let answer = query(&hub, text, "").await;
        assert_eq!(answer.refusal(), invalid, "{text}");
        assert!(answer.json()["Message"].as_str().unwrap().contains("at character"), "{answer}");
    }
    let nested = format!("SELECT * FROM devices WHERE {}1{}", "(".repeat(4000), ")".repeat(4000));
    assert_eq!(query(&hub, &nested, "").await.refusal(), invalid);
    let long = format!("SELECT * FROM devices WHERE deviceId = '{}'", "x".repeat(64 << 10));
    assert_eq!(query(&hub, &long, "").await.refusal(), invalid);
    assert_eq!(query(&hub, &"x".repeat(1 << 20), "").await.status / 100, 4);
    let text = "SELECT TOP 100 * FROM devices";
    let first = query(&hub, text, "x-ms-max-item-count: 1\r\n").await;
    let good = first.header("x-ms-continuation").unwrap().to_owned();
    for token in ["x", "AAAA", "e30", "W10", &good[1..], &"A".repeat(9000), "\u{fc}"] {
        let answer = query(&hub, text, &format!("x-ms-continuation: {token}\r\n")).await;
        assert_eq!(answer.refusal(), invalid, "{token}");
    }
    let other = query(&hub, "SELECT * FROM devices", &format!("x-ms-continuation: {good}\r\n")).await;
    assert_eq!(other.refusal(), invalid);
    assert_eq!(query(&hub, text, "x-ms-max-item-count: many\r\n").await.refusal(), invalid);
    for size in ["0", "-1"] {
        let headers = format!("x-ms-max-item-count: {size}\r\n");
        assert_eq!(ids(&query(&hub, text, &headers).await).len(), 2, "{size}");
    }
    assert_eq!(ask(&hub, "POST", "/devices/query", &json!({})).await.refusal(), invalid);
    assert_eq!(ask(&hub, "POST", "/devices/query", &Value::Null).await.refusal(), (400, "IotHubFormatError"));
    let body = json!({ "query": text });
    let stranger = ask_as(&hub, "registryReadWrite", "POST", "/devices/query", "", &body).await;
    assert_eq!(stranger.status, 401);
}

#[test]
fn ten_thousand_devices_are_quick() {
    let hub = hub();
    for number in 0..10_000 {
        hub.create_device(&format!("device{number:05}"), None).unwrap();
    }
    hub.patch_desired("device09999", &json!({ "a": { "b": 1 } })).unwrap();
    let list = "'x',".repeat(1000);
    for text in [
        "SELECT * FROM devices WHERE properties.desired.a.b = 1".to_owned(),
        format!("SELECT deviceId FROM devices WHERE deviceId IN [{list}'device09999']"),
        "SELECT deviceId, COUNT() AS n FROM devices WHERE deviceId = 'device09999' GROUP BY deviceId"
            .to_owned(),
    ] {
        let before = cpu_time();
        let page = hub.query(&text, None, None).unwrap();
        assert!(page.body.contains("device09999") && page.continuation.is_none());
        // A debug build: an optimised one takes milliseconds.
        let taken = cpu_time().saturating_sub(before);
        assert!(taken > Duration::ZERO && taken < Duration::from_secs(5), "{taken:?}: {text:.60}");
    }
}

/// How long this thread has computed, whatever else the machine does.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn a_page_of_large_twins_ends_early() {
    let hub = hub();
    let text = "x".repeat(4000);
    for number in 0..200 {
        let id = format!("big{number:03}");
        hub.create_device(&id, None).unwrap();
        let patch: serde_json::Map<_, _> = (0..7).map(|n| (format!("p{n}"), text.as_str().into())).collect();
        hub.patch_desired(id.as_str(), &patch.into()).unwrap();
    }
    let (mut rows, mut pages, mut token) = (0, 0, None);
    loop {
        let page = hub.query("SELECT * FROM devices", Some(1000), token.as_deref()).unwrap();
        assert!(page.body.len() < 5 << 20);
        rows += serde_json::from_str::<Vec<Value>>(&page.body).unwrap().len();
        pages += 1;
        token = page.continuation;
        if token.is_none() {
            break;
        }
    }
    assert!((rows, pages) == (202, 2), "{rows} {pages}");
}
