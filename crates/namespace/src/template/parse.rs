//! Reading a template.

use std::fmt;

use crate::attributes::is_valid_key;
use crate::limits::{MAX_TOPIC_BYTES, MAX_TOPIC_LEVELS};
use crate::template::level::{Level, Part};

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTemplate {
    /// Where the rule is broken, in bytes from the beginning.
    pub at: usize,
    /// The rule.
    pub rule: &'static str,
}

impl fmt::Display for InvalidTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {})", self.rule, self.at)
    }
}

impl std::error::Error for InvalidTemplate {}

fn broken<T>(at: usize, rule: &'static str) -> Result<T, InvalidTemplate> {
    Err(InvalidTemplate { at, rule })
}

pub(super) fn levels(text: &str) -> Result<Box<[Level]>, InvalidTemplate> {
    if text.is_empty() {
        return broken(0, "a topic template is not empty");
    }
    if text.len() > MAX_TOPIC_BYTES {
        return broken(MAX_TOPIC_BYTES, "a topic template has at most 256 bytes");
    }
    if let Some(at) = text.find('\0') {
        return broken(at, "a topic template has no U+0000");
    }
    if text.starts_with("$share/") {
        return broken(0, "a topic template is no shared subscription");
    }
    let mut levels = Vec::new();
    let mut at = 0;
    for level in text.split('/') {
        if levels.len() == MAX_TOPIC_LEVELS {
            return broken(at, "a topic template has at most 15 levels");
        }
        if levels.last() == Some(&Level::Many) {
            return broken(at - 2, "# is allowed only in the last level");
        }
        levels.push(read(level, at)?);
        at += level.len() + 1;
    }
    Ok(levels.into())
}

fn read(level: &str, at: usize) -> Result<Level, InvalidTemplate> {
    match level {
        "#" => return Ok(Level::Many),
        "+" => return Ok(Level::One),
        _ => {}
    }
    if let Some(wildcard) = level.find(['+', '#']) {
        return broken(at + wildcard, "a wildcard must be alone in its level");
    }
    let mut parts = Vec::new();
    let mut rest = level;
    while let Some(start) = rest.find("${") {
        let here = at + level.len() - rest.len() + start;
        push_text(&mut parts, &rest[..start]);
        let Some(end) = rest[start..].find('}') else {
            return broken(here, "a variable ends with } in its level");
        };
        let variable = &rest[start + 2..start + end];
        let (name, tail) = variable.split_once('|').unwrap_or((variable, ""));
        parts.push(read_variable(name, here)?);
        push_text(&mut parts, tail);
        rest = &rest[start + end + 1..];
    }
    if parts.is_empty() {
        return Ok(Level::Text(level.into()));
    }
    push_text(&mut parts, rest);
    Ok(Level::Parts(parts.into()))
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
}

fn read_variable(name: &str, at: usize) -> Result<Part, InvalidTemplate> {
    if name == "client.authenticationName" {
        return Ok(Part::AuthenticationName);
    }
    match name.strip_prefix("client.attributes.") {
        Some(key) if is_valid_key(key) => Ok(Part::Attribute(key.into())),
        Some(_) => broken(at, "an attribute's key may contain only letters, digits and _"),
        None => broken(at, "a variable is client.authenticationName or client.attributes.KEY"),
    }
}
