//! Checks of a connection for the command `azmqtt check`.

use pyo3::prelude::*;

use super::access::Access;
use super::broker::Options as BrokerOptions;
use super::core::span;
use super::options::Options;
use super::{runtime, waiter};
use azmqtt_client::check::{self as of_client, CheckReport, Token};
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
    Ok(steps(report))
}

/// Checks the connection of a client of any broker, likewise. `token` is a method of enhanced authentication with what it
/// shows, in place of an object of Python's.
#[pyfunction]
pub(super) fn check_broker(
    py: Python<'_>,
    options: BrokerOptions<'_>,
    token: Option<(String, Vec<u8>)>,
    timeout: f64,
) -> PyResult<Vec<Step>> {
    let limit = span("timeout", timeout)?;
    let config = options.build()?.config;
    let token = token.map(|(method, text)| Token { method, text: text.into() });
    runtime::ensure()?;
    let check = |reply| drop(of_client::check_broker(config, token, limit, runtime::handle, reply));
    Ok(steps(waiter::wait(py, check)?))
}

fn steps(report: CheckReport) -> Vec<Step> {
    let steps = report.steps.into_iter();
    steps
        .map(|step| (step.name, step.ok, step.detail, step.advice, step.facts, step.took.as_secs_f64()))
        .collect()
}
