//! The query language of IoT Hub, for twins and jobs (IoT Hub docs, "IoT Hub query language for device and module twins,
//! jobs, and message routing").
//!
//! ```text
//! SELECT [TOP n] * | item [AS name], …   FROM devices | devices.modules | devices.jobs
//! [WHERE condition] [GROUP BY property]
//! ```
//!
//! * [`Query::parse`] reads a query, [`Target::parse`] the condition that a job or a configuration has in its place. What is
//!   not of the language is an error with its position; nothing is passed over.
//! * [`Query::matches`], [`Query::row`] and [`Groups`] evaluate one, record by record. A [`Record`] answers for its
//!   properties one by one, so that a document need not be made to be refused.

mod aggregate;
mod ast;
mod display;
mod error;
mod evaluate;
mod lexer;
mod names;
mod parser;
mod statement;
#[cfg(test)]
mod tests;

pub use aggregate::Groups;
pub use ast::{
    Aggregate, Arithmetic, Comparison, Expression, Function, Item, Kind, Path, Projection, Query, Source,
    Target,
};
pub use error::QueryError;
pub use evaluate::Record;

/// The longest query, in characters (IoT Hub docs, "Twin query limitations").
pub const MAX_QUERY: usize = 8192;

/// Columns of a query: each has a value for every row. The service names no limit.
pub const MAX_COLUMNS: usize = 100;

/// How deep parentheses, NOT, signs and calls may nest. The service names no limit.
pub const MAX_NESTING: usize = 64;
