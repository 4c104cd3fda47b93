//! The query of a client group: which clients belong to it, by their attributes (Event Grid docs, "client groups").
//!
//! ```text
//! attributes.type IN ['pump', 'valve'] and (attributes.floor >= 3 or authenticationName = 'main')
//! ```
//!
//! `and` binds closer than `or`. Keywords are in any case, keys are not. Numbers are whole. A quote within a text is
//! doubled, or of the other kind. Of an attribute with many values `=` and `IN` ask whether one is meant, and `!=` whether
//! none is. What is compared with an attribute that the client does not have is false, whatever the comparison; so is an
//! order between values of which one is no number, and the authentication name is compared in any case.

mod evaluate;
mod lexer;
mod parser;

use std::fmt;

use crate::principal::Principal;
use parser::Condition;

/// Bytes of a query.
const MAX_QUERY_BYTES: usize = 4096;
/// Parentheses within each other.
const MAX_DEPTH: usize = 32;

/// A client group's query.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    text: Box<str>,
    condition: Condition,
}

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidQuery {
    /// Where, in bytes from the beginning.
    pub at: usize,
    /// What was expected there, or what is too much.
    pub expected: &'static str,
}

impl fmt::Display for InvalidQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at {}", self.expected, self.at)
    }
}

impl std::error::Error for InvalidQuery {}

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(InvalidQuery { at: MAX_QUERY_BYTES, expected: "no more than 4,096 bytes" });
        }
        Ok(Self { text: text.into(), condition: parser::parse(text)? })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the client belongs to the group.
    pub fn includes(&self, principal: &Principal) -> bool {
        evaluate::holds(&self.condition, principal)
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests;
