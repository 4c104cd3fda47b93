use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{compose, diff, merge_patch};
use super::{document, patch};

fn merged(target: &Value, patch: &Value) -> Value {
    let mut result = target.clone();
    merge_patch(&mut result, patch);
    result
}

#[test]
fn merging() {
    for (target, patch, result) in [
        (json!({"a": 1}), json!({"a": 2, "b": 3}), json!({"a": 2, "b": 3})),
        (json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
        (json!({"a": 1}), json!({"z": null}), json!({"a": 1})),
        (json!({}), json!({"a": {"b": null}}), json!({"a": {}})),
        (json!({"a": 1}), json!({"a": {"b": null, "c": 2}}), json!({"a": {"c": 2}})),
        (json!({"a": {"x": 1}}), json!({"a": {}}), json!({"a": {"x": 1}})),
        (json!({"a": {"x": 1}}), json!({"a": [null, {"y": null}]}), json!({"a": [null, {"y": null}]})),
        (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
        (
            json!({"a": {"x": {"y": 1, "z": 2}}}),
            json!({"a": {"x": {"y": null}}}),
            json!({"a": {"x": {"z": 2}}}),
        ),
    ] {
        assert_eq!(merged(&target, &patch), result, "{target} + {patch}");
    }
}

#[test]
fn keys_keep_their_order() {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let target = parsed(r#"{"z":1,"d":2,"m":{"y":1,"b":2},"a":3}"#);
    let patch = parsed(r#"{"q":1,"a":4,"z":null,"m":{"x":1,"y":null},"c":{"w":1,"e":2}}"#);
    let result = r#"{"d":2,"m":{"b":2,"x":1},"a":4,"q":1,"c":{"w":1,"e":2}}"#;
    assert_eq!(merged(&target, &patch).to_string(), result);
    assert_eq!(
        diff(&target, &parsed(result)).to_string(),
        r#"{"z":null,"m":{"y":null,"x":1},"a":4,"q":1,"c":{"w":1,"e":2}}"#
    );
}

#[test]
fn a_number_that_is_written_otherwise_is_no_change() {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let old = parsed(r#"{"a":4.20,"b":[1e2,{"c":2.50}],"d":{"e":1.0}}"#);
    for (new, change) in [
        (r#"{"a":4.2,"b":[100.0,{"c":2.5}],"d":{"e":1e0}}"#, r"{}"),
        (r#"{"a":4.21,"b":[100.0,{"c":2.5}],"d":{"e":1}}"#, r#"{"a":4.21,"d":{"e":1}}"#),
        (r#"{"a":4.2,"b":[100.0,{"c":2.6}],"d":{"e":1.0}}"#, r#"{"b":[100.0,{"c":2.6}]}"#),
    ] {
        assert_eq!(diff(&old, &parsed(new)).to_string(), change, "{new}");
    }
}

#[test]
fn some_patches_do_not_compose() {
    for first in [json!({"a": null}), json!({"a": 1}), json!({"a": []})] {
        assert_eq!(compose(&first, &json!({"a": {"b": 1}})), None, "{first}");
    }
    assert_eq!(compose(&json!({"a": {"b": null}}), &json!({"a": 1})), Some(json!({"a": 1})));
    assert_eq!(
        compose(&json!({"a": {"b": 1}}), &json!({"a": {"c": null}})),
        Some(json!({"a": {"b": 1, "c": null}}))
    );
    assert_eq!(compose(&json!(1), &json!({})), None);
}

#[test]
fn a_diff_is_small() {
    let old = json!({"same": 1, "gone": 2, "deep": {"same": 1, "new": 1}});
    let new = json!({"same": 1, "deep": {"same": 1, "new": 2}});
    assert_eq!(diff(&old, &new), json!({"gone": null, "deep": {"new": 2}}));
    assert_eq!(diff(&new, &new), json!({}));
}

proptest! {
    #[test]
    fn merging_twice_changes_nothing_more(target in document(), patch in patch()) {
        let once = merged(&target, &patch);
        prop_assert_eq!(merged(&once, &patch), once);
    }

    #[test]
    fn a_diff_leads_from_old_to_new(old in document(), new in document()) {
        prop_assert_eq!(merged(&old, &diff(&old, &new)), new);
    }

    #[test]
    fn a_composed_patch_does_what_both_do(target in document(), first in patch(), second in patch()) {
        let both = merged(&merged(&target, &first), &second);
        if let Some(composed) = compose(&first, &second) {
            prop_assert_eq!(merged(&target, &composed), both);
        }
    }

    /// A refusal to compose is never out of convenience: two documents show that no patch can do it.
    #[test]
    fn what_does_not_compose_cannot(first in patch(), second in patch()) {
        if compose(&first, &second).is_none() {
            let object = |key: &str| json!({"a": {key: 1}, "b": {key: 1}, "c": {key: 1}, "d": {key: 1}});
            // Where `second` builds on what `first` wiped, what was inside before is gone. Wrap the marker at each depth.
            let mut marked = object("marker");
            for _ in 0..5 {
                marked = json!({"a": marked, "b": marked, "c": marked, "d": marked, "marker": 1});
            }
            let both = merged(&merged(&marked, &first), &second);
            let mut marks_lost = false;
            walk(&second, &both, &mut marks_lost);
            prop_assert!(marks_lost, "{first} {second} {both}");
        }
    }
}

/// Whether an object that `patch` merges into has lost the marker that every object started with.
fn walk(patch: &Value, result: &Value, lost: &mut bool) {
    if let (Value::Object(fields), Value::Object(present)) = (patch, result) {
        *lost |= !present.contains_key("marker");
        for (key, value) in fields {
            if let Some(inner) = present.get(key) {
                walk(value, inner, lost);
            }
        }
    }
}
