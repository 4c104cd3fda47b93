//! Checks of a connection for the command `azmqtt check`.

use pyo3::prelude::*;

use super::access::Access;
use super::core::span;
use super::options::Options;
use super::{runtime, waiter};
use azmqtt_device::check::check;

/// Name, whether it was good, what was seen, what to do, more of what was seen, seconds.
type Step = (String, bool, String, Option<String>, Vec<(&'static str, String)>, f64);

/// Checks a device's connection step by step, within `timeout` seconds.
#[pyfunction]
pub(super) fn check_connection(
    py: Python<'_>,
    access: &Access,
    options: Options,
    timeout: f64,
) -> PyResult<Vec<Step>> {
    let limit = span("timeout", timeout)?;
    let (config, _) = options.build(access)?;
    runtime::ensure()?;
    let report = waiter::wait(py, |reply| drop(check(config, limit, runtime::handle, reply)))?;
    let steps = report.steps.into_iter();
    Ok(steps
        .map(|step| (step.name, step.ok, step.detail, step.advice, step.facts, step.took.as_secs_f64()))
        .collect())
}
