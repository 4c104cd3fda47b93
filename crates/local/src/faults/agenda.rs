//! Rules that are due later.

use std::collections::BTreeMap;
use std::time::Instant;

use super::json_fields::FaultError;
use super::rule::Rule;

/// Faults that may be due later.
const MAX_AGENDA: usize = 100_000;

/// Rules by when they are due.
#[derive(Debug)]
pub struct Agenda<F, T>(BTreeMap<(Instant, u64), Rule<F, T>>);

impl<F, T> Default for Agenda<F, T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<F, T> Agenda<F, T> {
    /// Plans a rule.
    ///
    /// # Errors
    /// Too many are planned.
    pub fn add(&mut self, due: Instant, id: u64, rule: Rule<F, T>) -> Result<(), FaultError> {
        if self.0.len() >= MAX_AGENDA {
            return Err(FaultError(format!("{MAX_AGENDA} faults are already planned, the limit")));
        }
        self.0.insert((due, id), rule);
        Ok(())
    }

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

    pub fn next(&self) -> Option<Instant> {
        self.0.keys().next().map(|(due, _)| *due)
    }

    pub fn take_due(&mut self, now: Instant) -> Option<(u64, Rule<F, T>)> {
        let entry = self.0.first_entry().filter(|entry| entry.key().0 <= now)?;
        let id = entry.key().1;
        Some((id, entry.remove()))
    }
}
