//! Long-running operations (Azure REST API guidelines, "Asynchronous operations"): while one is under way, the answer leads to its
//! state by `Azure-AsyncOperation` or `Location`.
//!
//! A change has its effect at once, as other tests do not want to wait; with an operation time it is under way for that long, for
//! those who want to see their pollers work.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::time::{Duration, Instant};

use azmqtt_local::secrets;
use azmqtt_net::sync::Mutex;

/// Operations that are remembered. The oldest are forgotten.
const MOST: usize = 1024;

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
}

impl Action {
    /// The state of a resource meanwhile.
    pub fn provisioning_state(self) -> &'static str {
        match self {
            Self::Create => "Creating",
            Self::Update => "Updating",
            Self::Delete => "Deleting",
        }
    }
}

#[derive(Debug)]
struct Operation {
    id: String,
    /// The resource's id.
    resource: String,
    action: Action,
    until: Instant,
}

/// The operations of a namespace.
#[derive(Debug)]
pub struct Operations {
    /// How long each takes.
    time: Duration,
    last: Mutex<VecDeque<Operation>>,
}

impl Operations {
    /// None yet; each takes so long.
    pub fn new(time: Duration) -> Self {
        Self { time, last: Mutex::default() }
    }

    /// Begins an operation; its id, or `None` if it is over already.
    pub fn begin(&self, resource: &str, action: Action) -> io::Result<Option<String>> {
        if self.time.is_zero() {
            return Ok(None);
        }
        let mut id = String::new();
        for byte in secrets::random::<16>()? {
            // Writing to a text cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        let now = Instant::now();
        let until = now.checked_add(self.time).unwrap_or(now);
        let mut last = self.last.lock();
        if last.len() == MOST {
            last.pop_front();
        }
        last.push_back(Operation { id: id.clone(), resource: resource.to_owned(), action, until });
        Ok(Some(id))
    }

    /// What is being done to a resource.
    pub fn under_way(&self, resource: &str) -> Option<Action> {
        let now = Instant::now();
        let last = self.last.lock();
        let operation = last.iter().rev().find(|operation| operation.resource == resource)?;
        (now < operation.until).then_some(operation.action)
    }

    /// Whether the operation of this id is over; `None` if there is none.
    pub fn is_over(&self, id: &str) -> Option<bool> {
        let last = self.last.lock();
        let operation = last.iter().rev().find(|operation| operation.id == id)?;
        Some(Instant::now() >= operation.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_remembered_in_bounds() {
        assert_eq!(Operations::new(Duration::ZERO).begin("a", Action::Create).unwrap(), None);
        let operations = Operations::new(Duration::from_secs(3600));
        let first = operations.begin("a", Action::Create).unwrap().unwrap();
        assert_eq!(operations.under_way("a"), Some(Action::Create));
        assert_eq!((operations.is_over(&first), operations.is_over("other")), (Some(false), None));
        for _ in 0..MOST {
            operations.begin("b", Action::Update).unwrap();
        }
        assert_eq!((operations.is_over(&first), operations.under_way("a")), (None, None));
        assert_eq!(operations.last.lock().len(), MOST);
    }
}
