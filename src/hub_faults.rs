//! `_core.HubFaults`: the faults of a local hub, as JSON.

use std::sync::Arc;

use pyo3::prelude::*;

use super::core::span;
use super::faults::{self, Happened, happened};
use super::hub::{Hub, to_python};
use azmqtt_hub::faults::{Rule, Schedule};

#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct HubFaults(Arc<azmqtt_hub::Hub>);

#[pymethods]
impl HubFaults {
    #[new]
    fn new(hub: &Hub) -> Self {
        Self(hub.0.share())
    }

    /// Sets a rule; its id.
    fn inject(&self, py: Python<'_>, rule: &str) -> PyResult<u64> {
        let rule = faults::read(rule, Rule::from_json)?;
        py.detach(|| self.0.inject_fault(rule)).map_err(to_python)
    }

    /// Starts a schedule; its plan.
    fn start(&self, py: Python<'_>, schedule: &str) -> PyResult<Vec<String>> {
        let schedule = faults::read(schedule, Schedule::from_json)?;
        let plan = py.detach(|| self.0.start_fault_schedule(&schedule)).map_err(to_python)?;
        Ok(faults::planned(&plan))
    }

    fn remove(&self, fault_id: u64) -> bool {
        self.0.remove_fault(fault_id)
    }

    fn clear(&self) -> usize {
        self.0.clear_faults()
    }

    /// Id, rule, how often it has fired, whether it is over.
    fn rules(&self) -> Vec<(u64, String, u64, bool)> {
        faults::rules(self.0.faults())
    }

    fn fired(&self, after: u64) -> Vec<Happened> {
        happened(self.0.fired_faults(after))
    }

    /// Waits for at most `timeout` seconds. How often the rule has fired; `None` for one that is not known.
    fn wait(&self, py: Python<'_>, fault_id: u64, count: u64, timeout: f64) -> PyResult<Option<u64>> {
        let timeout = span("timeout", timeout)?;
        Ok(py.detach(|| self.0.wait_for_fault(fault_id, count, timeout)))
    }
}

/// What a schedule would do, without a hub.
#[pyfunction]
pub(super) fn plan_faults(schedule: &str) -> PyResult<Vec<String>> {
    faults::plan(&faults::read(schedule, Schedule::from_json)?)
}
