//! Twins: patches, documents, and what the hub keeps of them.

use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::twin::{Section, check_patch, compose, diff, merge_patch, parse_patch};
use azmqtt_dialect::{Twin, digital_twin};
use serde_json::{Value, json};

/// A patch, and a second one on a line of its own if there is one: checked, applied, composed, kept and read again.
pub fn twins(data: &[u8]) -> bool {
    let mut lines = data.splitn(2, |byte| *byte == b'\n').map(parse_patch);
    let Some(Ok(first)) = lines.next() else { return stored_twin(data) };
    let second = match lines.next() {
        None => json!({}),
        Some(Ok(second)) => second,
        Some(Err(_)) => return false,
    };
    if first.is_object() && second.is_object() {
        check_merging(&first, &second);
    }
    let mut twin = Twin::new(Timestamp::default());
    let mut accepted = true;
    for (patch, seconds) in [(&first, 1), (&second, 2)] {
        let now = Timestamp::of_seconds(seconds);
        let version = twin.reported().version();
        if twin.patch_reported(patch, None, now).is_ok() {
            assert!(check_patch(Section::Reported, patch).is_ok(), "{patch}");
        } else {
            // All of a patch is applied, or nothing.
            assert_eq!(twin.reported().version(), version);
            accepted = false;
        }
        let _ = twin.patch_desired(patch, None, now);
        let _ = twin.patch_tags(patch);
        let _ = twin.patch_by_service(patch, None, now);
        let _ = twin.replace_by_service(patch, None, now);
    }
    let state = twin.to_state();
    assert_eq!(Twin::from_state(&state).map(|again| again.to_state()).ok(), Some(state));
    let _ = twin.device_view().to_string();
    accepted
}

/// What the hub's state directory has of a twin.
fn stored_twin(data: &[u8]) -> bool {
    let Ok(state) = serde_json::from_slice::<Value>(data) else { return false };
    let Ok(mut twin) = Twin::from_state(&state) else { return false };
    let _ = twin.patch_reported(&json!({ "z": 1 }), None, Timestamp::default());
    let _ = (twin.device_view(), twin.etag());
    true
}

/// The laws of merge patches that are objects, as all of a twin's are.
fn check_merging(first: &Value, second: &Value) {
    let merged = |target: &Value, patch: &Value| {
        let mut target = target.clone();
        merge_patch(&mut target, patch);
        target
    };
    let (old, new) = (merged(&json!({}), first), merged(&json!({}), second));
    let change = diff(&old, &new);
    assert_eq!(diff(&merged(&old, &change), &new), json!({}), "{old} + {change}");
    if let Some(both) = compose(first, second) {
        assert_eq!(merged(&old, &both), merged(&merged(&old, first), second), "{both}");
    }
}

/// JSON Patches of digital twins.
pub fn digital_twin_patches(data: &[u8]) -> bool {
    let Ok(patch) = serde_json::from_slice(data) else { return false };
    match digital_twin::read_patch(&patch) {
        Ok(desired) => desired.is_object(),
        Err(error) => error.is_empty(),
    }
}
