//! Queries as text again: what is printed is read as the same query.

use std::fmt::{self, Display, Formatter, Write};

use serde_json::Value;

use super::ast::{Aggregate, Arithmetic, Comparison, Expression, Item, Path, Projection, Query};
use super::names::function_name;

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        if let Some(top) = self.top {
            write!(f, "TOP {top} ")?;
        }
        if self.projections.is_empty() {
            f.write_char('*')?;
        }
        separated(f, &self.projections, ", ")?;
        write!(f, " FROM {}", self.source.name())?;
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        self.group_by.as_ref().map_or(Ok(()), |path| write!(f, " GROUP BY {path}"))
    }
}

impl Display for Projection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.item {
            Item::Property(path) => path.fmt(f),
            Item::Aggregate(Aggregate::Count) => f.write_str("COUNT()"),
            Item::Aggregate(Aggregate::Average(path)) => write!(f, "AVG({path})"),
            Item::Aggregate(Aggregate::Sum(path)) => write!(f, "SUM({path})"),
            Item::Aggregate(Aggregate::Min(path)) => write!(f, "MIN({path})"),
            Item::Aggregate(Aggregate::Max(path)) => write!(f, "MAX({path})"),
        }?;
        self.alias.as_ref().map_or(Ok(()), |alias| write!(f, " AS [[{alias}]]"))
    }
}

/// In brackets, whatever the name is.
impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}[[{name}]]")?;
        }
        Ok(())
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => constant(f, value),
            Self::Undefined => f.write_str("undefined"),
            Self::Property(path) => path.fmt(f),
            Self::Call(function, values) => {
                write!(f, "{}(", function_name(*function))?;
                separated(f, values, ", ")?;
                f.write_char(')')
            }
            Self::Negative(inner) => write!(f, "-({inner})"),
            Self::Chain(first, rest) => {
                write!(f, "({first}")?;
                for (operator, value) in rest {
                    write!(f, " {} {value}", operator.symbol())?;
                }
                f.write_char(')')
            }
            Self::Compare(operator, left, right) => write!(f, "({left} {} {right})", operator.symbol()),
            Self::In { item, list, negated } => {
                write!(f, "({item} {} ", if *negated { "NIN" } else { "IN" })?;
                constants(f, list)?;
                f.write_char(')')
            }
            Self::Not(inner) => write!(f, "(NOT {inner})"),
            Self::And(all) => join(f, all, " AND "),
            Self::Or(all) => join(f, all, " OR "),
        }
    }
}

impl Comparison {
    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Arithmetic {
    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

fn join(f: &mut Formatter<'_>, all: &[Expression], with: &str) -> fmt::Result {
    f.write_char('(')?;
    separated(f, all, with)?;
    f.write_char(')')
}

fn separated(f: &mut Formatter<'_>, all: &[impl Display], with: &str) -> fmt::Result {
    for (index, one) in all.iter().enumerate() {
        let with = if index == 0 { "" } else { with };
        write!(f, "{with}{one}")?;
    }
    Ok(())
}

fn constants(f: &mut Formatter<'_>, list: &[Value]) -> fmt::Result {
    f.write_char('[')?;
    for (index, value) in list.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        constant(f, value)?;
    }
    f.write_char(']')
}

fn constant(f: &mut Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) => {
            f.write_char('\'')?;
            for c in text.chars() {
                match c {
                    '\'' | '\\' => write!(f, "\\{c}")?,
                    c => f.write_char(c)?,
                }
            }
            f.write_char('\'')
        }
        // Without the ".0" of JSON, and never with an exponent.
        Value::Number(number) => number.as_f64().unwrap_or_default().fmt(f),
        Value::Array(list) => constants(f, list),
        // Literals are not objects.
        other => other.fmt(f),
    }
}
