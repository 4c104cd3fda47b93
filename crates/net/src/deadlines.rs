//! How long the steps of a connection may take.

use std::time::{Duration, Instant};

/// How long each step of opening a stream may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectDeadlines {
    /// Looking the host name up.
    pub dns: Duration,
    /// Opening the TCP connection, for each address; the next is tried beside it after 0.25 s.
    pub tcp: Duration,
    /// Having a proxy connect to the host; it may dial for a while itself.
    pub proxy: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// The upgrade to a WebSocket.
    pub websocket: Duration,
}

impl Default for ConnectDeadlines {
    fn default() -> Self {
        Self {
            dns: Duration::from_secs(10),
            tcp: Duration::from_secs(15),
            proxy: Duration::from_secs(30),
            tls: Duration::from_secs(15),
            websocket: Duration::from_secs(15),
        }
    }
}

/// The moment `span` after `now`. A span past what a clock can count is as good as never.
pub fn later(now: Instant, span: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    now + span.min(NEVER)
}
