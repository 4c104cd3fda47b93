//! The disk of a running hub: its state directory, if it has one.

use std::sync::Arc;

use super::state_dir::StateDir;
use azmqtt_net::sync::Mutex;

/// Where a hub writes down what outlasts it. Copies are of the same one.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Option<Arc<StateDir>>>>);

impl Disk {
    /// A hub without a directory keeps nothing.
    pub fn new(dir: Option<StateDir>) -> Self {
        Self(Arc::new(Mutex::new(dir.map(Arc::new))))
    }

    /// The directory, unless there is none, or the hub has stopped.
    pub fn dir(&self) -> Option<Arc<StateDir>> {
        self.0.lock().clone()
    }

    /// Gives the directory up when the hub stops, so that another can have it.
    pub fn release(&self) {
        let dir = self.0.lock().take();
        if let Some(dir) = dir {
            dir.release();
        }
    }
}
