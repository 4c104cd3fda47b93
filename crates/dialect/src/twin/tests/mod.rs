mod documents;
mod limits;
mod patches;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Few keys, so that trees meet; nulls only when `nulls`.
fn tree(nulls: bool) -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
        Just(json!([1, {"a": 2}])),
    ];
    let value = leaf.prop_recursive(4, 24, 3, move |inner| object_of(inner, nulls));
    object_of(value.boxed(), nulls).boxed()
}

fn object_of(inner: BoxedStrategy<Value>, nulls: bool) -> BoxedStrategy<Value> {
    let value = if nulls { prop_oneof![3 => inner, 1 => Just(Value::Null)].boxed() } else { inner };
    proptest::collection::btree_map("[a-d]", value, 0..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()))
        .boxed()
}

/// A document: an object without nulls outside arrays.
fn document() -> BoxedStrategy<Value> {
    tree(false)
}

/// A merge patch.
fn patch() -> BoxedStrategy<Value> {
    tree(true)
}
