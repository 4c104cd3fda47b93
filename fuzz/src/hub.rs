//! Documents that the local hub is given.

use azmqtt_hub::faults::{Rule, Schedule};

/// Rules of faults.
pub fn fault_rules(data: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice(data) else { return false };
    match Rule::from_json(document) {
        Ok(rule) => {
            assert_eq!(Rule::from_json(rule.to_json()).as_ref(), Ok(&rule), "{}", rule.to_json());
            true
        }
        Err(error) => {
            let _ = error.to_string();
            false
        }
    }
}

/// Schedules of faults: the same plan for the same document.
pub fn fault_schedules(data: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice(data) else { return false };
    let Ok(schedule) = Schedule::from_json(document) else { return false };
    let plan = schedule.plan();
    assert_eq!(plan.as_ref().ok(), schedule.plan().as_ref().ok());
    assert!(plan.is_ok_and(|plan| plan.len() <= 10_000) || schedule.plan().is_err());
    true
}
