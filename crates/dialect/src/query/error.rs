//! Why a query is refused.

use std::fmt;

/// A query that is not of the language: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// In characters from the start of the query, from 0.
    pub position: usize,
    /// For people.
    pub message: String,
}

impl QueryError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> Self {
        Self { position, message: message.into() }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The query is invalid: at character {}: {}", self.position + 1, self.message)
    }
}

impl std::error::Error for QueryError {}
