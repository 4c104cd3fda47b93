//! Files of the state directory: a damaged one is a typed error or a hub that runs.

use bytes::Bytes;
use serde_json::json;

use super::{Budget, Mutator};
use crate::provisioning::{Enrollment, EnrollmentGroup};
use crate::storage::state_dir::make_temp_dir;
use crate::{Hub, HubConfig, HubError};
use azmqtt_dialect::MessageProperties;
use azmqtt_dialect::sas::SymmetricKey;

/// Starts of a hub take milliseconds.
const INPUTS: u64 = 60;

#[test]
fn damaged_files_are_typed_errors() {
    let dir = make_temp_dir().unwrap();
    let start = || Hub::start(HubConfig { state_dir: Some(dir.clone()), ..HubConfig::default() });
    let keys = || {
        [SymmetricKey::generate(getrandom::fill).unwrap(), SymmetricKey::generate(getrandom::fill).unwrap()]
    };
    {
        let hub = start().unwrap();
        hub.create_device("d", None).unwrap();
        hub.create_module("d", "m", None).unwrap();
        hub.patch_desired("d", &json!({ "a": { "b": [1, 2] } })).unwrap();
        let mut properties = MessageProperties::default();
        properties.application.push(("a".to_owned(), "b".to_owned()));
        hub.send_c2d("d", Bytes::from_static(b"hello"), properties).unwrap();
        hub.create_enrollment(Enrollment::new("r", keys())).unwrap();
        hub.create_enrollment_group(EnrollmentGroup::new("g", keys())).unwrap();
    }
    let folders = ["", "devices", "modules", "enrollments", "enrollment-groups"];
    let files: Vec<_> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(dir.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.ends_with("lock"))
        .collect();
    assert!(files.len() >= 7, "{files:?}");
    let whole: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    let mut mutators: Vec<_> =
        whole.iter().map(|content| Mutator::new("state", &[content.as_slice()])).collect();
    let (budget, mut done) = (Budget::new(INPUTS), 0);
    while budget.goes_on(done) {
        let at = done as usize % files.len();
        let input = mutators[at].next_input();
        std::fs::write(&files[at], &input).unwrap();
        match start() {
            Ok(hub) => {
                let _ = (hub.device_ids(), hub.twin("d"), hub.registrations());
                hub.stop();
            }
            Err(HubError::Corrupt { .. } | HubError::Certificate(_)) => {}
            Err(other) => panic!("{}, {}: {other}", files[at].display(), mutators[at].seed()),
        }
        // A hub that runs may have written it anew.
        files.iter().zip(&whole).for_each(|(file, content)| std::fs::write(file, content).unwrap());
        done += 1;
    }
    start().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}
