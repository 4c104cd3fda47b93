//! `_core.LifeCycleEvents`: who connected to a local namespace, who went and why, and which clients were made and deleted.

use std::sync::Arc;
use std::time::SystemTime;

use pyo3::prelude::*;

use super::core::span;
use super::namespace::Namespace;
use super::namespace_resources::{Pairs, attribute_pairs};
use azmqtt_namespace::life_cycle::{Happened, LifeCycleEvent, SessionOfClient};

#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct LifeCycleEvents(Arc<azmqtt_namespace::Namespace>);

/// Name of the session, number of the connection, and why it ended if it did.
type Connection = (String, u64, Option<&'static str>);

/// Name of the client resource, and of one that is there, whether it may connect, and its attributes.
type Resource = (String, Option<(bool, Pairs)>);

/// Sequence number, Unix time in seconds, kind, authentication name, and what the event is about: one of both.
type Event = (u64, f64, &'static str, String, Option<Connection>, Option<Resource>);

#[pymethods]
impl LifeCycleEvents {
    #[new]
    fn new(namespace: &Namespace) -> Self {
        Self(namespace.0.share())
    }

    /// The events after a sequence number, oldest first.
    fn records(&self, py: Python<'_>, after: u64) -> Vec<Event> {
        py.detach(|| self.0.life_cycle_events(after)).into_iter().map(to_tuple).collect()
    }

    /// How many there were in all.
    fn total(&self) -> u64 {
        self.0.life_cycle().total()
    }

    /// Waits for at most `timeout` seconds; whether there were more than so many in all.
    fn wait(&self, py: Python<'_>, after: u64, timeout: f64) -> PyResult<bool> {
        let timeout = span("timeout", timeout)?;
        Ok(py.detach(|| self.0.life_cycle().wait(after, timeout)))
    }
}

fn to_tuple(event: LifeCycleEvent) -> Event {
    let since = event.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let kind = event.happened.kind();
    let of = |session: SessionOfClient, reason| {
        let connection = (session.session.to_string(), session.number, reason);
        (session.authentication_name.to_string(), Some(connection), None)
    };
    let (name, connection, resource) = match event.happened {
        Happened::Connected(session) => of(session, None),
        Happened::Disconnected(session, reason) => of(session, Some(reason.name())),
        Happened::ClientCreatedOrUpdated { client, authentication_name, is_enabled, attributes } => {
            let state = (is_enabled, attribute_pairs(&attributes));
            (authentication_name.to_string(), None, Some((client.to_string(), Some(state))))
        }
        Happened::ClientDeleted { client, authentication_name } => {
            (authentication_name.to_string(), None, Some((client.to_string(), None)))
        }
    };
    (event.sequence, since.as_secs_f64(), kind, name, connection, resource)
}
