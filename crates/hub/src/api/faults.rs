//! What applications ask of a hub about faults.

use std::time::Duration;

use super::Hub;
use crate::error::HubError;
use crate::faults::{Fired, Planned, Rule, RuleStatus, Schedule};
use azmqtt_local::faults;

impl Hub {
    /// Sets a rule of faults; one that waits for no packet has happened when this returns. Its id.
    ///
    /// # Errors
    /// There is no such device, or 1,000 rules are set already.
    pub fn inject_fault(&self, rule: Rule) -> Result<u64, HubError> {
        self.check_running()?;
        faults::inject(&self.shared.faults, &*self.shared.registry, rule)
    }

    /// Starts a schedule of faults now. Returns what it is going to do.
    ///
    /// # Errors
    /// There is no such device, or there are too many faults.
    pub fn start_fault_schedule(&self, schedule: &Schedule) -> Result<Vec<Planned>, HubError> {
        self.check_running()?;
        faults::start(&self.shared.faults, &*self.shared.registry, schedule)
    }

    /// Takes a rule away; false if it is not set any more.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.shared.faults.remove(id)
    }

    /// Takes away all rules, and what schedules have still to do. Returns how many faults that were.
    pub fn clear_faults(&self) -> usize {
        self.shared.faults.clear()
    }

    /// The rules that are set, and the newest 1,000 that are over.
    pub fn faults(&self) -> Vec<RuleStatus> {
        self.shared.faults.rules()
    }

    /// The faults that have happened after the one with the number `after`, oldest first; the newest 10,000 are kept.
    pub fn fired_faults(&self, after: u64) -> Vec<Fired> {
        self.shared.faults.fired(after)
    }

    /// Blocks until the rule has fired `count` times, or until `timeout`. How often it has; `None` for a rule that is not
    /// known.
    pub fn wait_for_fault(&self, id: u64, count: u64, timeout: Duration) -> Option<u64> {
        self.shared.faults.wait(id, count, timeout)
    }
}
