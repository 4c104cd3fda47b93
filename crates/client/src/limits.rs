//! What a managed client is bounded by: room, time, attempts.

use std::time::Duration;

/// Bounds of what waits to be acknowledged, in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Messages and requests.
    pub messages: usize,
    /// The size of their bodies and topics in bytes.
    pub bytes: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { messages: 10_000, bytes: 32 * 1024 * 1024 }
    }
}

/// What becomes of unacknowledged messages when the server forgot the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostSession {
    /// They are sent again as new messages: at least once.
    Resend,
    /// Their callers get an error: the server may or may not have them.
    Fail,
}

/// How long each step of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectDeadlines {
    /// Opening the stream.
    pub stream: azmqtt_net::ConnectDeadlines,
    /// A signature, or a new token, from wherever it is made.
    pub credentials: Duration,
    /// From CONNECT to CONNACK; IoT Hub delays a throttled CONNECT by up to a minute.
    pub connack: Duration,
    /// From SUBSCRIBE to SUBACK; without it the connection counts as dead.
    pub suback: Duration,
}

impl Default for ConnectDeadlines {
    fn default() -> Self {
        Self {
            stream: azmqtt_net::ConnectDeadlines::default(),
            credentials: Duration::from_secs(20),
            connack: Duration::from_secs(75),
            suback: Duration::from_secs(60),
        }
    }
}

/// Exponential backoff with full jitter: the n-th retry waits a random time between 0 and
/// `min(max, base × 2ⁿ)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The bound of the first wait.
    pub base: Duration,
    /// The bound of every wait.
    pub max: Duration,
    /// Whether the first connection is retried too; by default it fails fast with the reason.
    pub first_connect: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), max: Duration::from_secs(60), first_connect: false }
    }
}
