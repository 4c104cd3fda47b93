//! Rules without a hub.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fault::{Fault, Sent, SentFault};
use crate::Id;
use crate::faults::{Faults, Rule, Schedule};
use azmqtt_local::faults::{Active, ServiceFault};

fn rule(json: Value) -> Rule {
    Rule::from_json(json).unwrap()
}

#[test]
fn every_pair_of_fault_and_moment_that_makes_sense_reads_back() {
    let mut read = 0;
    for fault in [
        "drop",
        "reset",
        "shut_down",
        "refuse",
        "silence",
        "delay",
        "lose",
        "duplicate",
        "cut",
        "corrupt",
        "answer",
        "change_twin",
        "expire_token",
        "take_over",
        "throttle",
        "quota_exceeded",
    ] {
        for on in [
            "now",
            "accept",
            "connect",
            "received",
            "telemetry",
            "twin_get",
            "twin_patch",
            "twin_request",
            "method_response",
            "subscribe",
            "acknowledgement",
            "sent",
            "connack",
            "puback",
            "suback",
            "twin_answer",
            "desired_patch",
            "cloud_message",
            "method_request",
            "request",
            "nonsense",
        ] {
            let mut text = json!({"fault": fault, "on": on});
            for extra in [json!({}), json!({"seconds": 1.5}), json!({"desired": {"a": 1}})] {
                for (name, value) in extra.as_object().unwrap() {
                    text[name] = value.clone();
                }
                if let Ok(rule) = Rule::from_json(text.clone()) {
                    assert_eq!((rule.fault.name(), rule.fault.on()), (fault, on));
                    assert_eq!(Rule::from_json(rule.to_json()).unwrap(), rule);
                    read += 1;
                    break;
                }
                text.as_object_mut().unwrap().retain(|name, _| ["fault", "on"].contains(&name.as_str()));
            }
        }
    }
    // At accept, at CONNECT, now, requests; packets in; refusals of the twin; packets out.
    assert_eq!(read, 4 + 4 + 9 + 4 + 7 * 7 + 3 + 8 * 6);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (json, text) in [
        (json!([]), "a rule must be a JSON object"),
        (json!({}), "fault is missing"),
        (json!({"fault": "explode"}), "unknown fault \"explode\": expected one of drop, reset"),
        (json!({"fault": "lose"}), "lose needs an event"),
        (json!({"fault": "lose", "on": "connect"}), "lose cannot be on \"connect\""),
        (json!({"fault": "cut", "on": "telemetry"}), "cut cannot be on \"telemetry\""),
        (json!({"fault": "lose", "on": "elsewhere"}), "unknown event \"elsewhere\": expected one of now"),
        (json!({"fault": "delay", "on": "puback"}), "delay needs seconds"),
        (
            json!({"fault": "delay", "on": "puback", "seconds": 1e300}),
            "seconds must be a number from 0 to 86400",
        ),
        (
            json!({"fault": "delay", "on": "puback", "seconds": -1}),
            "seconds must be a number from 0 to 86400",
        ),
        (json!({"fault": "refuse", "code": 6}), "code must be a whole number from 1 to 5"),
        (json!({"fault": "refuse", "code": 0}), "code must be a whole number from 1 to 5"),
        (json!({"fault": "answer", "status": 204}), "status must be a whole number from 400 to 599"),
        (json!({"fault": "change_twin"}), "change_twin needs desired or reported"),
        (json!({"fault": "drop", "count": 0}), "count must be at least 1"),
        (json!({"fault": "drop", "probability": 1.1}), "probability must be a number from 0 to 1"),
        (json!({"fault": "drop", "seed": 1}), "seed needs a probability"),
        (json!({"fault": "drop", "module_id": "m"}), "module_id needs the device_id"),
        (
            json!({"fault": "drop", "on": "accept", "device_id": "d"}),
            "the client of a connection is not known yet",
        ),
        (
            json!({"fault": "drop", "often": 1}),
            "unknown member \"often\" of a rule: expected one of fault, on, device_id",
        ),
        (
            json!({"fault": "drop", "device_id": "x".repeat(2000)}),
            "device_id must be text of at most 1024 bytes",
        ),
    ] {
        let error = Rule::from_json(json.clone()).unwrap_err().to_string();
        assert!(error.contains(text), "{json}: {error}");
    }
}

#[test]
fn a_rule_counts_its_own_occasions() {
    let faults = Faults::default();
    let now = Instant::now();
    assert!(!faults.is_armed());
    let id = faults
        .arm(rule(json!({"fault": "lose", "on": "puback", "device_id": "a", "skip": 1, "count": 2})), now);
    let id = id.unwrap();
    let mut hits = Vec::new();
    for device in ["a", "b", "a", "a", "b", "a", "a"] {
        hits.push(faults.at_sent(Id::from(device), Sent::Puback, now).is_some());
        assert!(faults.at_sent(Id::from(device), Sent::Suback, now).is_none());
    }
    assert_eq!(hits, [false, false, true, true, false, false, false]);
    assert!(!faults.is_armed());
    assert_eq!(faults.wait(id, 2, Duration::ZERO), Some(2));
    let fired: Vec<_> =
        faults.fired(0).into_iter().map(|fired| (fired.rule, fired.whose, fired.fault)).collect();
    assert_eq!(fired, vec![(id, "a".to_owned(), "lose on puback".to_owned()); 2]);
    assert!(faults.rules().iter().all(|rule| rule.over));
}

#[test]
fn a_device_is_not_its_module() {
    let (device, module) = (Id::from("d"), Id::from(("d", "m")));
    for (json, hit) in [
        (json!({"fault": "lose", "on": "puback", "count": null, "lasting": 9}), [true, true]),
        (json!({"fault": "lose", "on": "puback", "device_id": "d", "lasting": 9}), [true, false]),
        (
            json!({"fault": "lose", "on": "puback", "device_id": "d", "module_id": "m", "lasting": 9}),
            [false, true],
        ),
        (json!({"fault": "lose", "on": "puback", "device_id": "e", "lasting": 9}), [false, false]),
    ] {
        let faults = Faults::default();
        faults.arm(rule(json), Instant::now()).unwrap();
        let hits = [device, module].map(|id| faults.at_sent(id, Sent::Puback, Instant::now()).is_some());
        assert_eq!(hits, hit);
    }
}

#[test]
fn a_rule_lasts_as_long_as_it_says() {
    let faults = Faults::default();
    let start = Instant::now();
    faults.arm(rule(json!({"fault": "refuse", "after": 1, "lasting": 2})), start).unwrap();
    let hits = [0, 1, 2, 3]
        .map(|second| faults.at_connect(Id::from("d"), start + Duration::from_secs(second)).is_some());
    assert_eq!(hits, [false, true, true, false]);
    assert!(!faults.is_armed());
}

#[test]
fn there_are_bounds() {
    let faults = Faults::default();
    let one = rule(json!({"fault": "lose", "on": "puback"}));
    for _ in 0..1000 {
        faults.arm(one.clone(), Instant::now()).unwrap();
    }
    assert!(faults.arm(one, Instant::now()).is_err());
    assert_eq!(faults.clear(), 1000);
    assert!(!faults.is_armed());
}

/// What a rule may hold is held a thousand times, and by a schedule ten thousand times.
#[test]
fn rules_and_schedules_are_bounded_in_bytes() {
    let change = |bytes: usize| json!({"fault": "change_twin", "on": "telemetry", "desired": {"x": "x".repeat(bytes)}});
    Rule::from_json(change(30_000)).unwrap();
    let error = Rule::from_json(change(70_000)).unwrap_err().to_string();
    assert_eq!(error, "desired must be a JSON object of at most 65536 bytes");
    let mut entry = change(30_000);
    entry["every"] = json!(0.1);
    let schedule = |seconds: u32| json!({"duration": seconds, "faults": [entry.clone()]});
    let short = Schedule::from_json(schedule(1)).unwrap();
    short.plan().unwrap();
    let long = Schedule::from_json(schedule(600)).unwrap();
    assert_eq!(long.plan().unwrap_err().to_string(), "the schedule's faults carry more than 4194304 bytes");
}

/// Whoever asks to be connected may call itself anything.
#[test]
fn no_name_is_kept_that_is_no_id() {
    let faults = Faults::default();
    let chance = json!({"fault": "refuse", "on": "connect", "probability": 1});
    faults.arm(rule(chance), Instant::now()).unwrap();
    let long = "x".repeat(10_000);
    for id in [Id::from(&long), ("dev1", long.as_str()).into(), "dev1".into()] {
        assert!(faults.at_connect(id, Instant::now()).is_some());
    }
    let fired: Vec<_> = faults.fired(0).into_iter().map(|fired| fired.whose).collect();
    assert_eq!(fired, ["", "", "dev1"]);
}

fn pattern(seed: u64, devices: &[u8], of: u8) -> Vec<bool> {
    let json = json!({"fault": "lose", "on": "puback", "probability": 0.5, "seed": seed});
    let mut active = Active::new(1, rule(json), Instant::now());
    let now = Instant::now();
    let hit = devices.iter().map(|device| {
        let name = format!("device-{device}");
        (*device, active.fires(&name, now))
    });
    hit.filter(|(device, _)| *device == of).map(|(_, fired)| fired).collect()
}

proptest! {
    /// The n-th packet of a device has the same fate, whatever others send in between.
    #[test]
    fn a_chance_does_not_depend_on_others(seed: u64, devices in prop::collection::vec(0_u8..3, 0..60)) {
        let alone: Vec<u8> = devices.iter().copied().filter(|device| *device == 1).collect();
        prop_assert_eq!(pattern(seed, &devices, 1), pattern(seed, &alone, 1));
    }

    /// Whatever JSON comes is read or refused, never worse.
    #[test]
    fn any_text_is_taken_or_refused(name in "[a-z_]{0,12}", on in "[a-z_]{0,12}", number: f64) {
        let _ = Rule::from_json(json!({"fault": name, "on": on, "seconds": number, "count": number}));
    }
}

#[test]
fn devices_do_not_share_their_luck() {
    assert_ne!(pattern(1, &[1; 64], 1), pattern(1, &[2; 64], 2));
    assert_ne!(pattern(1, &[1; 64], 1), pattern(2, &[1; 64], 1));
}

#[test]
fn asking_for_another_packet_costs_no_occasion() {
    let mut active =
        Active::new(1, rule(json!({"fault": "lose", "on": "puback", "skip": 1})), Instant::now());
    assert!(matches!(active.rule.fault, Fault::Sent(Sent::Puback, SentFault::Lose)));
    let now = Instant::now();
    assert_eq!([active.fires("", now), active.fires("", now), active.fires("", now)], [false, true, false]);
}
