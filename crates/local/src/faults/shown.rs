//! What the REST APIs of services show of faults, the same words for each.

use serde_json::Value;

use super::book::{RuleBook, RuleStatus};
use super::fault::{ServiceFault, ServiceTarget};
use super::rule::Rule;

/// What has happened, in one answer.
const PAGE: usize = 1000;

impl<F: ServiceFault, T: ServiceTarget + Clone> RuleBook<F, T> {
    /// A rule that was just set, and has perhaps happened since: `{"id", "fired", "over", "rule"}`.
    pub fn show_set(&self, id: u64, rule: Rule<F, T>) -> Value {
        let known = self.rules().into_iter().find(|found| found.id == id);
        known.unwrap_or(RuleStatus { id, rule, fired: 0, over: false }).to_json()
    }

    /// All rules that are known, a list of these.
    pub fn show_rules(&self) -> Value {
        self.rules().iter().map(RuleStatus::to_json).collect()
    }

    /// What has happened after the fault with the number `after`, oldest first: at most 1,000. `whose` is the service's name for
    /// whom it happened to.
    pub fn show_fired(&self, after: u64, whose: &str) -> Value {
        self.fired(after).iter().take(PAGE).map(|fired| fired.to_json(whose)).collect()
    }
}
