//! The asyncio futures of a bridge, by number.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

/// Futures by number. Numbers are used again once they are free.
#[derive(Default)]
pub(super) struct Futures {
    entries: Vec<Option<Py<PyAny>>>,
    free: Vec<usize>,
}

impl Futures {
    /// Keeps a future and says under which number.
    pub(super) fn insert(&mut self, future: Py<PyAny>) -> usize {
        if let Some(key) = self.free.pop() {
            self.entries[key] = Some(future);
            return key;
        }
        self.entries.push(Some(future));
        self.entries.len() - 1
    }

    /// Gives a future up.
    pub(super) fn remove(&mut self, key: usize) -> Option<Py<PyAny>> {
        let future = self.entries.get_mut(key)?.take()?;
        self.free.push(key);
        Some(future)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows every future to Python's garbage collector.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.entries.iter().flatten().try_for_each(|future| visit.call(future))
    }
}
