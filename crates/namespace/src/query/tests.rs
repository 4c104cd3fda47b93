use proptest::prelude::*;

use super::*;
use crate::attributes::{AttributeValue, Attributes};
use crate::names::AuthenticationName;

fn pump() -> Principal {
    let attributes = [
        ("type", AttributeValue::Text("pump".to_owned())),
        ("floor", AttributeValue::Integer(5)),
        ("note", AttributeValue::Text("it's".to_owned())),
        ("status", AttributeValue::List(vec!["active".to_owned(), "new".to_owned()])),
    ];
    Principal {
        name: AuthenticationName::parse("Pump-7").unwrap(),
        attributes: Attributes::new(attributes.map(|(key, value)| (key.to_owned(), value))).unwrap(),
    }
}

fn includes(query: &str) -> bool {
    Query::parse(query).unwrap().includes(&pump())
}

#[test]
fn a_query_is_asked_of_a_client() {
    for query in [
        "attributes.type = 'pump'",
        "attributes.type=\"pump\"",
        "attributes.type <> 'valve'",
        "attributes.type IN ['valve', 'pump']",
        "attributes.floor in [4, 5]",
        "attributes.floor > 4 AND attributes.floor <= 5",
        "attributes.status = 'new'",
        "attributes.status != 'old'",
        "attributes.status IN ['old','active']",
        "attributes.note = 'it''s'",
        "attributes.note = \"it's\"",
        "attributes.floor != '5'",
        "authenticationName = 'pump-7'",
        "authenticationname IN ['PUMP-7']",
        // `and` binds closer.
        "attributes.floor = 5 or attributes.floor = 6 and attributes.type = 'valve'",
        "  ( ( attributes.floor = 5 ) )  ",
    ] {
        assert!(includes(query), "{query}");
    }
    for query in [
        "attributes.type = 'Pump'",
        "attributes.Type = 'pump'",
        "attributes.floor = '5'",
        "attributes.floor < -5",
        "attributes.type > 4",
        "attributes.status != 'new'",
        "attributes.status IN ['old']",
        "attributes.absent = 'x'",
        "attributes.absent != 'x'",
        "attributes.absent < 1",
        "authenticationName = 7",
        "authenticationName > 7",
        "(attributes.floor = 5 or attributes.floor = 6) and attributes.type = 'valve'",
    ] {
        assert!(!includes(query), "{query}");
    }
}

#[test]
fn what_is_wrong_with_a_query_is_said() {
    for (query, at) in [
        ("", 0),
        ("attributes.type", 15),
        ("attributes.type = ", 18),
        ("attributes.type = pump", 18),
        ("attributes.type = 'pump", 18),
        ("attributes.type == 'pump'", 17),
        ("attributes.floor > 'x'", 19),
        ("attributes.floor = 5x", 19),
        ("attributes.floor = 99999999999999999999", 19),
        ("attributes.a-b = 1", 12),
        ("attributes. = 1", 0),
        ("attributes.a.b = 1", 0),
        ("name = 'x'", 0),
        ("attributes.a IN []", 17),
        ("attributes.a IN ['x'", 20),
        ("attributes.a = 1 attributes.b = 2", 17),
        ("(attributes.a = 1", 17),
        ("attributes.a = 1)", 16),
        ("attributes.a = 1 or", 19),
        ("ä = 1", 0),
        ("attributes.a = 1 & 2", 17),
    ] {
        assert_eq!(Query::parse(query).unwrap_err().at, at, "{query}");
    }
    assert_eq!(Query::parse(&" ".repeat(4097)).unwrap_err().at, 4096);
}

#[test]
fn a_query_is_only_so_deep() {
    let nested = |depth| format!("{}attributes.a = 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Query::parse(&nested(32)).is_ok());
    assert_eq!(Query::parse(&nested(33)).unwrap_err().at, 32);
    assert!(Query::parse(&"(".repeat(4000)).is_err());
}

/// A query as a tree, with what it should say of the pump.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(&'static str, bool),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
}

impl Tree {
    fn text(&self) -> String {
        match self {
            Self::Leaf(text, _) => (*text).to_owned(),
            Self::And(left, right) => format!("({}) aNd ({})", left.text(), right.text()),
            Self::Or(left, right) => format!("({}) OR ({})", left.text(), right.text()),
        }
    }

    fn holds(&self) -> bool {
        match self {
            Self::Leaf(_, holds) => *holds,
            Self::And(left, right) => left.holds() && right.holds(),
            Self::Or(left, right) => left.holds() || right.holds(),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Leaf("attributes.floor = 5", true)),
        Just(Tree::Leaf("attributes.floor > 5", false)),
        Just(Tree::Leaf("attributes.absent != 5", false)),
        Just(Tree::Leaf("authenticationName IN ['x', 'pump-7']", true)),
    ];
    leaf.prop_recursive(6, 40, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| Tree::And(left.into(), right.into())),
            (inner.clone(), inner).prop_map(|(left, right)| Tree::Or(left.into(), right.into())),
        ]
    })
}

proptest! {
    #[test]
    fn a_query_says_what_its_tree_says(tree in tree()) {
        prop_assert_eq!(includes(&tree.text()), tree.holds());
    }

    #[test]
    fn reading_is_total(text in "[a-c.'\"()\\[\\]=<>!, 0-9ä-]{0,60}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn what_was_cut_off_is_refused_where_it_ends(tree in tree(), cut in any::<prop::sample::Index>()) {
        let text = tree.text();
        let cut = &text[..cut.index(text.len())];
        match Query::parse(cut) {
            Ok(query) => { query.includes(&pump()); }
            Err(error) => prop_assert!(error.at <= cut.len()),
        }
    }
}
