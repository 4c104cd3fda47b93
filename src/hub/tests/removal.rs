//! Identities that are removed and made anew at the same time, and what the state directory says of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::client::TestClient;
use crate::hub::state_dir::make_temp_dir;
use crate::hub::{Hub, HubConfig, HubError};

fn start(dir: &Path) -> Hub {
    Hub::start(HubConfig { state_dir: Some(dir.join("state")), ..HubConfig::default() }).unwrap()
}

#[test]
fn authorities_added_at_once_are_all_kept() {
    let dir = make_temp_dir().unwrap();
    let others: Vec<_> = (0..20)
        .map(|number| crate::hub::certificates::Authority::generate().map(|made| (number, made.certificate)))
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
