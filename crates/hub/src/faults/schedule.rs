//! Faults that wait for no packet, and the clock of those that are due later.

use std::time::Instant;

use tokio::time::timeout_at;

use super::engine::Faults;
use super::fault::{Fault, NowFault};
use super::plan::{Planned, Schedule};
use super::rule::{Rule, Target};
use crate::error::HubError;
use azmqtt_local::faults::FaultError;

/// The live connections of a hub: whom faults strike at once.
pub trait Connections {
    /// Whether there are such devices.
    ///
    /// # Errors
    /// What is missing.
    fn check(&self, target: &Target) -> Result<(), HubError>;

    /// Has a fault happen to every live connection of `target`. Whose they are.
    fn strike(&self, fault: NowFault, target: &Target) -> Vec<String>;
}

/// Sets a rule; one that waits for nothing has happened when this returns. Its id.
///
/// # Errors
/// Too many are set, or there is no such device.
pub fn inject(faults: &Faults, connections: &impl Connections, rule: Rule) -> Result<u64, HubError> {
    let now = Instant::now();
    // A rule for a device that is not there would never fire, and nobody would know why.
    connections.check(&rule.target)?;
    let Fault::Now(fault) = rule.fault else { return faults.arm(rule, now).map_err(HubError::Fault) };
    if rule.when.after.is_zero() {
        let id = faults.books().next_id();
        let hit = connections.strike(fault, &rule.target);
        faults.note_struck(id, rule, &hit);
        return Ok(id);
    }
    let due = now + rule.when.after;
    let planned = plan_all(faults, [(due, rule)]).map_err(HubError::Fault)?;
    Ok(planned.last().copied().unwrap_or(0))
}

/// Starts a schedule from now on. What it is going to do.
///
/// # Errors
/// It has too many faults, or there is no such device.
pub fn start(
    faults: &Faults,
    connections: &impl Connections,
    schedule: &Schedule,
) -> Result<Vec<Planned>, HubError> {
    schedule.entries.iter().try_for_each(|entry| connections.check(&entry.rule.target))?;
    let plan = schedule.plan().map_err(HubError::Fault)?;
    let now = Instant::now();
    plan_all(faults, plan.iter().map(|planned| (now + planned.at, planned.rule.clone())))
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
        let id = books.next_id();
        books.agenda.add(due, id, rule)?;
        ids.push(id);
    }
    drop(books);
    faults.sooner.notify_one();
    Ok(ids)
}

/// Has planned faults happen when they are due, for ever.
pub async fn run(faults: &Faults, connections: &impl Connections) {
    loop {
        let sooner = faults.sooner.notified();
        let next = faults.books().agenda.next();
        match next {
            None => sooner.await,
            Some(next) if next <= Instant::now() => happen(faults, connections, Instant::now()),
            // Either way, look again.
            Some(next) => drop(timeout_at(next.into(), sooner).await),
        }
    }
}

fn happen(faults: &Faults, connections: &impl Connections, now: Instant) {
    loop {
        let mut books = faults.books();
        let Some((id, rule)) = books.agenda.take_due(now) else { return };
        match rule.fault {
            Fault::Now(fault) => {
                drop(books);
                let hit = connections.strike(fault, &rule.target);
                faults.note_struck(id, rule, &hit);
            }
            // With too many rules set already, this one has no occasion.
            _ => drop(faults.arm_as(&mut books, id, rule, now)),
        }
    }
}
