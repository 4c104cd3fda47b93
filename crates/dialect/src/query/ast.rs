//! A query as a value.

use serde_json::Value;

/// What a query goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `devices`: the twins of devices.
    Devices,
    /// `devices.modules`: the twins of modules.
    Modules,
    /// `devices.jobs`: what jobs did to each device.
    Jobs,
}

impl Source {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Modules => "devices.modules",
            Self::Jobs => "devices.jobs",
        }
    }
}

/// A property of a record, such as `tags.location.plant`. The source's name in front of it is left away, and names that the
/// service gave are spelt as it spells them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path(pub(super) Vec<String>);

impl Path {
    /// Its names; at least one.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// Ways to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`, `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Ways to calculate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// Functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Whether the property is there, be it null.
    IsDefined,
    /// Whether the value is of that kind.
    Is(Kind),
    /// Whether a text begins with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
}

/// Kinds of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list.
    Array,
    /// True or false.
    Bool,
    /// Null.
    Null,
    /// A number.
    Number,
    /// An object.
    Object,
    /// Text, a number, true, false or null.
    Primitive,
    /// Text.
    String,
}

/// What has a value, or is undefined.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A literal.
    Constant(Value),
    /// `undefined`
    Undefined,
    /// A property.
    Property(Path),
    /// A function of values.
    Call(Function, Vec<Expression>),
    /// `-x`
    Negative(Box<Expression>),
    /// Sums, differences; or products, quotients. From left to right. A list and not a tree: it may be long.
    Chain(Box<Expression>, Vec<(Arithmetic, Expression)>),
    /// `x = y`
    Compare(Comparison, Box<Expression>, Box<Expression>),
    /// `x IN [a, b]`, or `NIN` if `negated`.
    In {
        /// What is looked for.
        item: Box<Expression>,
        /// Literals.
        list: Vec<Value>,
        /// `NIN`
        negated: bool,
    },
    /// `NOT x`
    Not(Box<Expression>),
    /// `x AND y AND z`; two or more.
    And(Vec<Expression>),
    /// `x OR y OR z`; two or more.
    Or(Vec<Expression>),
}

impl Expression {
    /// Whether `fits` holds for each property in it.
    pub fn all_properties(&self, fits: &impl Fn(&Path) -> bool) -> bool {
        let all = |parts: &[Self]| parts.iter().all(|part| part.all_properties(fits));
        match self {
            Self::Constant(_) | Self::Undefined => true,
            Self::Property(path) => fits(path),
            Self::Call(_, parts) | Self::And(parts) | Self::Or(parts) => all(parts),
            Self::Negative(part) | Self::Not(part) | Self::In { item: part, .. } => part.all_properties(fits),
            Self::Chain(first, rest) => {
                first.all_properties(fits) && rest.iter().all(|(_, part)| part.all_properties(fits))
            }
            Self::Compare(_, left, right) => left.all_properties(fits) && right.all_properties(fits),
        }
    }
}

/// Functions of all records, or of those of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// `COUNT()`
    Count,
    /// `AVG(x)`
    Average(Path),
    /// `SUM(x)`
    Sum(Path),
    /// `MIN(x)`
    Min(Path),
    /// `MAX(x)`
    Max(Path),
}

/// What a column shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A property of each record.
    Property(Path),
    /// A figure of all.
    Aggregate(Aggregate),
}

/// A column of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// What it shows.
    pub item: Item,
    /// What it is called, if the query says so.
    pub alias: Option<String>,
}

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// At most so many rows.
    pub top: Option<usize>,
    /// Empty for `*`.
    pub projections: Vec<Projection>,
    /// What it goes through.
    pub source: Source,
    /// Which records count; all without one.
    pub condition: Option<Expression>,
    /// By which property records are grouped.
    pub group_by: Option<Path>,
}

impl Query {
    /// Whether a row stands for many records.
    pub fn aggregates(&self) -> bool {
        self.group_by.is_some()
            || self.projections.iter().any(|column| matches!(column.item, Item::Aggregate(_)))
    }
}

/// The condition of a job, or of a configuration: whom it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Devices or modules.
    pub source: Source,
    /// All of them, without one.
    pub condition: Option<Expression>,
}
