//! What the device knows of the reason when an answer does not come or a connection ends, in words.

use std::time::Instant;

use super::error::not_connected;
use super::neighbours::replaced_by;
use super::task::Task;
use azmqtt_mqtt::Dead;

impl Task {
    /// Why an operation may have had no answer.
    pub(super) fn why_no_answer(&self, now: Instant) -> String {
        if !self.mqtt.is_connected() {
            return not_connected(self.why_not_connected().as_deref().unwrap_or("no connection was made"));
        }
        if let Some(silence) = self.mqtt.silence_after_ping(now) {
            return format!(
                "connected, but nothing has come from the hub for {:.1} s, not even the answer to a ping: the line may be \
                 dead",
                silence.as_secs_f64()
            );
        }
        "connected; the hub may delay what is over its rate or its daily quota (throttling)".to_owned()
    }

    /// What an operation without a connection has waited for.
    fn why_not_connected(&self) -> Option<String> {
        let monitor = &self.shared.monitor;
        let step = monitor.under_way.describe(&self.shared.config.endpoint);
        match (monitor.last_error(), step) {
            (Some(error), Some(step)) => Some(format!("{error}; {step}")),
            (error, step) => error.or(step),
        }
    }

    /// Why the hub may have closed the connection, which it does without words.
    pub(super) fn why_closed(&self, is_accepted: bool) -> String {
        if !is_accepted {
            return "the hub closed the connection without a reason".to_owned();
        }
        let id = self.shared.config.identity.client_id();
        if self.seat.as_ref().is_some_and(|seat| seat.is_shared(&self.shared.config)) {
            return replaced_by(&id);
        }
        format!(
            "the hub closed the connection without a reason; most often because another client has connected as {id} (a \
             second program, a notebook that still runs), of which a hub keeps only the newest, because of something \
             sent that it does not take, or because its rate or daily quota of messages is used up"
        )
    }
}

/// What ended a connection whose peer did not.
pub(super) fn why_dead(dead: Dead) -> String {
    match dead {
        Dead::Silent(span) => format!("the hub did not answer a ping within {:.1} s", span.as_secs_f64()),
        Dead::Dripping(size, span) => {
            format!("a packet of {size} bytes from the hub did not arrive within {:.0} s", span.as_secs_f64())
        }
    }
}
