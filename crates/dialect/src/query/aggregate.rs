//! Figures of all records, or of groups of them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::ast::{Aggregate, Item, Projection, Query};
use super::evaluate::{Record, order};

/// The rows of a query that aggregates, while records come in.
pub struct Groups<'a> {
    query: &'a Query,
    /// By the text of the group's value, so that rows have an order; undefined is first.
    groups: BTreeMap<String, Group>,
}

struct Group {
    value: Option<Value>,
    /// For each column.
    figures: Vec<Figure>,
}

#[derive(Clone, Default)]
struct Figure {
    count: u64,
    sum: f64,
    extreme: Option<Value>,
}

impl<'a> Groups<'a> {
    /// For a query whose [`Query::aggregates`] is true.
    pub fn new(query: &'a Query) -> Self {
        let mut groups = Self { query, groups: BTreeMap::new() };
        if query.group_by.is_none() {
            // One row, even of nothing.
            groups.group(None);
        }
        groups
    }

    fn group(&mut self, value: Option<Value>) -> &mut Group {
        let key = match &value {
            // However it is written: 1, 1.0 and 1e0 are one group.
            Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::INFINITY).to_string(),
            value => value.as_ref().map(Value::to_string).unwrap_or_default(),
        };
        let figures = self.query.projections.len();
        self.groups.entry(key).or_insert_with(|| Group { value, figures: vec![Figure::default(); figures] })
    }

    /// Counts a record, which the query matches.
    pub fn add(&mut self, record: &impl Record) {
        let query = self.query;
        let value = query.group_by.as_ref().and_then(|path| record.get(path)).map(Cow::into_owned);
        let group = self.group(value);
        for (column, figure) in query.projections.iter().zip(&mut group.figures) {
            if let Item::Aggregate(aggregate) = &column.item {
                figure.add(aggregate, record);
            }
        }
    }

    /// A row for each group.
    pub fn rows(self) -> Vec<Value> {
        let query = self.query;
        let row = |group: Group| {
            let mut row = Map::new();
            for (index, (column, figure)) in query.projections.iter().zip(group.figures).enumerate() {
                let value = match &column.item {
                    Item::Property(_) => group.value.clone(),
                    Item::Aggregate(aggregate) => figure.value(aggregate),
                };
                if let Some(value) = value {
                    row.insert(column.name(index + 1).into_owned(), value);
                }
            }
            Value::Object(row)
        };
        self.groups.into_values().map(row).collect()
    }
}

impl Figure {
    fn add(&mut self, aggregate: &Aggregate, record: &impl Record) {
        match aggregate {
            Aggregate::Count => self.count += 1,
            Aggregate::Average(path) | Aggregate::Sum(path) => {
                if let Some(number) = record.get(path).and_then(|value| value.as_f64()) {
                    self.count += 1;
                    self.sum += number;
                }
            }
            Aggregate::Min(path) | Aggregate::Max(path) => {
                let Some(value) = record.get(path) else { return };
                let Some(extreme) = &self.extreme else {
                    // What has no order has no least.
                    self.extreme = order(&value, &value).map(|_| value.into_owned());
                    return;
                };
                let order = order(&value, extreme);
                let beyond = match aggregate {
                    Aggregate::Min(_) => order.is_some_and(Ordering::is_lt),
                    _ => order.is_some_and(Ordering::is_gt),
                };
                if beyond {
                    self.extreme = Some(value.into_owned());
                }
            }
        }
    }

    fn value(self, aggregate: &Aggregate) -> Option<Value> {
        match aggregate {
            Aggregate::Count => Some(self.count.into()),
            Aggregate::Sum(_) => Some(whole(self.sum)),
            #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 devices")]
            Aggregate::Average(_) => (self.count > 0).then(|| whole(self.sum / self.count as f64)),
            Aggregate::Min(_) | Aggregate::Max(_) => self.extreme,
        }
    }
}

/// A whole number without a fraction, as JSON has both.
fn whole(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "it was compared")]
    if number.fract() == 0.0 && number.abs() < 9e15 { (number as i64).into() } else { number.into() }
}

impl Projection {
    /// The name of a column; an aggregate without one is called by its number, `$1`.
    pub(super) fn name(&self, number: usize) -> Cow<'_, str> {
        match (&self.alias, &self.item) {
            (Some(alias), _) => alias.into(),
            (None, Item::Property(path)) => path.names().last().map_or("", String::as_str).into(),
            (None, Item::Aggregate(_)) => format!("${number}").into(),
        }
    }
}
