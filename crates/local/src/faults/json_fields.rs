//! JSON objects from outside, field by field: each is bounded, and one that nobody asks for is refused.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

/// Times beyond a day are of no use, and keep every sum of times in range.
const MAX_SECONDS: f64 = 86_400.0;

/// The longest text of a rule, in bytes: an id has 128 characters, a path of the REST API a few of them.
const MAX_TEXT: usize = 1024;

/// The longest object of a rule, as text: more than a twin's properties may have.
const MAX_OBJECT: usize = 64 << 10;

/// Why something is not a rule: names the field and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(pub String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

/// Refuses, with this reason.
pub fn error<T>(text: impl Into<String>) -> Result<T, FaultError> {
    Err(FaultError(text.into()))
}

/// An object whose fields are taken out one by one: what is left at the end is nobody's.
pub struct JsonFields {
    left: Map<String, Value>,
    /// The names that were asked for, to be told to whoever has misspelt one.
    asked: Vec<String>,
}

impl JsonFields {
    /// The fields of an object; those that are null count as absent.
    pub fn of(value: Value) -> Result<Self, FaultError> {
        let Value::Object(fields) = value else { return error("a rule must be a JSON object") };
        let left = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
        Ok(Self { left, asked: Vec::new() })
    }

    fn remove(&mut self, name: &str) -> Option<Value> {
        self.asked.push(name.to_owned());
        self.left.shift_remove(name)
    }

    /// A text of at most 1,024 bytes.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, FaultError> {
        match self.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= MAX_TEXT => Ok(Some(text)),
            Some(_) => error(format!("{name} must be text of at most {MAX_TEXT} bytes")),
        }
    }

    /// A whole number from 0 to `most`.
    pub fn whole(&mut self, name: &str, most: u64) -> Result<Option<u64>, FaultError> {
        let Some(value) = self.remove(name) else { return Ok(None) };
        match value.as_u64() {
            Some(number) if number <= most => Ok(Some(number)),
            _ if most == u64::MAX => error(format!("{name} must be a whole number from 0 on")),
            _ => error(format!("{name} must be a whole number from 0 to {most}")),
        }
    }

    /// A number from 0 to `most`.
    pub fn number(&mut self, name: &str, most: f64) -> Result<Option<f64>, FaultError> {
        let Some(value) = self.remove(name) else { return Ok(None) };
        match value.as_f64() {
            Some(number) if (0.0..=most).contains(&number) => Ok(Some(number)),
            _ => error(format!("{name} must be a number from 0 to {most}")),
        }
    }

    /// A span of at most a day, written in seconds.
    pub fn seconds(&mut self, name: &str) -> Result<Option<Duration>, FaultError> {
        Ok(self.number(name, MAX_SECONDS)?.map(Duration::from_secs_f64))
    }

    /// A list of at most `most` values; empty if it is absent.
    pub fn list(&mut self, name: &str, most: usize) -> Result<Vec<Value>, FaultError> {
        match self.remove(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) if values.len() <= most => Ok(values),
            Some(_) => error(format!("{name} must be a list of at most {most}")),
        }
    }

    /// An object of at most 64 KiB as text.
    pub fn object(&mut self, name: &str) -> Result<Option<Value>, FaultError> {
        match self.remove(name) {
            None => Ok(None),
            Some(object @ Value::Object(_)) if object.to_string().len() <= MAX_OBJECT => Ok(Some(object)),
            Some(_) => error(format!("{name} must be a JSON object of at most {MAX_OBJECT} bytes")),
        }
    }

    /// Refuses what nobody has asked for.
    pub fn end(self) -> Result<(), FaultError> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(40).collect();
                error(format!("unknown member {name:?} of a rule: expected one of {}", self.asked.join(", ")))
            }
        }
    }
}
