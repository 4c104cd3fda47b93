//! What a state directory keeps, and what happens when it is damaged.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::storage::state_dir::make_temp_dir;
use crate::tests::support::client::{Options, TestClient};
use crate::{Hub, HubConfig, HubError};
use azmqtt_mqtt::QoS;

/// A directory that goes with the test.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        Self(make_temp_dir().unwrap())
    }

    pub fn hub(&self) -> Result<Hub, HubError> {
        Hub::start(HubConfig { state_dir: Some(self.0.join("state")), ..HubConfig::default() })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join("state").join(name)
    }

    fn device_files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.file("devices")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn corrupt_path(result: Result<Hub, HubError>) -> PathBuf {
    match result {
        Err(HubError::Corrupt { path, .. }) => path,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn devices_keys_certificates_and_twins_survive_a_restart() {
    let dir = Dir::new();
    let (ca, strings, twin) = {
        let hub = dir.hub().unwrap();
        for id in ["dev1", "DEV1", "dev.2", "gone"] {
            hub.create_device(id, None).unwrap();
        }
        hub.remove_device("gone").unwrap();
        hub.set_enabled("dev.2", false).unwrap();
        hub.patch_desired("dev1", &json!({"a": {"b": 1}})).unwrap();
        let mut client = TestClient::connect(&hub, "dev1").await;
        client.subscribe("$iothub/twin/res/#", QoS::AtMostOnce).await.unwrap();
        let topic = "$iothub/twin/PATCH/properties/reported/?$rid=1";
        client.publish(topic, QoS::AtMostOnce, r#"{"r":[1,2]}"#).await;
        assert!(client.message().await.topic.contains("/204/"));
        let strings = ["dev1", "DEV1", "dev.2"].map(|id| hub.connection_string(id).unwrap());
        (hub.ca_pem().to_owned(), strings, hub.twin("dev1").unwrap())
    };
    let hub = dir.hub().unwrap();
    assert_eq!(hub.ca_pem(), ca);
    assert_eq!(fs::read_to_string(hub.ca_file()).unwrap(), ca);
    assert_eq!(hub.device_ids(), ["DEV1", "dev.2", "dev1"]);
    assert_eq!(["dev1", "DEV1", "dev.2"].map(|id| hub.connection_string(id).unwrap()), strings);
    let after = hub.twin("dev1").unwrap();
    for part in ["properties", "tags", "version", "etag", "deviceEtag"] {
        assert_eq!(after[part], twin[part], "{part}");
    }
    assert_eq!(hub.twin("dev.2").unwrap()["status"], "disabled");
    // A device that trusts the old certificate still connects.
    TestClient::connect(&hub, "dev1").await;
    assert!(TestClient::open(&hub, &Options::new(&hub, "dev.2")).await.is_err());
}

#[test]
fn modules_survive_a_restart_and_go_with_their_device() {
    let dir = Dir::new();
    let (string, twin) = {
        let hub = dir.hub().unwrap();
        for device_id in ["dev1", "dev2"] {
            hub.create_device(device_id, None).unwrap();
            hub.create_module(device_id, "m1", None).unwrap();
        }
        hub.create_module("dev1", "gone", None).unwrap();
        hub.remove_module("dev1", "gone").unwrap();
        hub.patch_desired(("dev1", "m1"), &json!({"a": 1})).unwrap();
        hub.remove_device("dev2").unwrap();
        (hub.connection_string(("dev1", "m1")).unwrap(), hub.twin(("dev1", "m1")).unwrap())
    };
    let hub = dir.hub().unwrap();
    assert_eq!(
        (hub.device_ids(), hub.module_ids("dev1").unwrap()),
        (vec!["dev1".to_owned()], vec!["m1".to_owned()])
    );
    assert_eq!(hub.connection_string(("dev1", "m1")).unwrap(), string);
    assert_eq!(hub.twin(("dev1", "m1")).unwrap()["properties"], twin["properties"]);
    hub.stop();
    fs::remove_file(&dir.device_files()[0]).unwrap();
    assert!(corrupt_path(dir.hub()).starts_with(dir.file("modules")), "a module without its device");
}

#[tokio::test]
async fn an_answered_patch_is_on_the_disk() {
    let (dir, copy) = (Dir::new(), Dir::new());
    let hub = dir.hub().unwrap();
    hub.create_device("dev1", None).unwrap();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/twin/res/#", QoS::AtMostOnce).await.unwrap();
    for number in 0..20 {
        let topic = format!("$iothub/twin/PATCH/properties/reported/?$rid={number}");
        client.publish(&topic, QoS::AtMostOnce, json!({"n": number}).to_string()).await;
        client.message().await;
        let [file] = &dir.device_files()[..] else { panic!("one file") };
        let stored: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(stored["twin"]["reported"]["n"], number);
    }
    // What a crash would leave is enough to start from.
    fs::create_dir_all(copy.file("devices")).unwrap();
    for name in ["ca.pem", "ca-key.pem"] {
        fs::copy(dir.file(name), copy.file(name)).unwrap();
    }
    for file in dir.device_files() {
        fs::copy(&file, copy.file("devices").join(file.file_name().unwrap())).unwrap();
    }
    assert_eq!(copy.hub().unwrap().twin("dev1").unwrap()["properties"]["reported"]["n"], 19);
}

#[test]
fn damaged_files_are_named() {
    let dir = Dir::new();
    dir.hub().unwrap().create_device("dev1", None).unwrap();
    let [file] = &dir.device_files()[..] else { panic!("one file") };
    let good = fs::read_to_string(file).unwrap();
    let changed = |from: &str, to: &str| good.replacen(from, to, 1);
    for (case, text) in [
        ("cut off", good[..good.len() / 2].to_owned()),
        ("empty", String::new()),
        ("no device", "{}".to_owned()),
        ("bad status", changed(r#""enabled""#, r#""maybe""#)),
        ("bad id", changed(r#""dev1""#, r#""a b""#)),
        ("no twin", changed(r#""twin""#, r#""twain""#)),
        ("bad key", changed(r#""primaryKey":""#, r#""primaryKey":"!"#)),
    ] {
        assert_ne!(text, good, "{case}");
        fs::write(file, &text).unwrap();
        assert_eq!(&corrupt_path(dir.hub()), file, "{case}");
    }
    fs::write(file, &good).unwrap();
    assert!(dir.hub().unwrap().has_device("dev1"));
}

#[test]
fn a_damaged_authority_is_named_and_never_replaced() {
    let dir = Dir::new();
    drop(dir.hub().unwrap());
    let ca = dir.file("ca.pem");
    let good = fs::read(&ca).unwrap();
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert_eq!(corrupt_path(dir.hub()), ca);
    fs::write(&ca, &good).unwrap();
    let key = dir.file("ca-key.pem");
    fs::remove_file(&key).unwrap();
    match dir.hub() {
        Err(HubError::File { path, .. }) => assert_eq!(path, key),
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn an_authority_of_two_halves_is_refused() {
    let (dir, other) = (Dir::new(), Dir::new());
    drop((dir.hub().unwrap(), other.hub().unwrap()));
    fs::copy(other.file("ca-key.pem"), dir.file("ca-key.pem")).unwrap();
    assert_eq!(corrupt_path(dir.hub()), dir.file("ca.pem"));
}

#[test]
fn what_a_crash_left_behind_does_no_harm() {
    let dir = Dir::new();
    dir.hub().unwrap().create_device("dev1", None).unwrap();
    fs::write(dir.file("devices/half.tmp"), "{").unwrap();
    assert_eq!(dir.hub().unwrap().device_ids(), ["dev1"]);
    // A crash between the two files of the authority.
    fs::remove_file(dir.file("ca.pem")).unwrap();
    assert!(dir.hub().is_ok());
}

#[test]
fn a_state_directory_has_one_hub_at_a_time() {
    let dir = Dir::new();
    let first = dir.hub().unwrap();
    assert!(matches!(dir.hub(), Err(HubError::StateInUse(_))));
    first.stop();
    assert!(dir.hub().is_ok());
}

#[test]
fn a_state_directory_that_cannot_be_made_is_named() {
    let dir = Dir::new();
    fs::write(dir.file(""), "a file").unwrap_or_else(|_| fs::write(dir.0.join("state"), "a file").unwrap());
    assert!(matches!(dir.hub(), Err(HubError::File { .. })));
}

#[cfg(unix)]
#[test]
fn keys_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let dir = Dir::new();
    dir.hub().unwrap().create_device("dev1", None).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.file("ca-key.pem")), 0o600);
    assert_eq!(mode(&dir.device_files()[0]), 0o600);
    assert_eq!(mode(&dir.file("devices")), 0o700);
}
