//! What a change leaves behind that could not be written to the disk.

use std::fs;

use serde_json::json;

use super::state::Dir;
use crate::HubError;
use crate::tests::support::client::{Options, TestClient};
use crate::tests::support::http::{ask, ask_if};
use azmqtt_local::files::write_whole;

#[tokio::test]
async fn an_update_that_cannot_be_saved_is_none() {
    let dir = Dir::new();
    let hub = dir.hub().unwrap();
    hub.create_device("dev1", None).unwrap();
    let _client = TestClient::connect(&hub, "dev1").await;
    let before = ask(&hub, "GET", "/devices/dev1", &json!(null)).await.json();
    let (there, away) = (dir.file("devices"), dir.file("away"));
    fs::rename(&there, &away).unwrap();
    let key = "AAECAwQFBgcICQoLDA0ODw==";
    let body = json!({ "status": "disabled", "statusReason": "why", "authentication": {
        "type": "sas", "symmetricKey": { "primaryKey": key, "secondaryKey": key } } });
    let etag = before["etag"].as_str().unwrap();
    for condition in ["*", etag] {
        let answer = ask_if(&hub, "PUT", "/devices/dev1", condition, &body).await;
        assert_eq!(answer.status, 500, "{answer}");
    }
    assert!(matches!(hub.set_enabled("dev1", false), Err(HubError::File { .. })));
    let after = ask(&hub, "GET", "/devices/dev1", &json!(null)).await.json();
    assert_eq!(after, before);
    assert!(hub.connected("dev1").unwrap(), "nobody was disabled");
    // A device that could not be made is none, and one of its id can be made later.
    assert!(hub.create_device("dev2", None).is_err());
    assert!(!hub.has_device("dev2"));
    fs::rename(&away, &there).unwrap();
    hub.create_device("dev2", None).unwrap();
    let answer = ask_if(&hub, "PUT", "/devices/dev1", etag, &body).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert!(!hub.connected("dev1").unwrap());
    drop(hub);
    let hub = dir.hub().unwrap();
    assert_eq!(hub.device_ids(), ["dev1", "dev2"]);
    assert_eq!(hub.twin("dev1").unwrap()["status"], "disabled");
    assert!(TestClient::open(&hub, &Options::new(&hub, "dev1")).await.is_err());
}

#[test]
fn what_cannot_be_written_leaves_no_secret_beside() {
    let dir = Dir::new();
    let _hub = dir.hub().unwrap();
    // A directory that is not empty cannot be replaced by a file.
    let path = dir.file("taken.json");
    fs::create_dir_all(path.join("x")).unwrap();
    write_whole(&path, b"secret").unwrap_err();
    assert!(!path.with_extension("tmp").exists());
}

#[test]
fn a_crash_leaves_no_half_written_secret() {
    let dir = Dir::new();
    drop(dir.hub().unwrap());
    for name in ["policies.tmp", "ca-key.tmp", "devices/x.tmp"] {
        fs::write(dir.file(name), "half").unwrap();
    }
    let _hub = dir.hub().unwrap();
    for name in ["policies.tmp", "ca-key.tmp", "devices/x.tmp"] {
        assert!(!dir.file(name).exists(), "{name}");
    }
}
