//! A hub that is killed in the middle of changes: what a call has answered is there at the next start.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::dialect::MessageProperties;
use crate::dialect::sas::SymmetricKey;
use crate::hub::provisioning::Enrollment;
use crate::hub::state_dir::make_temp_dir;
use crate::hub::{Hub, HubConfig};

/// Tells the child of these tests from the tests.
const DIR: &str = "AZMQTT_TEST_KILLED_HUB";

fn start(dir: &std::path::Path) -> Hub {
    Hub::start(HubConfig { state_dir: Some(dir.to_owned()), ..HubConfig::default() }).unwrap()
}

/// Not a test by itself: changes things for ever, and says what is done.
#[test]
fn changes_without_end() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let hub = start(dir.as_ref());
    let rounds: u64 =
        hub.twin("first").map_or(0, |twin| twin["properties"]["desired"]["n"].as_u64().unwrap());
    let _ = hub.create_device("first", None);
    for round in rounds + 1.. {
        let (device, module) = (format!("d{round}"), format!("m{round}"));
        // What the killed round has done of this is there already.
        let _ = hub.create_device(&device, None);
        let _ = hub.create_module(&device, &module, None);
        hub.send_c2d(&device, Bytes::from_static(b"x"), MessageProperties::default()).unwrap();
        let keys = [SymmetricKey::generate().unwrap(), SymmetricKey::generate().unwrap()];
        let _ = hub.create_enrollment(Enrollment::new(&device, keys));
        if round > 3 {
            let _ = hub.remove_device(&format!("d{}", round - 3));
        }
        hub.patch_desired("first", &json!({ "n": round })).unwrap();
        writeln!(std::io::stdout(), "done {round} ").unwrap();
    }
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let dir = make_temp_dir().unwrap();
    for kill in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hub::tests::kill::changes_without_end", "--nocapture"])
            .env(DIR, dir.join("state"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The very first start is killed at some moment, too.
        if kill > 0 {
            lines.by_ref().map(Result::unwrap).find(|line| line.contains("done ")).expect("a round");
        }
        std::thread::sleep(Duration::from_millis(7 * kill));
        child.kill().unwrap();
        let last = lines.map(Result::unwrap).filter(|line| line.contains("done ")).last();
        child.wait().unwrap();
        let hub = start(&dir.join("state"));
        let Some(last) = last else { continue };
        let round: u64 = last.split("done ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let n = hub.twin("first").unwrap()["properties"]["desired"]["n"].as_u64().unwrap();
        assert!(n == round || n == round + 1, "{n} after {round}");
        let device = format!("d{round}");
        assert!(hub.has_module(&device, &format!("m{round}")), "{device}");
        assert!(hub.pending_c2d(&device).unwrap() > 0);
        assert!(hub.enrollment_key(&device).unwrap().is_some());
        if round > 3 {
            assert!(!hub.has_device(&format!("d{}", round - 3)));
        }
    }
    std::fs::remove_dir_all(dir).unwrap();
}
