//! Knows whether this process was forked since something was made.
//!
//! A forked child has a copy of every object but none of the threads behind them: a client made before
//! `fork()` would wait for ever for a runtime that is not there.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::PyErr;
use pyo3::exceptions::PyRuntimeError;

/// How many forks lie between the process that loaded the module and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// A point in the line of forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u32);

impl Generation {
    /// The process as it is now.
    pub(super) fn now() -> Self {
        Self(GENERATION.load(Ordering::Relaxed))
    }

    /// Whether this is still the same process.
    pub(super) fn is_current(self) -> bool {
        self == Self::now()
    }

    /// An error that says what to do when it is not.
    pub(super) fn check(self) -> Result<(), PyErr> {
        if self.is_current() { Ok(()) } else { Err(stale()) }
    }
}

#[cold]
fn stale() -> PyErr {
    PyRuntimeError::new_err(
        "this client was made before fork() and its connection belongs to the parent process; \
         make a new client in this process",
    )
}

/// Counts forks from here on. Called when the module is loaded.
pub(super) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        #[cfg(unix)]
        {
            extern "C" fn in_child() {
                GENERATION.fetch_add(1, Ordering::Relaxed);
            }
            // SAFETY: the handler only changes an atomic, which is allowed between fork() and exec(). The
            // module is never unloaded, so that the handler stays where it is. It fails for want of memory
            // only; then forks go unnoticed, as they would without it.
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        }
    });
}
