//! What a client of a broker, its iterators and its running calls share.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pyo3::prelude::*;

use super::outgoing::{TopicLimits, Topics};
use crate::bridge::Bursts;
use crate::core::{PlaceWarning, span};
use crate::fork::Generation;
use crate::runtime;
use azmqtt_client::{Client, Config};
use azmqtt_net::sync::Mutex;

/// One client.
pub(crate) struct BrokerCore {
    client: Client,
    /// For bursts.
    quiet: Client,
    generation: Generation,
    warning: PlaceWarning,
    /// What happens to it goes into the log.
    pub(super) logged: AtomicBool,
    /// For calls that name no timeout.
    pub(super) timeout: Duration,
    /// What topics the broker takes, as far as its name tells.
    pub(super) topic_limits: TopicLimits,
    pub(super) topics: Mutex<Topics>,
    pub(super) hostname: String,
}

impl BrokerCore {
    pub(super) fn new(config: Config, hostname: String, topics: TopicLimits, timeout: Duration) -> Self {
        let client = Client::among(config, runtime::handle, runtime::clients);
        Self {
            quiet: client.quiet(),
            client,
            generation: Generation::now(),
            warning: PlaceWarning::default(),
            logged: AtomicBool::new(false),
            timeout,
            topic_limits: topics,
            topics: Mutex::default(),
            hostname,
        }
    }

    /// The client, if it can be worked with in this process.
    pub(crate) fn client(&self) -> PyResult<&Client> {
        self.generation.check()?;
        runtime::ensure()?;
        Ok(&self.client)
    }

    /// The client for an operation that connects by itself, if clients do.
    pub(super) fn client_for_call(&self, py: Python<'_>) -> PyResult<&Client> {
        let client = self.client()?;
        if client.takes_a_place() && self.config().auto_connect {
            self.warn(py)?;
        }
        Ok(client)
    }

    /// The client, to connect.
    pub(super) fn client_to_connect(&self, py: Python<'_>) -> PyResult<&Client> {
        let client = self.client()?;
        if client.takes_a_place() {
            self.warn(py)?;
        }
        Ok(client)
    }

    #[cold]
    fn warn(&self, py: Python<'_>) -> PyResult<()> {
        self.warning.tell(py, &self.config().client_id, "broker")
    }

    /// The client to look at: nothing is started for it.
    pub(super) fn seen(&self) -> PyResult<&Client> {
        self.generation.check()?;
        Ok(&self.client)
    }

    /// The client to look at, or to work with where nobody can be told of an error; `None` after a fork.
    pub(super) fn client_if_alive(&self) -> Option<&Client> {
        self.generation.is_current().then_some(&self.client)
    }

    /// What the client was made with; it can be looked at in any process.
    pub(super) fn config(&self) -> &Config {
        self.client.config()
    }

    /// The client identifier, as far as it is known; the configured one in any process.
    pub(super) fn client_id(&self) -> &str {
        self.client_if_alive().map_or(&self.config().client_id, Client::client_id)
    }

    /// The timeout of one call.
    pub(super) fn timeout(&self, seconds: Option<impl Into<f64>>) -> PyResult<Duration> {
        seconds.map_or(Ok(self.timeout), |seconds| span("timeout", seconds.into()))
    }
}

impl Bursts for BrokerCore {
    type Handle = Client;

    fn handle_for_call(&self, py: Python<'_>) -> PyResult<&Client> {
        self.client_for_call(py)
    }

    fn quiet_handle(&self) -> &Client {
        &self.quiet
    }
}

impl Drop for BrokerCore {
    fn drop(&mut self) {
        if !self.generation.is_current() {
            // The parent's connection is not ours to end, and its locks may be held for ever in this copy.
            std::mem::forget(self.client.clone());
        }
    }
}
