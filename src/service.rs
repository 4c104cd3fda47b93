//! A local service that runs for Python, a hub or a namespace.

use std::ops::Deref;
use std::sync::Arc;

use super::fork::Generation;

/// A running service, which stops when the last that shares it is dropped; in a forked child it goes on.
pub(super) struct Service<T>(Arc<T>, Generation);

impl<T> Service<T> {
    /// One that was started by this process.
    pub(super) fn new(service: T) -> Self {
        Self(Arc::new(service), Generation::now())
    }

    /// For those who ask it something.
    pub(super) fn share(&self) -> Arc<T> {
        self.0.clone()
    }
}

impl<T> Deref for Service<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Service<T> {
    fn drop(&mut self) {
        if !self.1.is_current() {
            // The parent's service is not ours to stop, and its locks may be held for ever in this copy.
            std::mem::forget(self.share());
        }
    }
}
