//! Rules without a namespace.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn rule(json: Value) -> Rule {
    Rule::from_json(json).unwrap()
}

#[test]
fn every_pair_of_fault_and_moment_that_makes_sense_reads_back() {
    let faults = [
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
        "expire_token",
        "take_over",
    ];
    let moments = [
        "now",
        "accept",
        "connect",
        "received",
        "publish",
        "subscribe",
        "unsubscribe",
        "acknowledgement",
        "sent",
        "connack",
        "puback",
        "suback",
        "message",
        "nonsense",
    ];
    let mut read = 0;
    for fault in faults {
        for on in moments {
            let plain = json!({"fault": fault, "on": on, "client_id": "c"});
            let mut with_time = plain.clone();
            with_time["seconds"] = json!(1.5);
            for json in [plain, with_time] {
                let mut json = json;
                if on == "accept" {
                    json.as_object_mut().unwrap().shift_remove("client_id");
                }
                let Ok(rule) = Rule::from_json(json) else { continue };
                assert_eq!((rule.fault.name(), rule.fault.on()), (fault, on));
                assert_eq!(Rule::from_json(rule.to_json()).unwrap(), rule);
                read += 1;
                break;
            }
        }
    }
    // At accept, at CONNECT, now; packets in, two of which may be refused; packets out.
    assert_eq!(read, 4 + 4 + 7 + 5 * 6 + 2 + 5 * 6);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (json, text) in [
        (json!({"fault": "explode"}), "unknown fault \"explode\": expected one of drop, reset"),
        (json!({"fault": "lose"}), "lose needs an event"),
        (json!({"fault": "answer", "on": "unsubscribe"}), "answer cannot be on \"unsubscribe\""),
        (json!({"fault": "lose", "on": "elsewhere"}), "unknown event \"elsewhere\": expected one of now"),
        (
            json!({"fault": "refuse", "code": 6}),
            "code must be a return code from 1 to 5 or a reason code from 128",
        ),
        (json!({"fault": "answer", "code": 16}), "code must be a reason code from 128 on"),
        (
            json!({"fault": "drop", "on": "accept", "client_id": "c"}),
            "the client of a connection is not known yet",
        ),
        (json!({"fault": "drop", "device_id": "c"}), "unknown member \"device_id\" of a rule"),
    ] {
        let error = Rule::from_json(json.clone()).unwrap_err().to_string();
        assert!(error.contains(text), "{json}: {error}");
    }
}

#[test]
fn a_rule_is_for_its_client_alone() {
    let faults = Faults::default();
    let now = Instant::now();
    faults.arm(rule(json!({"fault": "lose", "on": "publish", "client_id": "a", "skip": 1})), now).unwrap();
    let at = |client| faults.at_received(client, Received::Publish, now);
    assert_eq!([at("b"), at("b"), at("a")], [None; 3]);
    assert_eq!(at("a"), Some(ReceivedFault::Lose));
    assert_eq!(at("a"), None);
    assert_eq!(faults.fired(0)[0].whose, "a");
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_plan(seed: u64) {
        let json = json!({"seed": seed, "duration": 20, "faults": [
            {"fault": "drop", "every": 1}, {"fault": "lose", "on": "puback", "probability": 0.5},
        ]});
        let plan = || Schedule::from_json(json.clone()).unwrap().plan().unwrap();
        prop_assert_eq!(plan(), plan());
        prop_assert!(plan().iter().all(|planned| planned.at <= Duration::from_secs(20)));
    }

    /// Whatever JSON comes is read or refused, never worse.
    #[test]
    fn any_text_is_taken_or_refused(name in "[a-z_]{0,12}", on in "[a-z_]{0,12}", number: f64) {
        let _ = Rule::from_json(json!({"fault": name, "on": on, "seconds": number, "code": number}));
    }
}
