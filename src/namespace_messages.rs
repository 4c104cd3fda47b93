//! `_core.MessageLog`: what was published on a local namespace.

use std::sync::Arc;
use std::time::SystemTime;

use pyo3::prelude::*;

use super::broker::MqttMessage;
use super::core::span;
use super::errors::value_error;
use super::namespace::Namespace;
use azmqtt_namespace::messages::PublishedMessage;

/// Sequence number, authentication name and client identifier of the publisher, message, Unix time in seconds.
type Record = (u64, Option<String>, Option<String>, MqttMessage, f64);

#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct MessageLog(Arc<azmqtt_namespace::Namespace>);

#[pymethods]
impl MessageLog {
    #[new]
    fn new(namespace: &Namespace) -> Self {
        Self(namespace.0.share())
    }

    /// The messages on the topics of a filter, or on all, after a sequence number; `None` if they are not recorded.
    fn records(
        &self,
        py: Python<'_>,
        topic_filter: Option<&str>,
        after: u64,
    ) -> PyResult<Option<Vec<Record>>> {
        let Some(log) = self.0.messages() else { return Ok(None) };
        let messages =
            py.detach(|| log.messages(topic_filter, after)).map_err(|error| value_error(&error))?;
        Ok(Some(messages.iter().map(|message| to_tuple(message)).collect()))
    }

    /// How many were published in all.
    fn total(&self) -> u64 {
        self.0.messages().map_or(0, azmqtt_namespace::messages::MessageLog::total)
    }

    /// Waits for at most `timeout` seconds; whether more than so many were published in all.
    fn wait(&self, py: Python<'_>, after: u64, timeout: f64) -> PyResult<bool> {
        let timeout = span("timeout", timeout)?;
        Ok(py.detach(|| self.0.messages().is_some_and(|log| log.wait(after, timeout))))
    }
}

fn to_tuple(message: &PublishedMessage) -> Record {
    let since = message.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let publisher = message.publisher.as_ref();
    (
        message.sequence,
        publisher.map(|publisher| publisher.principal.name.to_string()),
        publisher.and_then(|publisher| publisher.client_id.as_deref().map(str::to_owned)),
        MqttMessage::seen(message.publish.clone()),
        since.as_secs_f64(),
    )
}
