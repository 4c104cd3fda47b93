//! Faults on demand of a local service, as JSON and as tuples.

use std::time::SystemTime;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::Value;

use azmqtt_local::faults::{FaultError, Fired};

/// Number, rule, whose, what, Unix time in seconds.
pub(super) type Happened = (u64, u64, String, String, f64);

/// Reads a rule or a schedule.
pub(super) fn read<T>(
    text: &str,
    parse: fn(Value) -> Result<T, FaultError>,
    raise: impl FnOnce(FaultError) -> PyErr,
) -> PyResult<T> {
    let json = serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("JSON: {error}")))?;
    parse(json).map_err(raise)
}

/// Converts faults that have happened.
pub(super) fn happened(fired: Vec<Fired>) -> Vec<Happened> {
    let tuple = |fired: Fired| {
        let since = fired.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        (fired.sequence, fired.rule, fired.whose, fired.fault, since.as_secs_f64())
    };
    fired.into_iter().map(tuple).collect()
}
