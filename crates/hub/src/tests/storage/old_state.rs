//! A state directory that an earlier build wrote.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::state::Dir;
use crate::Hub;
use crate::tests::support::client::{Options, TestClient};
use azmqtt_mqtt::QoS;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What the earlier build showed of it, and what can be shown without it.
fn check(hub: &Hub) {
    assert_eq!(hub.device_ids(), ["from-line", "gateway", "off", "sensor", "thumb"]);
    assert_eq!(hub.module_ids("sensor").unwrap(), ["camera"]);
    assert_eq!(hub.module_ids("gateway").unwrap(), ["$edgeAgent", "$edgeHub"]);
    let twin = hub.twin("sensor").unwrap();
    assert_eq!(twin["tags"], json!({ "room": "7" }));
    let desired = &twin["properties"]["desired"];
    assert_eq!((&desired["interval"], &desired["mode"]), (&30.into(), &"eco".into()));
    assert_eq!(twin["properties"]["reported"]["firmware"], "1.2");
    // The configuration may have been applied again already.
    assert!(desired["$version"].as_u64() >= Some(3) && twin["version"].as_u64() >= Some(6), "{twin}");
    assert_eq!(hub.twin("off").unwrap()["status"], "disabled");
    assert_eq!(hub.twin("thumb").unwrap()["authenticationType"], "selfSigned");
    assert_eq!(hub.pending_c2d("sensor").unwrap(), 1);
    let registrations = hub.registrations();
    assert_eq!((registrations.len(), registrations[0].device_id.as_str()), (1, "from-line"));
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    assert_eq!(hub.enrollment_keys("line-1").unwrap().unwrap()[0], key);
    assert_eq!(hub.enrollment_group_keys("fleet").unwrap().unwrap()[0], key);
    assert!(hub.connection_string("sensor").unwrap().ends_with(&format!("SharedAccessKey={key}")));
    let owner = hub.policy_connection_string("iothubowner").unwrap();
    let policies = include_str!("old_state/policies.json");
    assert!(policies.contains(owner.split_once("SharedAccessKey=").unwrap().1));
    assert_eq!(hub.ca_pem(), include_str!("old_state/ca.pem"));
    let configuration = hub.shared.configurations.get("chiller").unwrap();
    assert_eq!(configuration.body.priority, 10);
    assert_eq!(hub.shared.jobs.get("later")["status"], "cancelled");
}

#[tokio::test]
async fn a_directory_of_an_earlier_build_opens() {
    let dir = Dir::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/storage/old_state"), &dir.file(""));
    {
        let hub = dir.hub().unwrap();
        check(&hub);
        let mut client = TestClient::open(&hub, &Options::new(&hub, "sensor").persistent()).await.unwrap();
        client.subscribe("devices/sensor/messages/devicebound/#", QoS::AtMostOnce).await.unwrap();
        assert_eq!(client.message().await.payload, "hello");
        hub.patch_desired("sensor", &json!({ "interval": 60 })).unwrap();
        assert_eq!(hub.pending_c2d("sensor").unwrap(), 0);
    }
    // What this build writes in its place it reads, too.
    let hub = dir.hub().unwrap();
    assert_eq!(hub.twin("sensor").unwrap()["properties"]["desired"]["interval"], 60);
    assert_eq!(hub.pending_c2d("sensor").unwrap(), 0);
}
