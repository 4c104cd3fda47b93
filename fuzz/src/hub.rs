//! Documents and requests that the local hub is given.

use azmqtt_hub::faults::{Rule, Schedule};
use azmqtt_hub::fuzzing::{canonical_address, condition, message_properties, through_headers};

use super::text;

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

/// A request's method and address, divided by a space.
pub fn request_addresses(data: &[u8]) -> bool {
    let text = text(data);
    let Some((method, address)) = text.split_once(' ') else { return false };
    let Some(spelled) = canonical_address(method, address) else { return false };
    // Of several slashes at the end one goes.
    let again = canonical_address(method, &spelled).expect("what is written is an address");
    assert!(
        again.len() <= spelled.len()
            && spelled.starts_with(again.split('?').next().unwrap_or_default().trim_end_matches('/'))
    );
    true
}

/// Header fields of a message, each a line, with a colon between name and value.
pub fn message_headers(data: &[u8]) -> bool {
    let fields: Option<Vec<_>> = data
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
        .collect();
    let Some(Ok(properties)) = fields.and_then(|fields| message_properties(&fields)) else { return false };
    // What a header cannot hold is encoded, never refused.
    let _ = through_headers(&properties);
    true
}

/// Conditions on an etag.
pub fn etag_conditions(data: &[u8]) -> bool {
    let Ok(found) = condition(&text(data)) else { return false };
    let quoted = found.as_ref().map(|etag| format!("\"{etag}\"")).unwrap_or_default();
    assert_eq!(condition(&quoted), Ok(found));
    true
}
