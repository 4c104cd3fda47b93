//! What is counted or measured, as Python sees it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use azmqtt_client::histogram::RoundTrips;

/// Everything that is counted or measured, by its name. Round trips are tuples, in seconds.
pub(super) fn stats(
    py: Python<'_>,
    counts: impl Iterator<Item = (&'static str, u64)>,
    connected_since: Option<SystemTime>,
    token_expiry: Option<u64>,
    trips: impl Iterator<Item = (&'static str, Option<RoundTrips>)>,
) -> PyResult<Bound<'_, PyDict>> {
    let stats = PyDict::new(py);
    for (name, count) in counts {
        stats.set_item(name, count)?;
    }
    let expiry = token_expiry.and_then(|expiry| UNIX_EPOCH.checked_add(Duration::from_secs(expiry)));
    stats.set_item("connected_since", time(py, connected_since)?)?;
    stats.set_item("token_valid_until", time(py, expiry)?)?;
    for (name, trips) in trips {
        stats.set_item(name, trips.map(round_trips))?;
    }
    Ok(stats)
}

/// Count, p50, p90, p99 and maximum.
fn round_trips(trips: RoundTrips) -> (u64, f64, f64, f64, f64) {
    let [p50, p90, p99, max] = [trips.p50, trips.p90, trips.p99, trips.max].map(|span| span.as_secs_f64());
    (trips.count, p50, p90, p99, max)
}

/// A `datetime` in UTC; `None` too for one that Python's calendar does not reach.
///
/// The first call imports `datetime`, where Ctrl-C raises `KeyboardInterrupt`, which must get out. In the conversion of PyO3
/// it would be a panic.
fn time(py: Python<'_>, at: Option<SystemTime>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let Some(at) = at else { return Ok(None) };
    py.import("datetime")?;
    match at.into_bound_py_any(py) {
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => Ok(None),
        converted => converted.map(Some),
    }
}
