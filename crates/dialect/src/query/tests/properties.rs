//! Whatever is sent, the parser answers; what is printed is read back; and rows are what plain logic says.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::ids;
use crate::query::ast::{
    Aggregate, Arithmetic, Comparison, Expression, Function, Item, Kind, Path, Projection, Query, Source,
};
use crate::query::names::canonical;

fn constant() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        "[ -~é]{0,6}".prop_map(Value::from),
    ]
}

fn path() -> impl Strategy<Value = Path> {
    proptest::collection::vec("[a-zA-Z_$ é'.-]{1,6}", 1..4)
        .prop_map(|names| canonical(Source::Devices, names))
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        constant().prop_map(Expression::Constant),
        proptest::collection::vec(constant(), 0..3).prop_map(|list| Expression::Constant(list.into())),
        Just(Expression::Undefined),
        path().prop_map(Expression::Property),
        path().prop_map(|path| Expression::Call(Function::IsDefined, vec![Expression::Property(path)])),
    ];
    leaf.prop_recursive(4, 32, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let many = || proptest::collection::vec(inner.clone(), 2..4);
        let comparison = prop_oneof![
            Just(Comparison::Equal),
            Just(Comparison::NotEqual),
            Just(Comparison::Less),
            Just(Comparison::LessOrEqual),
            Just(Comparison::Greater),
            Just(Comparison::GreaterOrEqual),
        ];
        let sums = prop_oneof![Just(Arithmetic::Add), Just(Arithmetic::Subtract)];
        let products =
            prop_oneof![Just(Arithmetic::Multiply), Just(Arithmetic::Divide), Just(Arithmetic::Remainder)];
        let chain = |operators: BoxedStrategy<Arithmetic>| {
            let rest = proptest::collection::vec((operators, inner.clone()), 1..4);
            (boxed(), rest).prop_map(|(first, rest)| Expression::Chain(first, rest))
        };
        prop_oneof![
            inner.clone().prop_map(|value| Expression::Call(Function::Is(Kind::Primitive), vec![value])),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| Expression::Call(Function::StartsWith, vec![a, b])),
            boxed().prop_map(Expression::Negative),
            chain(sums.boxed()),
            chain(products.boxed()),
            (comparison, boxed(), boxed()).prop_map(|(how, a, b)| Expression::Compare(how, a, b)),
            (boxed(), proptest::collection::vec(constant(), 0..3), any::<bool>())
                .prop_map(|(item, list, negated)| Expression::In { item, list, negated }),
            boxed().prop_map(Expression::Not),
            many().prop_map(Expression::And),
            many().prop_map(Expression::Or),
        ]
    })
}

fn query() -> impl Strategy<Value = Query> {
    let alias = || proptest::option::of("[a-z ]{1,5}");
    let property =
        (path(), alias()).prop_map(|(path, alias)| Projection { item: Item::Property(path), alias });
    let aggregate = prop_oneof![
        Just(Aggregate::Count),
        path().prop_map(Aggregate::Sum),
        path().prop_map(Aggregate::Average),
        path().prop_map(Aggregate::Min),
        path().prop_map(Aggregate::Max),
    ];
    let aggregate = (aggregate, alias())
        .prop_map(|(aggregate, alias)| Projection { item: Item::Aggregate(aggregate), alias });
    let columns = prop_oneof![
        (proptest::collection::vec(property, 0..3), Just(None)),
        (proptest::collection::vec(aggregate, 1..3), proptest::option::of(path())),
    ];
    (proptest::option::of(1_usize..1000), columns, proptest::option::of(expression())).prop_map(
        |(top, (projections, group_by), condition)| Query {
            top,
            projections,
            source: Source::Devices,
            condition,
            group_by,
        },
    )
}

/// A condition on the tags a, b, c, and what it says of a document by plain logic: `None` for undefined.
#[derive(Clone, Debug)]
enum Model {
    Equals(&'static str, i64),
    Below(&'static str, i64),
    Among(&'static str, Vec<i64>),
    Defined(&'static str),
    Not(Box<Model>),
    Both(Box<Model>, Box<Model>),
    Either(Box<Model>, Box<Model>),
}

impl Model {
    fn text(&self) -> String {
        match self {
            Self::Equals(name, value) => format!("tags.{name} = {value}"),
            Self::Below(name, value) => format!("tags.{name} < {value}"),
            Self::Among(name, list) => format!("tags.{name} IN {list:?}"),
            Self::Defined(name) => format!("IS_DEFINED(tags.{name})"),
            Self::Not(inner) => format!("NOT ({})", inner.text()),
            Self::Both(one, other) => format!("({}) AND ({})", one.text(), other.text()),
            Self::Either(one, other) => format!("({}) OR ({})", one.text(), other.text()),
        }
    }

    fn holds(&self, tags: &[(&str, Option<i64>)]) -> Option<bool> {
        let tag = |name| tags.iter().find(|(known, _)| *known == name).and_then(|(_, value)| *value);
        match self {
            Self::Equals(name, value) => tag(*name).map(|tag| tag == *value),
            Self::Below(name, value) => tag(*name).map(|tag| tag < *value),
            Self::Among(name, list) => tag(*name).map(|tag| list.contains(&tag)),
            Self::Defined(name) => Some(tag(*name).is_some()),
            Self::Not(inner) => inner.holds(tags).map(|holds| !holds),
            Self::Both(one, other) => match (one.holds(tags), other.holds(tags)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Either(one, other) => match (one.holds(tags), other.holds(tags)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}

fn model() -> impl Strategy<Value = Model> {
    let name = || prop_oneof![Just("a"), Just("b"), Just("c")];
    let leaf = prop_oneof![
        (name(), -2_i64..3).prop_map(|(name, value)| Model::Equals(name, value)),
        (name(), -2_i64..3).prop_map(|(name, value)| Model::Below(name, value)),
        (name(), proptest::collection::vec(-2_i64..3, 0..3))
            .prop_map(|(name, list)| Model::Among(name, list)),
        name().prop_map(Model::Defined),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed().prop_map(Model::Not),
            (boxed(), boxed()).prop_map(|(one, other)| Model::Both(one, other)),
            (boxed(), boxed()).prop_map(|(one, other)| Model::Either(one, other)),
        ]
    })
}

proptest! {
    #[test]
    fn the_parser_answers_whatever_is_sent(text in any::<String>()) {
        let _ = Query::parse(&text);
    }

    #[test]
    fn the_parser_answers_what_looks_like_queries(
        words in proptest::collection::vec("SELECT|TOP|FROM|devices|WHERE|NOT|AND|IN|GROUP BY|[a-z]|[0-9]x?|'|\\[|\\]|[(),.*=<>+%/-]|COUNT\\(|\\[\\[", 0..40)
    ) {
        let text = words.join(" ");
        if let Ok(query) = Query::parse(&text) {
            prop_assert_eq!(Query::parse(&query.to_string()).unwrap(), query);
        }
    }

    #[test]
    fn what_is_printed_is_read_back(query in query()) {
        prop_assert_eq!(Query::parse(&query.to_string()).map_err(|error| error.to_string()), Ok(query));
    }

    #[test]
    fn conditions_are_plain_logic(
        model in model(),
        tags in proptest::collection::vec(proptest::option::of(-2_i64..3), 3),
    ) {
        let tags: Vec<_> = ["a", "b", "c"].into_iter().zip(tags).collect();
        let mut document = json!({ "deviceId": "d", "tags": {} });
        for (name, value) in &tags {
            if let Some(value) = value {
                document["tags"][*name] = (*value).into();
            }
        }
        let held = !ids(&model.text(), &[document]).is_empty();
        prop_assert_eq!(held, model.holds(&tags) == Some(true), "{}", model.text());
    }
}
