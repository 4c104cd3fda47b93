//! The one tokio runtime behind every client of the process: one worker thread, named "azmqtt".
//!
//! Its threads never attach to Python (a runtime that waits for the interpreter misses keep-alives) and take
//! no signals (Python handles them in its main thread, which must therefore be the one that is woken).

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread;
use std::time::Duration;

use pyo3::PyErr;
use tokio::runtime::{Builder, Handle, Runtime};

use super::errors;
use super::fork::Generation;

/// Threads for the hashes of uploads go away after this time without work.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(1);

struct Entry {
    generation: Generation,
    runtime: Runtime,
    /// As one lock for all devices it must not be shared with a forked child either.
    devices: azmqtt_device::Neighbours,
    /// The same for the clients of other brokers.
    clients: azmqtt_client::Neighbours,
}

/// The newest runtime. Entries are leaked: after a fork the parent's must not be dropped in the child, where
/// its threads do not exist, and at exit the process takes them along. A pointer rather than a lock, because
/// a lock could be held by another thread at the moment of a fork.
static CURRENT: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());

/// Makes the runtime of this process unless it exists.
pub(super) fn ensure() -> Result<&'static Runtime, PyErr> {
    match current() {
        Some(entry) => Ok(&entry.runtime),
        None => make().map(|entry| &entry.runtime).map_err(|error| {
            errors::thread_unavailable(&format!(
                "the background thread of azmqtt could not be started: {error}"
            ))
        }),
    }
}

/// The runtime's handle, for those who have called [`ensure`] in this process before.
pub(super) fn handle() -> Handle {
    entry().runtime.handle().clone()
}

/// The devices of this process, for those who have called [`ensure`] in it before.
pub(super) fn devices() -> &'static azmqtt_device::Neighbours {
    &entry().devices
}

/// The clients of other brokers of this process, for those who have called [`ensure`] in it before.
pub(super) fn clients() -> &'static azmqtt_client::Neighbours {
    &entry().clients
}

fn entry() -> &'static Entry {
    // Python shows a panic as an exception; it cannot come after `ensure`.
    current().map_or_else(make, Ok).unwrap_or_else(|error| panic!("no background thread: {error}"))
}

fn current() -> Option<&'static Entry> {
    // SAFETY: the pointer is null or comes from `Box::leak` in `make`, whose target is never freed or
    // changed again.
    let entry = unsafe { CURRENT.load(Ordering::Acquire).as_ref() }?;
    entry.generation.is_current().then_some(entry)
}

#[cold]
fn make() -> io::Result<&'static Entry> {
    // tokio panics where the system gives no thread; this one says so before.
    let probe = thread::Builder::new().spawn(|| ())?;
    probe.join().map_err(|_| io::Error::other("a thread ended with a panic"))?;
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(1)
        .thread_name("azmqtt")
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        // For computations alone: what may hang has threads of its own, see `azmqtt_device::blocking`.
        .max_blocking_threads(8)
        .on_thread_start(block_signals)
        .enable_all();
    // Somebody else may have taken the last thread meanwhile.
    let runtime = panic::catch_unwind(AssertUnwindSafe(|| builder.build()))
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::WouldBlock)))?;
    let before = CURRENT.load(Ordering::Acquire);
    if let Some(entry) = current() {
        return Ok(entry);
    }
    let entry = Box::into_raw(Box::new(Entry {
        generation: Generation::now(),
        runtime,
        devices: azmqtt_device::Neighbours::default(),
        clients: azmqtt_client::Neighbours::default(),
    }));
    if CURRENT.compare_exchange(before, entry, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        // SAFETY: just leaked, see `current`.
        return Ok(unsafe { &*entry });
    }
    // Another thread was faster. SAFETY: nobody else has seen this pointer.
    let entry = unsafe { Box::from_raw(entry) };
    entry.runtime.shutdown_background();
    current().ok_or_else(|| io::Error::other("two threads started it at once"))
}

/// Blocks every signal in this thread but those that stand for a fault of the thread itself.
#[cfg(unix)]
fn block_signals() {
    const FAULTS: [libc::c_int; 7] =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT, libc::SIGTRAP, libc::SIGSYS];
    // SAFETY: the set is made by sigfillset before it is read, and the calls change this thread's mask only.
    // They fail for invalid arguments alone.
    unsafe {
        let mut set = std::mem::MaybeUninit::uninit();
        libc::sigfillset(set.as_mut_ptr());
        for fault in FAULTS {
            libc::sigdelset(set.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
    }
}

#[cfg(not(unix))]
fn block_signals() {}
