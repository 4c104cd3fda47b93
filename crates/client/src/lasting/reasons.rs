//! Why there is no answer, or no connection any more, in words. `peer` is what the server is called, such as "the hub".

use std::fmt::Display;
use std::time::Duration;

use crate::connection::Foreign;
use crate::monitor::Monitor;
use azmqtt_mqtt::{Dead, ProtocolError};

/// What an operation without a connection to `place` has waited for: the last error, or the step that is under way.
pub fn not_connected(monitor: &Monitor, place: &impl Display) -> String {
    let step = monitor.connect_progress.describe(place);
    let why = match (monitor.last_error(), step) {
        (Some(error), Some(step)) => Some(format!("{error}; {step}")),
        (error, step) => error.or(step),
    };
    format!("not connected: {}", why.as_deref().unwrap_or("no connection was made"))
}

/// A connection stands, and its peer has not even answered a ping for `silence`.
pub fn silent(peer: &str, silence: Duration) -> String {
    format!(
        "connected, but nothing has arrived from {peer} for {:.1} s, not even the answer to a ping: the connection may be dead",
        silence.as_secs_f64()
    )
}

/// What ended a connection whose peer did not.
pub fn dead(peer: &str, dead: Dead) -> String {
    match dead {
        Dead::Silent(span) => format!("{peer} did not answer a ping within {:.1} s", span.as_secs_f64()),
        Dead::Dripping(size, span) => {
            format!("a packet of {size} bytes from {peer} did not arrive within {:.0} s", span.as_secs_f64())
        }
    }
}

/// The peer broke the protocol, or speaks another one.
pub fn broke_the_protocol(peer: &str, error: &ProtocolError, speaks: Option<Foreign>) -> String {
    match speaks {
        Some(Foreign::Http) => format!("{peer} answers in HTTP"),
        Some(Foreign::Tls) => format!("{peer} answers in TLS"),
        None => format!("{peer} broke the protocol: {error}"),
    }
}
