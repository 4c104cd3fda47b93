//! Faults that wait for no packet, and the clock of those that are due later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout_at;

use super::engine::Faults;
use super::fault::{Fault, NowFault};
use super::plan::{Planned, Schedule};
use super::rule::{Rule, Target};
use crate::error::HubError;
use crate::registry::device::Command;
use crate::shared::Shared;
use azmqtt_local::faults::FaultError;

/// Faults that may be due later.
const MAX_AGENDA: usize = 100_000;

/// Rules by when they are due.
#[derive(Debug, Default)]
pub struct Agenda(BTreeMap<(Instant, u64), Rule>);

impl Agenda {
    pub fn has(&self, id: u64) -> bool {
        self.0.keys().any(|(_, planned)| *planned == id)
    }

    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.0.len();
        self.0.retain(|(_, planned), _| *planned != id);
        self.0.len() < before
    }

    pub fn clear(&mut self) -> usize {
        std::mem::take(&mut self.0).len()
    }

    fn next(&self) -> Option<Instant> {
        self.0.keys().next().map(|(due, _)| *due)
    }

    fn take_due(&mut self, now: Instant) -> Option<(u64, Rule)> {
        let entry = self.0.first_entry().filter(|entry| entry.key().0 <= now)?;
        let id = entry.key().1;
        Some((id, entry.remove()))
    }
}

/// Sets a rule; one that waits for nothing has happened when this returns. Its id.
///
/// # Errors
/// Too many are set, or there is no such device.
pub fn inject(shared: &Shared, rule: Rule) -> Result<u64, HubError> {
    let now = Instant::now();
    check(shared, &rule)?;
    let faults = &shared.faults;
    let Fault::Now(fault) = rule.fault else { return faults.arm(rule, now).map_err(HubError::Fault) };
    if rule.when.after.is_zero() {
        let id = faults.books().next_id();
        let hit = apply_now(shared, fault, &rule.target);
        faults.note_struck(id, rule, &hit);
        return Ok(id);
    }
    let due = now + rule.when.after;
    let planned = plan_all(faults, [(due, rule)]).map_err(HubError::Fault)?;
    Ok(planned.last().copied().unwrap_or(0))
}

/// A rule for a device that is not there would never fire, and nobody would know why.
fn check(shared: &Shared, rule: &Rule) -> Result<(), HubError> {
    match &rule.target {
        Target::Everybody => Ok(()),
        Target::One { device, module } => {
            shared.registry.get((device.as_str(), module.as_deref())).map(|_| ())
        }
    }
}

/// Starts a schedule from now on. What it is going to do.
///
/// # Errors
/// It has too many faults, or there is no such device.
pub fn start(shared: &Shared, schedule: &Schedule) -> Result<Vec<Planned>, HubError> {
    schedule.entries.iter().try_for_each(|entry| check(shared, &entry.rule))?;
    let plan = schedule.plan().map_err(HubError::Fault)?;
    let now = Instant::now();
    plan_all(&shared.faults, plan.iter().map(|planned| (now + planned.at, planned.rule.clone())))
        .map_err(HubError::Fault)?;
    Ok(plan)
}

fn plan_all(
    faults: &Faults,
    rules: impl IntoIterator<Item = (Instant, Rule)>,
) -> Result<Vec<u64>, FaultError> {
    let mut books = faults.books();
    let mut ids = Vec::new();
    for (due, rule) in rules {
        if books.agenda.0.len() >= MAX_AGENDA {
            return Err(FaultError(format!("{MAX_AGENDA} faults are planned already, the limit of a hub")));
        }
        let id = books.next_id();
        books.agenda.0.insert((due, id), rule);
        ids.push(id);
    }
    drop(books);
    faults.sooner.notify_one();
    Ok(ids)
}

/// Has planned faults happen when they are due, for ever.
pub async fn run(shared: Arc<Shared>) {
    let faults = &shared.faults;
    loop {
        let sooner = faults.sooner.notified();
        let next = faults.books().agenda.next();
        match next {
            None => sooner.await,
            Some(next) if next <= Instant::now() => happen(&shared, Instant::now()),
            // Either way, look again.
            Some(next) => drop(timeout_at(next.into(), sooner).await),
        }
    }
}

fn happen(shared: &Shared, now: Instant) {
    let faults = &shared.faults;
    loop {
        let mut books = faults.books();
        let Some((id, rule)) = books.agenda.take_due(now) else { return };
        match rule.fault {
            Fault::Now(fault) => {
                drop(books);
                let hit = apply_now(shared, fault, &rule.target);
                faults.note_struck(id, rule, &hit);
            }
            // With too many rules set already, this one has no occasion.
            _ => drop(faults.arm_as(&mut books, id, rule, now)),
        }
    }
}

/// Tells the live connections of `target`. Whose they are.
pub(super) fn apply_now(shared: &Shared, fault: NowFault, target: &Target) -> Vec<String> {
    let devices = match target {
        Target::Everybody => shared.registry.all(),
        Target::One { device, module } => {
            shared.registry.find((device.as_str(), module.as_deref())).into_iter().collect()
        }
    };
    let mut hit = Vec::new();
    for device in devices {
        let mut state = device.state();
        if state.link.is_some() {
            state.tell(Command::Fault(fault));
            hit.push(device.key().to_string());
        }
    }
    hit
}
