//! A hub that is killed in the middle of changes: what it has answered is there at the next start.
//!
//! `AZMQTT_TEST_KILLS=500 cargo test kill` kills it that often; `AZMQTT_TEST_SEED` repeats the moments of a run.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::configurations::ConfigurationBody;
use crate::faults::Rule;
use crate::jobs::JobRequest;
use crate::provisioning::{Enrollment, EnrollmentGroup};
use crate::storage::state_dir::make_temp_dir;
use crate::tests::provisioning::registrations::{connect as connect_registrant, register};
use crate::tests::support::client::{Options, TestClient};
use crate::unix_time::unix_now;
use crate::{Hub, HubConfig};
use azmqtt_dialect::MessageProperties;
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::time::format_utc;
use azmqtt_mqtt::QoS;

/// Tells the child of these tests from the tests.
const DIR: &str = "AZMQTT_TEST_KILLED_HUB";

/// Cloud-to-device messages that are left waiting, at least.
const BACKLOG: u64 = 5;

fn start(dir: &Path) -> Hub {
    Hub::start(HubConfig { state_dir: Some(dir.to_owned()), ..HubConfig::default() }).unwrap()
}

fn keys() -> [SymmetricKey; 2] {
    [SymmetricKey::generate(getrandom::fill).unwrap(), SymmetricKey::generate(getrandom::fill).unwrap()]
}

/// A process with a hub in it, which a test here kills.
fn child(test: &str, dir: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(DIR, dir.join("state")).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Tells the parent what the hub has answered.
fn say(what: &str, number: impl Display) {
    writeln!(std::io::stdout(), "@{what} {number}@").unwrap();
}

/// What an earlier run has come to: the number `n` of a twin.
fn last(hub: &Hub, device: &str, properties: &str) -> u64 {
    hub.twin(device).map_or(0, |twin| twin["properties"][properties]["n"].as_u64().unwrap_or(0))
}

/// Not a test by itself: changes things for ever, in many ways at once, and says what is done.
#[test]
fn changes_without_end() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let hub = Arc::new(start(dir.as_ref()));
    for device in ["first", "patcher", "receiver", "scheduler"] {
        // What a killed run has done of this is there already; so below.
        let _ = hub.create_device(device, None);
    }
    let clients = {
        let hub = hub.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { tokio::join!(patch(&hub), receive(&hub), registrations(&hub)) });
        }
    };
    let sender = hub.clone();
    let others = [
        thread::spawn(clients),
        thread::spawn(move || send(&sender)),
        thread::spawn({
            let hub = hub.clone();
            move || schedule(&hub)
        }),
        thread::spawn({
            let hub = hub.clone();
            move || administer(&hub)
        }),
    ];
    for other in others {
        other.join().unwrap();
    }
}

/// Devices, modules and enrolments come and go.
fn administer(hub: &Hub) {
    for round in last(hub, "first", "desired") + 1.. {
        let (device, module) = (format!("d{round}"), format!("m{round}"));
        let _ = hub.create_device(&device, None);
        let _ = hub.create_module(&device, &module, None);
        let _ = hub.create_module(&device, "gone", None);
        let _ = hub.remove_module(&device, "gone");
        hub.patch_desired((&*device, &*module), &json!({ "n": round })).unwrap();
        let _ = hub.create_enrollment(Enrollment::new(&device, keys()));
        hub.set_enrollment_enabled(&device, false).unwrap();
        hub.set_enabled(&device, round % 2 == 0).unwrap();
        if round > 3 {
            let _ = hub.remove_device(&format!("d{}", round - 3));
            let _ = hub.remove_enrollment(&format!("d{}", round - 3));
        }
        hub.patch_desired("first", &json!({ "n": round })).unwrap();
        say("administered", round);
    }
}

/// Configurations and jobs are made; jobs run, and some are cancelled.
fn schedule(hub: &Hub) {
    let shared = &hub.shared;
    for round in last(hub, "scheduler", "desired") + 1.. {
        let id = format!("r{round}");
        let body = json!({ "content": { "deviceContent": { "properties.desired.x": round } } });
        let body = ConfigurationBody::read(&id, &body).unwrap();
        // What a killed run has done of this is there already; so below.
        let _ = shared.configurations.put(&id, body, None);
        if round > 3 {
            let _ = shared.configurations.delete(&format!("r{}", round - 3), None);
        }
        let job = |id: &str, start: &str| {
            let body = json!({
                "type": "scheduleUpdateTwin",
                "queryCondition": "deviceId = 'scheduler'",
                "updateTwin": { "etag": "*", "tags": { "round": round } },
                "startTime": start,
            });
            let _ = shared.jobs.create(JobRequest::read(id, &body).unwrap(), None);
        };
        job(&id, "2020-01-01T00:00:00Z");
        let later = format!("later{round}");
        job(&later, &format_utc(unix_now() + 100 * 3600));
        if round > 3 {
            let _ = shared.jobs.cancel(&format!("later{}", round - 3));
        }
        hub.patch_desired("scheduler", &json!({ "n": round })).unwrap();
        say("scheduled", round);
    }
}

/// A device patches its reported properties.
async fn patch(hub: &Hub) {
    let mut client = TestClient::connect(hub, "patcher").await;
    client.subscribe("$iothub/twin/res/#", QoS::AtMostOnce).await.unwrap();
    for round in last(hub, "patcher", "reported") + 1.. {
        let topic = format!("$iothub/twin/PATCH/properties/reported/?$rid={round}");
        client.publish(&topic, QoS::AtMostOnce, json!({ "n": round }).to_string()).await;
        assert!(client.message().await.topic.contains("/204/"));
        say("patched", round);
    }
}

/// Messages are sent to a device.
fn send(hub: &Hub) {
    for round in last(hub, "receiver", "desired") + 1.. {
        // Known before it is sent, so that no number is taken twice.
        hub.patch_desired("receiver", &json!({ "n": round })).unwrap();
        if hub.send_c2d("receiver", round.to_string().into(), MessageProperties::default()).is_ok() {
            say("sent", round);
        }
    }
}

/// The device takes them, though not the last ones.
async fn receive(hub: &Hub) {
    let options = Options::new(hub, "receiver");
    let mut client = TestClient::open(hub, &options.persistent()).await.expect("accepted");
    client.subscribe("devices/receiver/messages/devicebound/#", QoS::AtLeastOnce).await.unwrap();
    let mut waiting = std::collections::VecDeque::new();
    loop {
        waiting.push_back(client.message().await);
        while waiting.len() as u64 > BACKLOG {
            let message = waiting.pop_front().unwrap();
            // Said before it is done: whatever is not said is still there.
            say("acknowledged", std::str::from_utf8(&message.payload).unwrap());
            client.acknowledge(&message).await;
        }
    }
}

/// Devices register.
async fn registrations(hub: &Hub) {
    let _ = hub.create_enrollment_group(EnrollmentGroup::new("group", keys()));
    let group = SymmetricKey::from_base64(&hub.enrollment_group_keys("group").unwrap().unwrap()[0]).unwrap();
    for round in hub.registrations().len().. {
        let id = format!("reg-{round}");
        let mut client = connect_registrant(hub, &id, &group.derive(&id)).await;
        let (topic, _) = register(&mut client, &id).await;
        assert!(topic.contains("/200/"), "{topic}");
        say("registered", round);
    }
}

/// Not a test by itself: a fault changes a twin, and the device says which version it was told.
#[tokio::test]
async fn changes_by_a_fault() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let hub = start(dir.as_ref());
    hub.create_device("dev1", None).unwrap();
    hub.patch_desired("dev1", &json!({ "n": 1 })).unwrap();
    let rule = json!({
        "fault": "change_twin", "on": "telemetry", "desired": { "n": 2 }, "reported": { "m": 2 },
    });
    hub.inject_fault(Rule::from_json(rule).unwrap()).unwrap();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/twin/PATCH/properties/desired/#", QoS::AtMostOnce).await.unwrap();
    client.publish("devices/dev1/messages/events/", QoS::AtMostOnce, "x").await;
    let topic = client.message().await.topic;
    say("version", topic.rsplit_once("$version=").unwrap().1);
    std::future::pending::<()>().await;
}

#[test]
fn a_change_by_a_fault_that_a_device_was_told_of_is_there_after_a_kill() {
    if std::env::var_os(DIR).is_some() {
        return;
    }
    let dir = make_temp_dir().unwrap();
    let mut child = child("tests::storage::kill::changes_by_a_fault", &dir);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.map(Result::unwrap).find(|line| line.contains('@')).expect("an answer");
    child.kill().unwrap();
    child.wait().unwrap();
    let version = said.split('@').nth(1).and_then(|said| said.strip_prefix("version ")).unwrap().to_owned();
    let hub = start(&dir.join("state"));
    let twin = hub.twin("dev1").unwrap();
    assert_eq!(twin["properties"]["desired"]["$version"].to_string(), version);
    assert_eq!(last(&hub, "dev1", "desired"), 2);
    assert_eq!(twin["properties"]["reported"]["m"], 2);
    drop(hub);
    std::fs::remove_dir_all(dir).unwrap();
}

/// What a killed hub has said.
#[derive(Default)]
struct Said {
    administered: Option<u64>,
    patched: Option<u64>,
    scheduled: Option<u64>,
    registered: Vec<u64>,
    /// Sent and not acknowledged, as far as is known.
    waiting: BTreeSet<u64>,
}

impl Said {
    fn note(&mut self, line: &str) {
        let Some((what, number)) = line.split('@').nth(1).and_then(|said| said.split_once(' ')) else {
            return;
        };
        let number: u64 = number.parse().unwrap();
        match what {
            "administered" => self.administered = Some(number),
            "patched" => self.patched = Some(number),
            "scheduled" => self.scheduled = Some(number),
            "registered" => self.registered.push(number),
            "sent" => drop(self.waiting.insert(number)),
            "acknowledged" => drop(self.waiting.remove(&number)),
            other => panic!("{other}"),
        }
    }

    /// Whether it is all there.
    fn check(&self, hub: &Hub) {
        if let Some(round) = self.administered {
            let n = last(hub, "first", "desired");
            assert!(n == round || n == round + 1, "{n} after {round}");
            let (device, module) = (format!("d{round}"), format!("m{round}"));
            assert!(hub.has_module(&device, &module) && !hub.has_module(&device, "gone"));
            let twin = hub.twin((&*device, &*module)).unwrap();
            assert_eq!(twin["properties"]["desired"]["n"], json!(round));
            let status = if round % 2 == 0 { "enabled" } else { "disabled" };
            assert_eq!(hub.twin(&*device).unwrap()["status"], Value::from(status));
            assert!(hub.enrollment_keys(&device).unwrap().is_some());
            if round > 3 {
                let gone = format!("d{}", round - 3);
                assert!(!hub.has_device(&gone) && hub.enrollment_keys(&gone).is_err());
            }
        }
        if let Some(round) = self.patched {
            let n = last(hub, "patcher", "reported");
            assert!(n == round || n == round + 1, "{n} after {round}");
        }
        if let Some(round) = self.scheduled {
            let (shared, id) = (&hub.shared, format!("r{round}"));
            assert!(
                shared.configurations.get(&id).is_ok() && shared.jobs.get(&id)["status"] != "unknown",
                "{id}"
            );
            let status = |round: u64| shared.jobs.get(&format!("later{round}"))["status"].take();
            assert_eq!(status(round), "scheduled");
            if round > 3 {
                assert!(shared.configurations.get(&format!("r{}", round - 3)).is_err());
                assert_eq!(status(round - 3), "cancelled");
            }
        }
        let registered = hub.registrations();
        for round in &self.registered {
            let id = format!("reg-{round}");
            assert!(hub.has_device(&id) && registered.iter().any(|record| record.device_id == id), "{id}");
        }
        if !self.waiting.is_empty() {
            let pending = hub.pending_c2d("receiver").unwrap();
            assert!(pending >= self.waiting.len(), "{pending} of {:?}", self.waiting);
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    if std::env::var_os(DIR).is_some() {
        return;
    }
    let dir = make_temp_dir().unwrap();
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).unwrap();
    let seed = number("AZMQTT_TEST_SEED", u64::from_ne_bytes(seed));
    writeln!(std::io::stdout(), "AZMQTT_TEST_SEED={seed}").unwrap();
    let mut random = seed | 1;
    for kill in 0..number("AZMQTT_TEST_KILLS", 12) {
        let mut child = child("tests::storage::kill::changes_without_end", &dir);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Said::default();
        // The very first start is killed at some moment, too.
        if kill > 0 {
            let first =
                lines.by_ref().map(Result::unwrap).find(|line| line.contains('@')).expect("an answer");
            said.note(&first);
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_micros((random >> 33) % 120_000));
        child.kill().unwrap();
        lines.map(Result::unwrap).for_each(|line| said.note(&line));
        child.wait().unwrap();
        said.check(&start(&dir.join("state")));
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_a_crash_left_half_written_is_swept_away() {
    let dir = make_temp_dir().unwrap();
    drop(start(&dir));
    let half = dir.join("devices/half.tmp");
    std::fs::write(&half, Bytes::from_static(b"{\"primaryKey\":\"")).unwrap();
    drop(start(&dir));
    assert!(!half.exists());
    std::fs::remove_dir_all(dir).unwrap();
}
