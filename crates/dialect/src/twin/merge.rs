//! JSON merge patches as the service applies them: `null` deletes, objects merge, anything else, arrays included,
//! replaces (IoT Hub docs, device twins: "Back-end operations"; the rules are those of RFC 7396).
//!
//! The functions recurse as deep as their arguments. Values that passed
//! [`check_patch`](super::check_patch), or came out of the JSON parser (128 levels), are bounded.

use serde_json::{Map, Value};

/// Applies `patch` to `target`. An object patch for an absent or non-object value makes a new object, even when all it
/// holds is nulls; a patch that is not an object replaces the target.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(fields) = target {
        merge_object(fields, patch);
    }
}

/// [`merge_patch`] for the fields of an object.
pub(super) fn merge_object(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    let is_deleted = |key: &String| patch.get(key).is_some_and(Value::is_null);
    if patch.values().any(Value::is_null) {
        // In one pass: an object with its members in order takes as long for each removal.
        target.retain(|key, _| !is_deleted(key));
    }
    for (key, value) in patch.iter().filter(|(_, value)| !value.is_null()) {
        if let Some(present) = target.get_mut(key) {
            merge_patch(present, value);
        } else {
            let mut fresh = Value::Null;
            merge_patch(&mut fresh, value);
            target.insert(key.clone(), fresh);
        }
    }
}

/// One patch that does to every document what `first` and then `second` would; both are objects.
///
/// `None` when there is none: where `first` deletes or replaces a value and `second` puts an object in its place, a
/// single patch could only merge into whatever object stood there before.
pub fn compose(first: &Value, second: &Value) -> Option<Value> {
    let (Value::Object(first), Value::Object(second)) = (first, second) else {
        return None;
    };
    let mut composed = first.clone();
    for (key, later) in second {
        let value = match (composed.get(key), later) {
            (Some(earlier @ Value::Object(_)), Value::Object(_)) => compose(earlier, later)?,
            (Some(_), Value::Object(_)) => return None,
            _ => later.clone(),
        };
        composed.insert(key.clone(), value);
    }
    Some(Value::Object(composed))
}

/// The smallest patch that turns `old` into `new`, an empty object when they are equal. `new` holds no null outside
/// arrays, as no document does.
pub fn diff(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = new.iter().filter_map(|(key, value)| match old.get(key) {
        Some(before) if is_same(before, value) => None,
        Some(before) => Some((key.clone(), diff(before, value))),
        None => Some((key.clone(), value.clone())),
    });
    Value::Object(gone.chain(changed).collect())
}

/// Whether two values are equal for an application. Numbers are kept as they are written; `4.20` and `4.2`, which a hub
/// may make of it, are one number. A whole number and a fraction are two.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || (left.is_f64() && right.is_f64() && left.as_f64() == right.as_f64())
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(key, value): (&String, _)| right.get(key).is_some_and(|other| is_same(value, other));
            left.len() == right.len() && left.iter().all(same)
        }
        _ => left == right,
    }
}
