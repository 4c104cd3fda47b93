//! Several at the same thing at once: one wins, and what is left is whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_blocking};

use crate::tests::storage::state::Dir;
use crate::tests::support::client::{Options, TestClient, https, hub, start};
use crate::tests::support::http::{Http, VERSION, ask, ask_if, policy_token};
use crate::{Hub, HubConfig, HubError};
use azmqtt_mqtt::QoS;

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn of_those_with_the_same_etag_one_wins() {
    let hub = Arc::new(hub());
    let body = json!({ "content": { "deviceContent": {} }, "targetCondition": "" });
    assert_eq!(ask(&hub, "PUT", "/configurations/c", &body).await.status, 200);
    let changes = [
        ("PUT", "/devices/dev1", json!({ "statusReason": "x" })),
        ("PATCH", "/twins/dev1", json!({ "tags": { "x": 1 } })),
        ("PUT", "/twins/dev1", json!({ "properties": { "desired": { "x": 2 } } })),
        ("PUT", "/configurations/c", body),
        ("DELETE", "/configurations/c", Value::Null),
        ("DELETE", "/devices/dev1", Value::Null),
    ];
    for (method, path, body) in changes {
        let shown = ask(&hub, "GET", path, &Value::Null).await.json();
        let etag = format!("\"{}\"", shown["etag"].as_str().unwrap());
        let mut all = JoinSet::new();
        for _ in 0..8 {
            let (hub, etag, body) = (hub.clone(), etag.clone(), body.clone());
            all.spawn(async move { ask_if(&hub, method, path, &etag, &body).await.status });
        }
        let statuses = all.join_all().await;
        let won = statuses.iter().filter(|status| (200..300).contains(*status)).count();
        assert_eq!(won, 1, "{method} {path}: {statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200..300 | 404 | 412)), "{statuses:?}");
    }
}

#[tokio::test]
async fn whoever_makes_or_updates_does_either() {
    // With a disk to wait for, so that all are at it.
    let dir = Dir::new();
    let hub = Arc::new(dir.hub().unwrap());
    let entry = |number| json!({ "id": format!("new{number}"), "importMode": "createOrUpdate" });
    for round in 0..5 {
        let entries: Value = (0..100).map(|number| entry(round * 100 + number)).collect();
        let mut all = JoinSet::new();
        for _ in 0..4 {
            let (hub, entries) = (hub.clone(), entries.clone());
            all.spawn(async move { ask(&hub, "POST", "/devices", &entries).await });
        }
        for answer in all.join_all().await {
            assert_eq!(answer.status, 200, "{answer}");
        }
    }
}

/// Makes, changes and removes one device and its modules from all sides; whatever comes of it, memory and disk agree, and
/// the hub starts again.
#[tokio::test]
async fn one_id_from_all_sides() {
    let dir = Dir::new();
    let hub = Arc::new(dir.hub().unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let mut sides = JoinSet::new();
    for side in 0..6 {
        let (hub, over) = (hub.clone(), over.clone());
        sides.spawn_blocking(move || {
            while !over.load(Ordering::Relaxed) {
                let result = match side {
                    0 | 1 => hub.create_device("it", None),
                    2 => hub.create_module("it", "m", None),
                    3 => hub.remove_device("it"),
                    4 => hub.patch_desired(("it", "m"), &json!({ "x": 1 })).map(drop),
                    _ => hub.set_enabled("it", true),
                };
                match result {
                    Ok(())
                    | Err(
                        HubError::DeviceExists(_)
                        | HubError::DeviceNotFound(_)
                        | HubError::ModuleExists(_)
                        | HubError::ModuleNotFound(_),
                    ) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    let begun = Instant::now();
    let mut connected = 0;
    while begun.elapsed() < Duration::from_secs(1) || connected == 0 {
        // It may be gone by now, in the middle of all this, or be another one.
        let Some(device) = hub.shared.registry.find("it") else {
            tokio::task::yield_now().await;
            continue;
        };
        let key = device.state().credentials.keys[0].clone();
        let options = Options::with_key(&hub, "it", &key);
        connected += usize::from(TestClient::open(&hub, &options).await.is_ok());
        assert!(begun.elapsed() < DEADLINE, "never connected");
    }
    over.store(true, Ordering::Relaxed);
    while let Some(side) = sides.join_next().await {
        side.unwrap();
    }
    let ids = |hub: &Hub| {
        let modules = hub.device_ids().iter().map(|id| hub.module_ids(id).unwrap()).collect::<Vec<_>>();
        (hub.device_ids(), modules)
    };
    let before = ids(&hub);
    drop(Arc::into_inner(hub).unwrap());
    assert_eq!(ids(&dir.hub().unwrap()), before);
}

#[tokio::test]
async fn a_hub_with_everything_under_way_stops() {
    let hub = Arc::new(start(HubConfig::default()));
    let mut clients = Vec::new();
    for id in ["dev1", "dev2"] {
        let mut client = TestClient::connect(&hub, id).await;
        client.subscribe("$iothub/methods/POST/#", QoS::AtMostOnce).await.unwrap();
        clients.push(client);
    }
    let work =
        json!({ "methodName": "never", "responseTimeoutInSeconds": 300, "connectTimeoutInSeconds": 300 });
    let job = json!({ "type": "scheduleDeviceMethod", "cloudToDeviceMethod": work, "queryCondition": "*" });
    assert_eq!(ask(&hub, "PUT", "/jobs/v2/j", &job).await.status, 200);
    hub.create_device("away", None).unwrap();
    let mut calls = JoinSet::new();
    for id in ["dev1", "dev2", "away"] {
        let token = format!("Authorization: {}\r\n", policy_token(&hub, "service"));
        let (hub, body) = (hub.clone(), work.to_string());
        calls.spawn(async move {
            let target = format!("/twins/{id}/methods?{VERSION}");
            let answer = Http::connect(&hub).await.send("POST", &target, &token, body.as_bytes()).await;
            // Told that the device has gone, or cut off.
            answer.is_none_or(|answer| answer.status == 404)
        });
    }
    // Both calls have come to each device.
    for client in &mut clients {
        for _ in 0..2 {
            assert!(client.message().await.topic.starts_with("$iothub/methods/POST/never/"));
        }
    }
    let idle = https(&hub).await;
    let begun = Instant::now();
    let stopping = hub.clone();
    spawn_blocking(move || stopping.stop()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let ends = async {
        while let Some(closed) = calls.join_next().await {
            assert!(closed.unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, ends).await.expect("all calls end");
    drop(idle);
}
