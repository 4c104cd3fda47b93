//! The page's session: a link's code is exchanged for it, once.

use std::io;
use std::time::Instant;

use serde_json::{Map, Value};

use super::Page;

/// The largest body of a request for a session, in bytes.
pub const MAX_SESSION_REQUEST: usize = 1024;

/// Why there is no session, for logs and errors.
pub const LINK_IS_OVER: &str =
    "the link to the page was used before, or is older than a minute; make a new one";

/// What the page learns about its service, besides the token: `{"kind", "hostname", …}`.
pub(super) struct About(Map<String, Value>);

impl About {
    pub(super) fn new(hostname: &str, kind: &str) -> Self {
        Self(Map::new()).with("kind", kind).with("hostname", hostname)
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl Page {
    /// Adds a member about the service to the answer to a request for a session.
    #[must_use]
    pub fn telling(self, name: &str, value: &str) -> Self {
        Self { about: self.about.with(name, value), ..self }
    }

    /// The answer to a request for a session, `{"code"}`: `{"token", "kind", "hostname", "records", …}`, where `records` are the
    /// kinds that a stream can have. `None` if the code is not valid.
    ///
    /// # Errors
    /// The system provides no random numbers.
    pub fn begin_session(&self, request: &[u8], records: &[&str], now: Instant) -> io::Result<Option<Value>> {
        let request: Value = serde_json::from_slice(request).unwrap_or_default();
        let code = request.get("code").and_then(Value::as_str).unwrap_or_default();
        let Some(token) = self.redeem(code, now)? else { return Ok(None) };
        let mut session = self.about.0.clone();
        session.insert("records".to_owned(), records.into());
        session.insert("token".to_owned(), token.into());
        Ok(Some(session.into()))
    }
}
