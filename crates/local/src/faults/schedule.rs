//! Faults that wait for no packet, and the clock of those that are due later.

use std::time::Instant;

use tokio::time::timeout_at;

use super::book::RuleBook;
use super::fault::{NowFault, ServiceFault, ServiceTarget};
use super::json_fields::FaultError;
use super::plan::{Planned, Schedule};
use super::rule::Rule;

/// The live connections of a service: whom faults strike at once.
pub trait Connections<T> {
    /// What may be wrong with a target.
    type Error: From<FaultError>;

    /// Whether there is somebody whom it means.
    ///
    /// # Errors
    /// What is missing.
    fn check(&self, target: &T) -> Result<(), Self::Error>;

    /// Has a fault happen to every live connection of `target`. Whose they are.
    fn strike(&self, fault: NowFault, target: &T) -> Vec<String>;
}

/// Sets a rule; one that waits for nothing has happened when this returns. Its id.
///
/// # Errors
/// Too many are set, or there is nobody of that name.
pub fn inject<F: ServiceFault, T: ServiceTarget, C: Connections<T>>(
    faults: &RuleBook<F, T>,
    connections: &C,
    rule: Rule<F, T>,
) -> Result<u64, C::Error> {
    let now = Instant::now();
    // A rule for somebody who is not there would never fire, and nobody would know why.
    connections.check(&rule.target)?;
    let Some(fault) = rule.fault.now() else { return Ok(faults.arm(rule, now)?) };
    if rule.when.after.is_zero() {
        let id = faults.books().next_id();
        let hit = connections.strike(fault, &rule.target);
        faults.note_struck(id, rule, &hit);
        return Ok(id);
    }
    let due = now + rule.when.after;
    let planned = plan_all(faults, [(due, rule)])?;
    Ok(planned.last().copied().unwrap_or(0))
}

/// Starts a schedule from now on. What it is going to do.
///
/// # Errors
/// It has too many faults, or there is nobody of that name.
pub fn start<F: ServiceFault, T: ServiceTarget, C: Connections<T>>(
    faults: &RuleBook<F, T>,
    connections: &C,
    schedule: &Schedule<F, T>,
) -> Result<Vec<Planned<F, T>>, C::Error> {
    schedule.entries.iter().try_for_each(|entry| connections.check(&entry.rule.target))?;
    let plan = schedule.plan()?;
    let now = Instant::now();
    plan_all(faults, plan.iter().map(|planned| (now + planned.at, planned.rule.clone())))?;
    Ok(plan)
}

fn plan_all<F: ServiceFault, T: ServiceTarget>(
    faults: &RuleBook<F, T>,
    rules: impl IntoIterator<Item = (Instant, Rule<F, T>)>,
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
pub async fn run<F: ServiceFault, T: ServiceTarget>(
    faults: &RuleBook<F, T>,
    connections: &impl Connections<T>,
) {
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

fn happen<F: ServiceFault, T: ServiceTarget>(
    faults: &RuleBook<F, T>,
    connections: &impl Connections<T>,
    now: Instant,
) {
    loop {
        let mut books = faults.books();
        let Some((id, rule)) = books.agenda.take_due(now) else { return };
        match rule.fault.now() {
            Some(fault) => {
                drop(books);
                let hit = connections.strike(fault, &rule.target);
                faults.note_struck(id, rule, &hit);
            }
            // With too many rules set already, this one has no occasion.
            None => drop(faults.arm_as(&mut books, id, rule, now)),
        }
    }
}
