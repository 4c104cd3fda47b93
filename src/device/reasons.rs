//! What the device knows of the reason when an answer does not come or a connection ends, in words.

use super::error::not_connected;
use super::task::Task;

impl Task {
    /// Why an operation may have had no answer.
    pub(super) fn why_no_answer(&self) -> Option<String> {
        if self.mqtt.is_connected() { None } else { self.why_not_connected().map(not_connected) }
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
}
