//! Topic templates: topic filters in which a level may depend on the client (Event Grid docs, "topic spaces").
//!
//! ```text
//! pumps/${client.authenticationName}/telemetry
//! floors/${client.attributes.floor}/#
//! machines/${client.authenticationName|.factory1}/+
//! ```
//!
//! A variable stands for a level or a part of one, and never for more: a value that holds `/` or a wildcard is nothing's
//! topic. The text behind `|` follows the value. Of an attribute with many values each is one.

mod level;
mod parse;

use std::fmt;

use crate::principal::Principal;
use crate::topic::{Levels, is_hidden};
use level::Level;
pub use parse::InvalidTemplate;

/// A topic template.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    levels: Box<[Level]>,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        Ok(Self { text: text.into(), levels: parse::levels(text)? })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the topic is one of those that the template stands for, for this client.
    pub fn matches(&self, principal: &Principal, topic: &Levels<'_>) -> bool {
        let topic = topic.as_slice();
        let hidden = topic.first().is_some_and(|first| is_hidden(first));
        for (index, level) in self.levels.iter().enumerate() {
            match (level, topic.get(index)) {
                (Level::Many, _) => return !(hidden && index == 0),
                (Level::One, Some(_)) if hidden && index == 0 => return false,
                (level, Some(name)) if level.is(name, principal) => {}
                (_, _) => return false,
            }
        }
        topic.len() == self.levels.len()
    }

    /// Whether every topic that the filter stands for is one of those that the template stands for, for this client. The
    /// filter is one that §4.7 allows.
    pub fn covers(&self, principal: &Principal, filter: &Levels<'_>) -> bool {
        let filter = filter.as_slice();
        if let (["#"], [Level::One, Level::Many]) = (filter, &*self.levels) {
            // Two ways to say: everything.
            return true;
        }
        for (index, wanted) in filter.iter().enumerate() {
            let hidden = index == 0 && is_hidden(wanted);
            match (self.levels.get(index), *wanted) {
                (Some(Level::Many), _) => return !hidden,
                (Some(Level::One), "+") => {}
                (_, "#" | "+") => return false,
                (Some(Level::One), _) if hidden => return false,
                (Some(level), name) if level.is(name, principal) => {}
                (_, _) => return false,
            }
        }
        match self.levels.get(filter.len()..) {
            // `a/#` stands for `a` as well.
            Some([] | [Level::Many]) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests;
