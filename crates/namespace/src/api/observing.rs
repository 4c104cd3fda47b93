//! What a test may look at, and what it may have go wrong: recorded packets, life-cycle events, faults.

use std::sync::Arc;
use std::time::Duration;

use super::Namespace;
use crate::error::NamespaceError;
use crate::faults::{Fired, Planned, Rule, RuleStatus, Schedule};
use crate::life_cycle::{LifeCycleEvent, LifeCycleLog};
use crate::messages::MessageLog;
use azmqtt_local::packets::PacketRecord;
use azmqtt_local::watch::Feed;

impl Namespace {
    /// The recorded packets of one client, by the identifier that it gave, or of all, with a higher sequence number than
    /// `after`, oldest first; `None` if packets are not recorded. Passwords and authentication data are never kept.
    pub fn packets(&self, client_id: Option<&str>, after: u64) -> Option<Vec<Arc<PacketRecord>>> {
        self.shared.packets.as_ref().map(|log| log.records(client_id, after))
    }

    /// Blocks until there is one of [`Self::packets`]; false when the time ran out, or if packets are not recorded.
    pub fn wait_for_packet(&self, client_id: Option<&str>, after: u64, timeout: Duration) -> bool {
        self.shared.packets.as_ref().is_some_and(|log| log.wait(client_id, after, timeout))
    }

    /// What was published, if that is recorded.
    pub fn messages(&self) -> Option<&MessageLog> {
        self.shared.messages.as_deref()
    }

    /// The next events after the number `after`, oldest first, each a JSON object as `GET /azmqtt/events` shows it; blocks for at
    /// most `timeout` until there is one. There may be more than it returns. An object
    /// `{"id", "lost"}`, which comes first, counts events that made room for newer ones.
    pub fn events_after(&self, after: u64, timeout: Duration) -> Vec<String> {
        self.shared.events().wait(after, timeout)
    }

    /// How many events there have been, including those that made room for newer ones: the number of the newest.
    pub fn event_count(&self) -> u64 {
        self.shared.events().newest()
    }

    /// Who connected, who went and why, with a higher sequence number than `after`, oldest first; the newest 10,000 are
    /// kept.
    pub fn life_cycle_events(&self, after: u64) -> Vec<LifeCycleEvent> {
        self.life_cycle().events(after)
    }

    /// Sets a rule of faults; one that waits for no packet has happened when this returns. Its id.
    ///
    /// # Errors
    /// 1,000 rules are set already.
    pub fn inject_fault(&self, rule: Rule) -> Result<u64, NamespaceError> {
        Ok(self.shared.faults.inject(&*self.shared, rule)?)
    }

    /// Starts a schedule of faults now. Returns what it is going to do.
    ///
    /// # Errors
    /// There are too many faults.
    pub fn start_fault_schedule(&self, schedule: &Schedule) -> Result<Vec<Planned>, NamespaceError> {
        Ok(self.shared.faults.start(&*self.shared, schedule)?)
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

    /// The log of [`Self::life_cycle_events`].
    pub fn life_cycle(&self) -> &LifeCycleLog {
        &self.shared.life_cycle
    }
}
