//! Identities that are removed and made anew at the same time, and what the state directory says of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use crate::storage::state_dir::make_temp_dir;
use crate::tests::support::client::TestClient;
use crate::{Hub, HubConfig, HubError};

fn start(dir: &Path) -> Hub {
    Hub::start(HubConfig { state_dir: Some(dir.join("state")), ..HubConfig::default() }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_made_anew_while_the_old_one_goes_is_on_the_disk() {
    let dir = make_temp_dir().unwrap();
    let hub = Arc::new(start(&dir));
    for _ in 0..100 {
        hub.create_device("d", None).unwrap();
        let _client = TestClient::connect(&hub, "d").await;
        let remover = thread::spawn({
            let hub = hub.clone();
            move || hub.remove_device("d").unwrap()
        });
        while let Err(error) = hub.create_device("d", None) {
            assert!(matches!(error, HubError::DeviceExists(_)), "{error}");
        }
        remover.join().unwrap();
        assert_eq!(fs::read_dir(dir.join("state/devices")).unwrap().count(), 1);
        hub.remove_device("d").unwrap();
    }
    drop(hub);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn modules_made_while_their_device_goes_leave_nothing_behind() {
    let dir = make_temp_dir().unwrap();
    let hub = Arc::new(start(&dir));
    for _ in 0..30 {
        hub.create_device("d", None).unwrap();
        let maker = thread::spawn({
            let hub = hub.clone();
            move || (0..5).all(|number| hub.create_module("d", &format!("m{number}"), None).is_ok())
        });
        hub.remove_device("d").unwrap();
        let _ = maker.join().unwrap();
        assert!(!hub.has_device("d"));
        assert!(matches!(hub.remove_device("d"), Err(HubError::DeviceNotFound(_))));
        assert_eq!(fs::read_dir(dir.join("state/modules")).unwrap().count(), 0);
    }
    drop(hub);
    drop(start(&dir));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn authorities_added_at_once_are_all_kept() {
    let dir = make_temp_dir().unwrap();
    let others: Vec<_> = (0..20)
        .map(|number| crate::security::certificates::generate().map(|made| (number, made.certificate)))
        .collect::<Result<_, _>>()
        .unwrap();
    let known = {
        let hub = Arc::new(start(&dir));
        let adding = others.into_iter().map(|(_, pem)| {
            let hub = hub.clone();
            thread::spawn(move || hub.add_client_authority(pem.as_bytes()))
        });
        for added in adding.collect::<Vec<_>>() {
            added.join().unwrap().unwrap();
        }
        hub.shared.client_authorities.to_pem()
    };
    let hub = start(&dir);
    let count = |pem: &str| pem.matches("BEGIN CERTIFICATE").count();
    assert_eq!(count(&hub.shared.client_authorities.to_pem()), count(&known));
    drop(hub);
    fs::remove_dir_all(dir).unwrap();
}
