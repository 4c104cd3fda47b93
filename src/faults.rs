//! Faults on demand of a local service, as JSON and as tuples.

use std::time::SystemTime;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::Value;

use super::errors::value_error;
use azmqtt_local::faults::{FaultError, Fired, Planned, RuleStatus, Schedule, ServiceFault, ServiceTarget};

/// Number, rule, whose, what, Unix time in seconds.
pub(super) type Happened = (u64, u64, String, String, f64);

/// Reads a rule or a schedule.
pub(super) fn read<T>(text: &str, parse: fn(Value) -> Result<T, FaultError>) -> PyResult<T> {
    let json = serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("JSON: {error}")))?;
    parse(json).map_err(|error| value_error(&error))
}

/// What a schedule would do, without a service.
pub(super) fn plan<F: ServiceFault, T: ServiceTarget + Clone>(
    schedule: &Schedule<F, T>,
) -> PyResult<Vec<String>> {
    Ok(planned(&schedule.plan().map_err(|error| value_error(&error))?))
}

/// Converts the faults of a plan.
pub(super) fn planned<F: ServiceFault, T: ServiceTarget>(plan: &[Planned<F, T>]) -> Vec<String> {
    plan.iter().map(|planned| planned.to_json().to_string()).collect()
}

/// Converts rules: id, rule, how often it has fired, whether it is over.
pub(super) fn rules<F: ServiceFault, T: ServiceTarget>(
    rules: Vec<RuleStatus<F, T>>,
) -> Vec<(u64, String, u64, bool)> {
    rules.into_iter().map(|rule| (rule.id, rule.rule.to_json().to_string(), rule.fired, rule.over)).collect()
}

/// Converts faults that have happened.
pub(super) fn happened(fired: Vec<Fired>) -> Vec<Happened> {
    let tuple = |fired: Fired| {
        let since = fired.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        (fired.sequence, fired.rule, fired.whose, fired.fault, since.as_secs_f64())
    };
    fired.into_iter().map(tuple).collect()
}
