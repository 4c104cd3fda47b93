//! `_core.TwinRequests`: the twin over somebody else's MQTT client, for `azmqtt.paho`.

use std::time::Instant;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::client::reported_patch;
use super::core::span;
use super::fork::Generation;
use super::outcome::Outcome;
use super::{convert, errors};
use azmqtt_device::{
    Answer, DesiredPatch, Error, OnDisconnect, OutboxLimits, Received, Refused, Request, TwinSession,
};
use azmqtt_net::sync::Mutex;

/// The requests and desired properties of one device. The one who publishes and receives calls it from any thread.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct TwinRequests {
    /// Nothing that runs under this lock calls Python.
    session: Mutex<TwinSession>,
    generation: Generation,
    /// For what is not JSON.
    json_default: Option<Py<PyAny>>,
}

/// A request's id and the exception that it ended with.
type Failed = (String, Py<PyAny>);

#[pymethods]
impl TwinRequests {
    /// With `resend`, requests are published again on the next connection; otherwise they fail with theirs.
    #[new]
    fn new(resend: bool, json_default: Option<Py<PyAny>>) -> PyResult<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| PyOSError::new_err(error.to_string()))?;
        let policy = if resend { OnDisconnect::Resend } else { OnDisconnect::Fail };
        let session = TwinSession::new(u64::from_le_bytes(random), policy, OutboxLimits::default());
        Ok(Self { session: Mutex::new(session), generation: Generation::now(), json_default })
    }

    /// For the garbage collector.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.json_default.as_ref().map_or(Ok(()), |default| visit.call(default))
    }

    /// Raises if this process was forked since: the connection is the parent's, and the lock may be held for ever.
    fn check_process(&self) -> PyResult<()> {
        self.generation.check()
    }

    /// Enters a read of the twin. Returns its id.
    fn begin_get(&self, py: Python<'_>, request_id: Option<&str>, timeout: f64) -> PyResult<String> {
        self.begin(py, Request::Get, request_id, timeout)
    }

    /// Enters a change of the reported properties. Returns its id.
    fn begin_patch(
        &self,
        patch: &Bound<'_, PyAny>,
        if_version: Option<u64>,
        request_id: Option<&str>,
        timeout: f64,
    ) -> PyResult<String> {
        let request =
            Request::Patch { patch: reported_patch(patch, self.json_default.as_ref())?, if_version };
        self.begin(patch.py(), request, request_id, timeout)
    }

    /// Topic and payload of the next request to publish, at QoS 0, if there is one.
    fn next_unsent<'py>(&self, py: Python<'py>) -> Option<(String, Bound<'py, PyBytes>)> {
        let (topic, body) = self.session.lock().next_unsent(Instant::now())?;
        Some((topic, PyBytes::new(py, &body)))
    }

    /// The hub granted the subscription to answers.
    fn answers_granted(&self) {
        self.session.lock().answers_granted();
    }

    /// The hub granted the subscription to changes of the desired properties.
    fn changes_granted(&self) {
        self.session.lock().changes_granted();
    }

    /// The connection ended. Returns what ends with it.
    fn disconnected(&self, py: Python<'_>, reason: &str) -> Vec<Failed> {
        let failed = self.session.lock().disconnected(reason);
        raised(py, failed)
    }

    /// Whether a message on this topic answers a request of these.
    fn owns(&self, topic: &str) -> bool {
        self.session.lock().owns(topic)
    }

    /// Looks at a message: `("answer", id, result)`, `("error", id, exception)`, `("other", id, (status, version))` for
    /// an answer to a request that is none of these, `("desired", "", [(patch, version), …])`; `None` for anything else.
    fn received<'py>(
        &self,
        py: Python<'py>,
        topic: &str,
        payload: &[u8],
    ) -> PyResult<Option<(&'static str, String, Bound<'py, PyAny>)>> {
        let received = self.session.lock().received(topic, payload, Instant::now());
        Ok(Some(match received {
            Received::Answered { request_id, outcome: Ok(answer) } => {
                let outcome = match answer {
                    Answer::Twin(twin) => Outcome::Twin(twin),
                    Answer::Patched(patched) => Outcome::Patched(patched),
                };
                ("answer", request_id, outcome.into_python(py)?)
            }
            Received::Answered { request_id, outcome: Err(error) } => {
                ("error", request_id, errors::raise(py, &error).into_value(py).into_bound(py).into_any())
            }
            Received::Unmatched { late: true, .. } | Received::Other => return Ok(None),
            Received::Unmatched { request_id, status, version, late: false } => {
                ("other", request_id, (status, version).into_pyobject(py)?.into_any())
            }
            Received::Desired(changes) => ("desired", String::new(), listed(py, &changes)?.into_any()),
        }))
    }

    /// Takes out the requests whose time is over.
    fn expire(&self, py: Python<'_>) -> Vec<Failed> {
        let expired = self.session.lock().expire(Instant::now());
        raised(py, expired)
    }

    /// In how many seconds to call `expire` and `next_unsent` at the latest.
    fn next_deadline(&self) -> Option<f64> {
        let deadline = self.session.lock().deadline()?;
        Some(deadline.saturating_duration_since(Instant::now()).as_secs_f64())
    }

    /// Forgets a request.
    fn forget(&self, request_id: &str) {
        self.session.lock().forget(request_id);
    }

    /// Takes every request out.
    fn drain(&self, py: Python<'_>) -> Vec<Failed> {
        let drained = self.session.lock().drain();
        raised(py, drained)
    }
}

impl TwinRequests {
    fn begin(
        &self,
        py: Python<'_>,
        request: Request,
        request_id: Option<&str>,
        timeout: f64,
    ) -> PyResult<String> {
        let timeout = span("timeout", timeout)?;
        let now = Instant::now();
        let begun = self.session.lock().begin(request, request_id, now, now + timeout);
        begun.map_err(|refused| match refused {
            Refused::Full(error) => errors::raise(py, &error),
            refused => PyValueError::new_err(refused.to_string()),
        })
    }
}

fn raised(py: Python<'_>, failed: Vec<(String, Error)>) -> Vec<Failed> {
    let exception = |error: &Error| errors::raise(py, error).into_value(py).into_any();
    failed.into_iter().map(|(request_id, error)| (request_id, exception(&error))).collect()
}

fn listed<'py>(py: Python<'py>, changes: &[DesiredPatch]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for change in changes {
        list.append((convert::to_python(py, &change.patch)?, change.version))?;
    }
    Ok(list)
}
