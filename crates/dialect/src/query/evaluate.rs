//! Expressions on one record. A property that is not there is undefined, here `None`: nothing that takes it is true, and
//! neither is its opposite.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::ast::{Arithmetic, Comparison, Expression, Function, Item, Kind, Path, Query, Target};

/// What queries go through, one by one.
pub trait Record {
    /// The value of a property, if it is there.
    fn get(&self, path: &Path) -> Option<Cow<'_, Value>>;

    /// All of it as JSON, for `SELECT *`.
    fn text(&self) -> String;
}

/// A document of JSON.
impl Record for Value {
    fn get(&self, path: &Path) -> Option<Cow<'_, Value>> {
        Path::walk(path.names(), self).map(Cow::Borrowed)
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Path {
    /// What a document has under these names.
    pub fn walk<'a>(names: &[String], document: &'a Value) -> Option<&'a Value> {
        names.iter().try_fold(document, |value, name| value.as_object()?.get(name))
    }
}

impl Query {
    /// Whether a record counts.
    pub fn matches(&self, record: &impl Record) -> bool {
        is_met(self.condition.as_ref(), record)
    }

    /// The row of a record as JSON, when there is one for each. A column without a name gets the last name of its path;
    /// undefined values are left out.
    pub fn row(&self, record: &impl Record) -> String {
        if self.projections.is_empty() {
            return record.text();
        }
        let mut row = Map::new();
        for column in &self.projections {
            let Item::Property(path) = &column.item else { continue };
            if let Some(value) = record.get(path) {
                row.insert(column.name(0).into_owned(), value.into_owned());
            }
        }
        Value::Object(row).to_string()
    }
}

impl Target {
    /// Whether it is for this record.
    pub fn matches(&self, record: &impl Record) -> bool {
        is_met(self.condition.as_ref(), record)
    }
}

fn is_met(condition: Option<&Expression>, record: &impl Record) -> bool {
    condition.is_none_or(|condition| truth(&evaluate(condition, record)) == Some(true))
}

type Evaluated<'a> = Option<Cow<'a, Value>>;

fn truth(value: &Evaluated<'_>) -> Option<bool> {
    value.as_ref().and_then(|value| value.as_bool())
}

fn evaluate<'a>(expression: &'a Expression, record: &'a impl Record) -> Evaluated<'a> {
    match expression {
        Expression::Constant(value) => Some(Cow::Borrowed(value)),
        Expression::Undefined => None,
        Expression::Property(path) => record.get(path),
        Expression::Call(function, values) => call(*function, values, record),
        Expression::Negative(inner) => number(-evaluate(inner, record)?.as_f64()?),
        Expression::Chain(first, rest) => {
            let first = evaluate(first, record)?.as_f64()?;
            let sum = rest.iter().try_fold(first, |left, (operator, right)| {
                Some(operator.apply(left, evaluate(right, record)?.as_f64()?))
            });
            number(sum?)
        }
        Expression::Compare(operator, left, right) => {
            let (left, right) = (evaluate(left, record)?, evaluate(right, record)?);
            operator.judge(&left, &right).map(boolean)
        }
        Expression::In { item, list, negated } => {
            let item = evaluate(item, record)?;
            let found = list.iter().any(|value| Comparison::Equal.judge(&item, value) == Some(true));
            is_primitive(&item).then(|| boolean(found != *negated))
        }
        Expression::Not(inner) => truth(&evaluate(inner, record)).map(|truth| boolean(!truth)),
        Expression::And(all) => logic(all, record, false),
        Expression::Or(all) => logic(all, record, true),
    }
}

/// One `decisive` value decides; what is neither true nor false leaves the rest without an answer.
fn logic<'a>(all: &'a [Expression], record: &'a impl Record, decisive: bool) -> Evaluated<'a> {
    let mut answer = Some(boolean(!decisive));
    for one in all {
        match truth(&evaluate(one, record)) {
            Some(truth) if truth == decisive => return Some(boolean(decisive)),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

fn call<'a>(function: Function, values: &'a [Expression], record: &'a impl Record) -> Evaluated<'a> {
    let mut values = values.iter().map(|value| evaluate(value, record));
    let first = values.next()?;
    Some(boolean(match function {
        Function::IsDefined => first.is_some(),
        Function::Is(kind) => first.is_some_and(|value| kind.fits(&value)),
        Function::StartsWith | Function::EndsWith => {
            let (first, second) = (first?, values.next()??);
            let (first, second) = (first.as_str()?, second.as_str()?);
            match function {
                Function::StartsWith => first.starts_with(second),
                _ => first.ends_with(second),
            }
        }
    }))
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Array => value.is_array(),
            Self::Bool => value.is_boolean(),
            Self::Null => value.is_null(),
            Self::Number => value.is_number(),
            Self::Object => value.is_object(),
            Self::Primitive => is_primitive(value),
            Self::String => value.is_string(),
        }
    }
}

impl Arithmetic {
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
        }
    }
}

impl Comparison {
    /// Objects and lists are not compared. Values of two kinds are unequal, and neither is less.
    fn judge(self, left: &Value, right: &Value) -> Option<bool> {
        if !is_primitive(left) || !is_primitive(right) {
            return None;
        }
        let order = order(left, right);
        match (self, order) {
            (Self::Equal, order) => Some(order == Some(Ordering::Equal)),
            (Self::NotEqual, order) => Some(order != Some(Ordering::Equal)),
            (Self::Less, Some(order)) => Some(order.is_lt()),
            (Self::LessOrEqual, Some(order)) => Some(order.is_le()),
            (Self::Greater, Some(order)) => Some(order.is_gt()),
            (Self::GreaterOrEqual, Some(order)) => Some(order.is_ge()),
            (_, None) => None,
        }
    }
}

/// Numbers by size, text by its characters, so that times in ISO 8601 are in their order, too.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

fn is_primitive(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn boolean<'a>(truth: bool) -> Cow<'a, Value> {
    Cow::Owned(truth.into())
}

/// Undefined if it is none, as after a division by zero.
fn number<'a>(number: f64) -> Evaluated<'a> {
    number.is_finite().then(|| Cow::Owned(number.into()))
}
