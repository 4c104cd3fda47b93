//! What a check found.

use std::time::Duration;

/// What a check found, in the order of the steps. The first failure is the last step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckReport {
    /// At least one.
    pub steps: Vec<CheckedStep>,
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedStep {
    /// `DNS`, `TCP`, `proxy`, `TLS`, `WebSocket`, `credentials`, `MQTT CONNECT`, …
    pub name: String,
    /// Whether it was good.
    pub ok: bool,
    /// What was seen, or what failed. Never a secret.
    pub detail: String,
    /// What to do about a failure, or about what may become one.
    pub advice: Option<String>,
    /// More of what was seen, by name.
    pub facts: Vec<Fact>,
    /// How long it took.
    pub took: Duration,
}

/// What was seen, by name.
pub type Fact = (&'static str, String);
