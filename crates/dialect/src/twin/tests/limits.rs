use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{
    PatchTextError, Section, TwinLimitError, TwinRule, check_patch, check_patch_text, merge_patch,
    section_size,
};
use super::{document, patch};

/// Checks a patch as a value and as text, which must agree.
fn check(section: Section, patch: &Value) -> Result<(), TwinLimitError> {
    let judged = check_patch(section, patch);
    assert_eq!(as_text(section, &patch.to_string()), judged);
    assert_eq!(as_text(section, &format!(" {patch:#}\n")), judged);
    judged
}

fn as_text(section: Section, text: &str) -> Result<(), TwinLimitError> {
    check_patch_text(section, text.as_bytes()).map_err(|error| match error {
        PatchTextError::Refused(refused) => refused,
        PatchTextError::NotJson(error) => panic!("{error}"),
    })
}

fn refused(patch: &Value) -> (String, TwinRule) {
    let error = check(Section::Reported, patch).unwrap_err();
    assert!(error.to_string().starts_with(&format!("twin: {} ", error.path)), "{error}");
    (error.path, error.rule)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn nested(levels: usize, innermost: Value) -> Value {
    (0..levels).fold(innermost, |value, _| json!({ "k": value }))
}

#[test]
fn what_is_accepted() {
    for patch in [
        json!({}),
        json!({"k": null, "é-_/\\\"": [1, {"a": 0}, "x"], "": {"": null}}),
        json!({"k": "x".repeat(4096), "x".repeat(1024): 1}),
        json!({"min": -4_503_599_627_370_496_i64, "max": 4_503_599_627_370_495_i64, "float": 1e300}),
        // With a fraction or an exponent it is not an integer.
        parsed(r#"{"a": 4503599627370496.0, "b": 1e16, "c": 123456789012345678901.5, "d": 1e-400}"#),
        // Ten levels of objects below the section, as in the docs' example.
        nested(11, json!("value")),
    ] {
        assert_eq!(check(Section::Reported, &patch), Ok(()));
    }
}

#[test]
fn the_path_and_the_rule_are_named() {
    let path = |path: &str, rule| (path.to_owned(), rule);
    for patch in [json!(null), json!([]), json!("x"), json!(1)] {
        assert_eq!(refused(&patch), path("reported", TwinRule::NotAnObject));
    }
    let long = "x".repeat(1025);
    for (patch, expected) in [
        (json!({"$version": 1}), path("reported[\"$version\"]", TwinRule::KeyCharacter('$'))),
        (json!({"a": {"b.c": 1}}), path("reported.a[\"b.c\"]", TwinRule::KeyCharacter('.'))),
        (json!({"a": [0, {"b c": 1}]}), path("reported.a[1][\"b c\"]", TwinRule::KeyCharacter(' '))),
        (json!({"a\n": 1}), path("reported[\"a\u{fffd}\"]", TwinRule::KeyCharacter('\n'))),
        (json!({"\u{85}": 1}), path("reported[\"\u{fffd}\"]", TwinRule::KeyCharacter('\u{85}'))),
        (json!({"a": {"b#": 1}}), path("reported.a[\"b#\"]", TwinRule::KeyCharacter('#'))),
        (json!({"\u{a0}": 1}), path("reported[\"\u{a0}\"]", TwinRule::KeyCharacter('\u{a0}'))),
        (json!({"": "x".repeat(4097)}), path("reported[\"\"]", TwinRule::StringTooLong(4097))),
        (json!({"a": [null]}), path("reported.a[0]", TwinRule::NullInArray)),
        (json!({"a": {"b": [1, [null]]}}), path("reported.a.b[1][0]", TwinRule::NullInArray)),
        (json!({"a": [0, {"b": {"c": null}}]}), path("reported.a[1].b.c", TwinRule::NullInArray)),
        (json!({&long: 1}), path(&format!("reported[\"{}…\"]", &long[..64]), TwinRule::KeyTooLong(1025))),
        (json!({"a": ["x".repeat(4097)]}), path("reported.a[0]", TwinRule::StringTooLong(4097))),
        (json!({"a": 4_503_599_627_370_496_i64}), path("reported.a", TwinRule::IntegerRange)),
        (json!({"a": -4_503_599_627_370_497_i64}), path("reported.a", TwinRule::IntegerRange)),
        (json!({"a": u64::MAX}), path("reported.a", TwinRule::IntegerRange)),
        (parsed(r#"{"a": 18446744073709551616}"#), path("reported.a", TwinRule::IntegerRange)),
        (
            parsed(r#"{"a": [1, -123456789012345678901234567890]}"#),
            path("reported.a[1]", TwinRule::IntegerRange),
        ),
        (parsed(r#"{"a": 1e309}"#), path("reported.a", TwinRule::NumberRange)),
        (parsed(r#"{"a": -1.5E+9999}"#), path("reported.a", TwinRule::NumberRange)),
        (nested(11, json!({})), path("reported.k.k.k.k.k.k.k.k.k.k.k", TwinRule::TooDeep)),
        // An offence after an accepted branch: the path is not that branch's.
        (json!({"a": {"b": [1]}, "c": {"$d": 1}}), path("reported.c[\"$d\"]", TwinRule::KeyCharacter('$'))),
    ] {
        assert_eq!(refused(&patch), expected);
    }
}

#[test]
fn sections_have_sizes() {
    assert_eq!(
        section_size(&json!({"ab": "é\n", "n": 1.5, "t": true, "o": {"k": [1, 2]}, "gone": null})),
        36
    );
    let fill = |bytes: usize| -> Value {
        let strings = (0..bytes / 1024).map(|index| (format!("{index:04}"), "x".repeat(1020).into()));
        Value::Object(strings.collect())
    };
    for (section, limit) in [(Section::Tags, 8), (Section::Desired, 32), (Section::Reported, 32)] {
        let mut values = fill(limit * 1024);
        assert_eq!(section_size(&values), limit * 1024);
        assert_eq!(check(section, &values), Ok(()));
        values["x"] = json!("");
        let error = check(section, &values).unwrap_err();
        let rule = TwinRule::SectionSize { size: limit * 1024 + 1, limit: limit * 1024 };
        assert_eq!((error.path.as_str(), error.rule), (section.name(), rule));
    }
}

#[test]
fn very_deep_values_are_refused_without_deep_recursion() {
    let mut deep = json!(1);
    for _ in 0..500 {
        deep = Value::Array(vec![deep]);
    }
    let patch = Value::Object(std::iter::once(("a".to_owned(), deep)).collect());
    let error = check_patch(Section::Reported, &patch).unwrap_err();
    assert_eq!(error.rule, TwinRule::TooDeep);
    // As text, deeper than JSON parsers go.
    let text = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(as_text(Section::Reported, &text), Err(error));
}

#[test]
fn text_that_is_not_json_is_no_patch() {
    for text in
        ["", " ", "{", "{\"a\":}", "{\"a\":1,}", "{} {}", "{\"a\":01}", "{\"\\ud800\":1}", "{a:1}", "nul"]
    {
        let error = check_patch_text(Section::Reported, text.as_bytes()).unwrap_err();
        assert!(matches!(error, PatchTextError::NotJson(_)), "{text}: {error}");
    }
    let error = check_patch_text(Section::Reported, b"{\"\xff\":1}").unwrap_err();
    assert!(matches!(error, PatchTextError::NotJson(_)));
}

#[test]
fn escapes_are_judged_as_what_they_stand_for() {
    let error = as_text(Section::Reported, r#"{"a": {"\u0024x": 1}}"#).unwrap_err();
    assert_eq!((error.path.as_str(), error.rule), ("reported.a[\"$x\"]", TwinRule::KeyCharacter('$')));
    let long = format!("{{\"a\": \"{}\"}}", "\\u0041".repeat(4096));
    assert_eq!(as_text(Section::Reported, &long), Ok(()));
}

proptest! {
    /// The device may judge a patch alone: what it refuses for size the hub would refuse too.
    #[test]
    fn a_patch_is_never_larger_than_what_it_makes(target in document(), patch in patch()) {
        let mut result = target;
        merge_patch(&mut result, &patch);
        prop_assert!(section_size(&patch) <= section_size(&result));
    }

    #[test]
    fn a_patch_is_judged_alike_as_value_and_as_text(patch in patch()) {
        let _ = check(Section::Desired, &patch);
    }

    #[test]
    fn checking_is_total(bytes in proptest::collection::vec(any::<u8>(), 0..48), key in any::<String>(), text in any::<String>()) {
        if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
            let _ = check(Section::Tags, &value);
        }
        let _ = check_patch_text(Section::Tags, &bytes);
        let bad = key.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '.' | '$' | '#'));
        let refused = check(Section::Desired, &json!({"a": {key: text}})).is_err();
        prop_assert_eq!(refused, bad);
    }
}
