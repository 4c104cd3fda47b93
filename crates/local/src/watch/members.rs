//! JSON objects, member by member, written as they come.

use serde_core::Serialize;
use serde_json::Value;

/// The members of a JSON object, without its braces: `"name":value,…`, in one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(String);

impl Members {
    /// Adds a member. Names are written as they are, without a look at them: one that is there already is there twice. A
    /// value that JSON cannot hold is null.
    #[must_use]
    pub fn with(self, name: &str, value: impl Serialize) -> Self {
        let json = serde_json::to_string(&value);
        self.with_json(name, json.as_deref().unwrap_or("null"))
    }

    /// Adds a member whose value is JSON already, in one line.
    #[must_use]
    pub fn with_json(mut self, name: &str, json: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        for part in ["\"", name, "\":", json] {
            self.0.push_str(part);
        }
        self
    }

    /// Adds a member, if it has a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Serialize>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds bytes that came from a client: as `{name}` if they are text, otherwise as `{name}_base64`.
    #[must_use]
    pub fn with_bytes(self, name: &str, bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.with(name, text),
            Err(_) => self.with(&format!("{name}_base64"), base64(bytes)),
        }
    }

    /// Adds a body: as `body` if it can be read as JSON, otherwise as text, or as `body_base64`.
    #[must_use]
    pub fn with_body(self, body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(json) => self.with("body", json),
            Err(_) => self.with_bytes("body", body),
        }
    }

    /// Adds those of another object.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        let comma = if self.0.is_empty() || others.0.is_empty() { "" } else { "," };
        self.0.push_str(comma);
        self.0.push_str(&others.0);
        self
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As standard base64 writes them.
pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
