//! Why there is no connection.

use std::fmt;

use crate::connect_step::Step;

/// Why a connection could not be made: the step that failed, and what happened there. Never holds a login or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectError {
    /// Where it failed.
    pub step: Step,
    /// What happened, with the host and port, and the proxy if there is one.
    pub reason: String,
    /// The system's error number, where TCP failed.
    pub os_error: Option<i32>,
    /// TCP took too long.
    pub timed_out: bool,
    /// TLS failed over the server's certificate.
    pub bad_certificate: bool,
}

impl ConnectError {
    /// A failure of which no more is known than its reason.
    pub fn new(step: Step, reason: impl Into<String>) -> Self {
        Self { step, reason: reason.into(), os_error: None, timed_out: false, bad_certificate: false }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.step, self.reason)
    }
}

impl std::error::Error for ConnectError {}
