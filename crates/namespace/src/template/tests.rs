use proptest::prelude::*;

use super::*;
use crate::attributes::{AttributeValue, Attributes};
use crate::names::AuthenticationName;
use crate::topic;

fn principal(name: &str, attributes: &[(&str, AttributeValue)]) -> Principal {
    let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Principal {
        name: AuthenticationName::parse(name).unwrap(),
        attributes: Attributes::new(attributes).unwrap(),
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.to_owned())
}

fn matches(template: &str, principal: &Principal, topic: &str) -> bool {
    Template::parse(template).unwrap().matches(principal, &Levels::of(topic).unwrap())
}

fn covers(template: &str, principal: &Principal, filter: &str) -> bool {
    Template::parse(template).unwrap().covers(principal, &Levels::of_filter(filter).unwrap())
}

#[test]
fn variables_stand_for_the_clients_values() {
    let pump = principal(
        "Pump1",
        &[
            ("floor", AttributeValue::Integer(-5)),
            ("room", text("345")),
            ("lines", AttributeValue::List(vec!["a".into(), "ab".into(), "b".into()])),
            ("bad", text("x/y")),
            ("wild", text("+")),
        ],
    );
    for (template, topic) in [
        ("contosotopics/topic1", "contosotopics/topic1"),
        ("pumps/${client.authenticationName}/#", "pumps/Pump1"),
        ("pumps/${client.authenticationName}/#", "pumps/Pump1/a/b"),
        ("m/${client.authenticationName|.factory1}/t", "m/Pump1.factory1/t"),
        ("f/${client.attributes.floor}/+", "f/-5/x"),
        ("f/no-${client.attributes.room}-${client.attributes.floor}", "f/no-345--5"),
        ("l/${client.attributes.lines}", "l/ab"),
        ("l/${client.attributes.lines}${client.attributes.lines}c", "l/abbc"),
    ] {
        assert!(matches(template, &pump, topic), "{template} {topic}");
    }
    for (template, topic) in [
        ("pumps/${client.authenticationName}", "pumps/pump1"),
        ("pumps/${client.authenticationName}", "pumps/Pump1/x"),
        ("pumps/${client.authenticationName}", "pumps/${client.authenticationName}"),
        ("m/${client.authenticationName|.f}", "m/Pump1"),
        ("l/${client.attributes.lines}", "l/aab"),
        ("l/${client.attributes.absent}", "l/"),
        ("l/${client.attributes.bad}", "l/x/y"),
        ("l/${client.attributes.wild}", "l/x"),
    ] {
        assert!(!matches(template, &pump, topic), "{template} {topic}");
    }
}

#[test]
fn filters_are_covered_by_one_template() {
    let pump = principal("pump", &[("wild", text("+"))]);
    for (template, filter) in [
        ("sample/#", "sample/+"),
        ("sample/#", "sample/#"),
        ("sample/#", "sample"),
        ("a/+/c", "a/+/c"),
        ("a/+/c", "a/b/c"),
        ("a/${client.authenticationName}/#", "a/pump/+/x"),
        ("+/#", "#"),
        ("#", "+/#"),
        ("$SYS/#", "$SYS/+"),
    ] {
        assert!(covers(template, &pump, filter), "{template} {filter}");
    }
    for (template, filter) in [
        ("sample/+", "sample/#"),
        ("sample/+/#", "sample/#"),
        ("a/${client.authenticationName}", "a/+"),
        ("a/${client.attributes.wild}", "a/+"),
        ("a/b", "a/+"),
        ("a/b", "a"),
        ("a/b", "a/b/c"),
        ("#", "$SYS/#"),
        ("+/a", "$SYS/a"),
        ("+/+/#", "#"),
    ] {
        assert!(!covers(template, &pump, filter), "{template} {filter}");
    }
}

#[test]
fn what_is_wrong_with_a_template_is_said() {
    for (template, at) in [
        ("", 0),
        ("a/#/b", 2),
        ("a/b+", 3),
        ("a/${client.authenticationName", 2),
        ("a/${client.name}", 2),
        ("a/${client.attributes.a-b}", 2),
        ("a/${client.attributes.}", 2),
        ("a/x${client/authenticationName}", 3),
        ("a/${client.authenticationName|+}", 30),
        ("$share/g/a", 0),
        ("a\0", 1),
        ("a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", 30),
    ] {
        assert_eq!(Template::parse(template).unwrap_err().at, at, "{template}");
    }
    assert_eq!(Template::parse(&"a".repeat(257)).unwrap_err().at, 256);
    assert!(Template::parse("a/b c/$x/}{/|").is_ok());
}

#[test]
fn a_bomb_takes_no_longer_than_its_bytes_allow() {
    let many: Vec<String> = (1..60).map(|count| "a".repeat(count)).collect();
    let pump = principal("pump", &[("x", AttributeValue::List(many))]);
    let bomb = "${client.attributes.x}".repeat(11);
    assert!(!matches(&bomb, &pump, &format!("{}b", "a".repeat(250))));
    assert!(matches(&bomb, &pump, &"a".repeat(256)));
}

/// Every topic of up to four levels over a few names: enough to tell any two of the filters below apart.
fn all_topics() -> Vec<String> {
    let names = ["a", "b", "", "$x"];
    let mut all: Vec<String> = names.map(str::to_owned).to_vec();
    let mut last = all.clone();
    for _ in 0..3 {
        last = last.iter().flat_map(|prefix| names.map(|name| format!("{prefix}/{name}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just(""), Just("+"), Just("$x")]
}

prop_compose! {
    fn filter()(mut levels in prop::collection::vec(level(), 1..=3), many in any::<bool>()) -> String {
        if many {
            levels.pop();
            levels.push("#");
        }
        let filter = levels.join("/");
        // No topic is empty.
        if filter.is_empty() { "a".to_owned() } else { filter }
    }
}

proptest! {
    #[test]
    fn covering_is_containment(template in filter(), wanted in filter()) {
        let pump = principal("pump", &[]);
        let wanted_levels = Levels::of_filter(&wanted).unwrap();
        let contained = all_topics().iter().all(|name| {
            let levels = Levels::of(name).unwrap();
            !topic::matches(wanted_levels.as_slice(), levels.as_slice())
                || matches(&template, &pump, name)
        });
        prop_assert_eq!(covers(&template, &pump, &wanted), contained, "{} {}", template, wanted);
    }

    #[test]
    fn a_template_without_variables_is_a_filter(template in filter(), name in prop::sample::select(all_topics())) {
        let pump = principal("pump", &[]);
        let filter = Levels::of(&template).unwrap();
        let levels = Levels::of(&name).unwrap();
        prop_assert_eq!(
            matches(&template, &pump, &name),
            topic::matches(filter.as_slice(), levels.as_slice())
        );
    }

    #[test]
    fn reading_is_total(template in "[a${}/+#|.\\u{0}client]{0,40}", name in "[a/$]{0,20}") {
        let pump = principal("a", &[("x", text("a"))]);
        if let (Ok(template), Ok(levels)) = (Template::parse(&template), Levels::of(&name)) {
            template.matches(&pump, &levels);
            template.covers(&pump, &levels);
        }
    }
}
