//! How the runtime's thread wakes an event loop.

#[cfg(unix)]
use std::io;
use std::sync::Arc;

use azmqtt_net::sync::{Condvar, Mutex};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// Wakes one event loop.
pub(super) enum LoopWaker {
    /// By a file descriptor that the loop watches.
    #[cfg(unix)]
    Descriptor(Descriptor),
    /// By a thread that attaches to Python: for loops without `add_reader` (Windows' Proactor).
    Thread(Arc<Signal>),
}

impl LoopWaker {
    /// A waker with the descriptor to watch; `None` where a loop cannot watch one.
    #[cfg(unix)]
    pub(super) fn descriptor() -> PyResult<Option<(Self, i32)>> {
        let descriptor = Descriptor::new()
            .map_err(|error| PyOSError::new_err(format!("no descriptor to wake the event loop: {error}")))?;
        let fd = descriptor.fd();
        Ok(Some((Self::Descriptor(descriptor), fd)))
    }

    #[cfg(not(unix))]
    pub(super) fn descriptor() -> PyResult<Option<(Self, i32)>> {
        Ok(None)
    }

    /// A waker whose thread is yet to be started.
    pub(super) fn notifier() -> (Self, Notifier) {
        let signal = Arc::new(Signal::default());
        (Self::Thread(Arc::clone(&signal)), Notifier(signal))
    }

    pub(super) fn wake(&self) {
        match self {
            #[cfg(unix)]
            Self::Descriptor(descriptor) => descriptor.wake(),
            Self::Thread(signal) => signal.set(Call::Wake),
        }
    }

    /// The loop is awake: the next call wakes it again.
    pub(super) fn clear(&self) {
        #[cfg(unix)]
        if let Self::Descriptor(descriptor) = self {
            descriptor.clear();
        }
    }

    /// There is no loop to wake any more.
    pub(super) fn stop(&self) {
        match self {
            #[cfg(unix)]
            Self::Descriptor(_) => {}
            Self::Thread(signal) => signal.set(Call::Stop),
        }
    }
}

/// Where there are none that can be watched.
#[cfg(not(unix))]
pub(crate) struct Descriptor;

#[cfg(not(unix))]
impl Descriptor {
    pub(crate) fn shared() -> PyResult<Option<Arc<Self>>> {
        Ok(None)
    }

    pub(crate) fn wake(&self) {}
}

#[cfg(unix)]
impl Descriptor {
    /// One for a wait outside of event loops.
    pub(crate) fn shared() -> PyResult<Option<Arc<Self>>> {
        let made =
            Self::new().map_err(|error| PyOSError::new_err(format!("no descriptor to wait on: {error}")))?;
        Ok(Some(Arc::new(made)))
    }
}

/// An eventfd: one descriptor, and any number of wake-ups are one.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) struct Descriptor(std::fs::File);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Descriptor {
    fn new() -> io::Result<Self> {
        use std::os::fd::FromRawFd;
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and owned by nobody else.
        Ok(Self(unsafe { std::fs::File::from_raw_fd(fd) }))
    }

    pub(crate) fn fd(&self) -> i32 {
        use std::os::fd::AsRawFd;
        self.0.as_raw_fd()
    }

    pub(crate) fn wake(&self) {
        use std::io::Write;
        // It can fail only when the counter is full, and then the loop is about to wake up.
        drop((&self.0).write(&1_u64.to_ne_bytes()));
    }

    fn clear(&self) {
        use std::io::Read;
        // One read resets the counter; it fails when another wake-up did so already.
        drop((&self.0).read(&mut [0; 8]));
    }
}

/// A pair of sockets where there is no eventfd.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
pub(crate) struct Descriptor {
    reader: std::os::unix::net::UnixStream,
    writer: std::os::unix::net::UnixStream,
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
impl Descriptor {
    fn new() -> io::Result<Self> {
        let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self { reader, writer })
    }

    pub(crate) fn fd(&self) -> i32 {
        use std::os::fd::AsRawFd;
        self.reader.as_raw_fd()
    }

    pub(crate) fn wake(&self) {
        use std::io::Write;
        // It can fail only when the buffer is full, and then the loop is about to wake up.
        drop((&self.writer).write(&[1]));
    }

    fn clear(&self) {
        use std::io::Read;
        let mut buffer = [0; 64];
        while matches!((&self.reader).read(&mut buffer), Ok(n) if n == buffer.len()) {}
    }
}

/// What the notifier thread is to do next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Wake,
    Stop,
}

/// Calls to the notifier thread. `Stop` stays.
#[derive(Default)]
pub(super) struct Signal {
    call: Mutex<Option<Call>>,
    changed: Condvar,
}

impl Signal {
    fn set(&self, call: Call) {
        let mut current = self.call.lock();
        if *current != Some(Call::Stop) {
            *current = Some(call);
        }
        drop(current);
        self.changed.notify_one();
    }

    fn wait(&self) -> Call {
        let mut current = self.changed.wait_while(self.call.lock(), |call| call.is_none());
        match *current {
            Some(Call::Wake) => {
                *current = None;
                Call::Wake
            }
            _ => Call::Stop,
        }
    }
}

/// The thread behind [`LoopWaker::Thread`].
pub(super) struct Notifier(Arc<Signal>);

impl Notifier {
    /// Starts the thread: it passes `drain` to the loop's `call_soon_threadsafe` for every batch of wake-ups. It
    /// holds weak references, so that loop and bridge can go.
    pub(super) fn start(self, event_loop: &Bound<'_, PyAny>, drain: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        let weakref = py.import("weakref")?;
        let event_loop = weakref.call_method1("ref", (event_loop,))?.unbind();
        let bridge = drain.getattr("__self__")?;
        let bridge = weakref.call_method1("ref", (bridge,))?.unbind();
        let run = move || {
            while self.0.wait() == Call::Wake {
                // `None`: the interpreter is going down.
                let woken = Python::try_attach(|py| call_soon(py, &event_loop, &bridge));
                if !matches!(woken, Some(Ok(()))) {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("azmqtt-notifier".to_owned())
            .spawn(run)
            .map(drop)
            .map_err(|error| PyOSError::new_err(format!("no thread to wake the event loop: {error}")))
    }
}

/// An error means that there is no loop to wake any more: it was collected or closed.
fn call_soon(py: Python<'_>, event_loop: &Py<PyAny>, bridge: &Py<PyAny>) -> PyResult<()> {
    let event_loop = event_loop.bind(py).call0()?;
    let drain = bridge.bind(py).call0()?.getattr("drain")?;
    event_loop.call_method1("call_soon_threadsafe", (drain,)).map(drop)
}
