//! JSON objects from outside, member by member: each is bounded, and one that nobody asks for is refused.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

/// Times beyond a day are of no use, and keep every sum of times in range.
const MAX_SECONDS: f64 = 86_400.0;

/// The longest text of a rule, in bytes: an id has 128 characters, a path of the REST API a few of them.
const MAX_TEXT: usize = 1024;

/// The longest object of a rule, as text: more than a twin's properties may have.
const MAX_OBJECT: usize = 64 << 10;

/// Why something is no rule: names the member and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(pub(super) String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

pub(super) fn error<T>(text: impl Into<String>) -> Result<T, FaultError> {
    Err(FaultError(text.into()))
}

/// An object whose members are taken out one by one: what is left at the end is nobody's.
pub(super) struct Members {
    left: Map<String, Value>,
    /// The names that were asked for, to be told to whoever has misspelt one.
    asked: Vec<String>,
}

impl Members {
    pub(super) fn of(value: Value) -> Result<Self, FaultError> {
        let Value::Object(members) = value else { return error("a rule must be a JSON object") };
        let left = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
        Ok(Self { left, asked: Vec::new() })
    }

    fn remove(&mut self, name: &str) -> Option<Value> {
        self.asked.push(name.to_owned());
        self.left.shift_remove(name)
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, FaultError> {
        match self.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= MAX_TEXT => Ok(Some(text)),
            Some(_) => error(format!("{name} must be text of at most {MAX_TEXT} bytes")),
        }
    }

    pub(super) fn whole(&mut self, name: &str, most: u64) -> Result<Option<u64>, FaultError> {
        let Some(value) = self.remove(name) else { return Ok(None) };
        match value.as_u64() {
            Some(number) if number <= most => Ok(Some(number)),
            _ if most == u64::MAX => error(format!("{name} must be a whole number from 0 on")),
            _ => error(format!("{name} must be a whole number from 0 to {most}")),
        }
    }

    pub(super) fn number(&mut self, name: &str, most: f64) -> Result<Option<f64>, FaultError> {
        let Some(value) = self.remove(name) else { return Ok(None) };
        match value.as_f64() {
            Some(number) if (0.0..=most).contains(&number) => Ok(Some(number)),
            _ => error(format!("{name} must be a number from 0 to {most}")),
        }
    }

    pub(super) fn seconds(&mut self, name: &str) -> Result<Option<Duration>, FaultError> {
        Ok(self.number(name, MAX_SECONDS)?.map(Duration::from_secs_f64))
    }

    pub(super) fn list(&mut self, name: &str, most: usize) -> Result<Vec<Value>, FaultError> {
        match self.remove(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) if values.len() <= most => Ok(values),
            Some(_) => error(format!("{name} must be a list of at most {most}")),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Value>, FaultError> {
        match self.remove(name) {
            None => Ok(None),
            Some(object @ Value::Object(_)) if object.to_string().len() <= MAX_OBJECT => Ok(Some(object)),
            Some(_) => error(format!("{name} must be a JSON object of at most {MAX_OBJECT} bytes")),
        }
    }

    pub(super) fn end(self) -> Result<(), FaultError> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(40).collect();
                error(format!("{name:?} is no member of this rule: it has {}", self.asked.join(", ")))
            }
        }
    }
}
