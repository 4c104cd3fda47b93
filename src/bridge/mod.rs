//! From tokio to asyncio: one bridge per event loop.
//!
//! An operation gets an asyncio future and a number. The runtime's thread, which never attaches to Python,
//! puts the number and the outcome into a queue and calls the [`loop_waker`] when the queue was empty; the loop's
//! thread then takes the whole queue and sets the futures. So a burst of answers costs one wake-up.
//!
//! The other way, a burst of calls costs one wake-up too: while operations are open, the runtime's thread is not
//! told of further ones until the loop has run what is ready. It would otherwise take turns with Python's for
//! every single message, on a busy core. A call with nothing else open, one `await` after the other, is told at
//! once.
//!
//! A bridge hangs on its loop as an attribute: it is found in well under a microsecond and goes when the
//! loop goes. Work in flight on a loop that was closed ends in a queue that nobody reads.

mod futures;
mod loop_waker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, intern};

use self::futures::Futures;
pub(super) use self::loop_waker::Descriptor;
use self::loop_waker::LoopWaker;
use super::errors::{Fails, Failure};
use super::fork::Generation;
use super::outcome::Outcome;
use azmqtt_client::Reply;
use azmqtt_client::reply::afterwards;
use azmqtt_device::Device;
use azmqtt_net::sync::Mutex;

/// Seconds between two looks at signals where a kernel needs them.
const TICK: f64 = 0.1;

/// One event loop's bridge.
#[pyclass(frozen, weakref, module = "azmqtt._core")]
pub(super) struct Bridge {
    shared: Arc<Shared>,
    futures: Mutex<Futures>,
    /// Cores that are to be told of their operations with the loop's next round.
    untold: Mutex<Vec<Untold>>,
    /// A Jupyter kernel's signal handler cancels the cell's future, which the loop notices when it next
    /// wakes up. So it is woken regularly while operations are open.
    needs_tick: bool,
    ticking: AtomicBool,
    generation: Generation,
}

/// The side of the runtime's thread. No Python in here.
struct Shared {
    queue: Mutex<Vec<(usize, Result<Outcome, Failure>)>>,
    waker: LoopWaker,
}

impl Shared {
    fn push(self: &Arc<Self>, key: usize, outcome: Result<Outcome, Failure>) {
        let mut queue = self.queue.lock();
        let was_empty = queue.is_empty();
        queue.push((key, outcome));
        drop(queue);
        if was_empty {
            let shared = Arc::clone(self);
            afterwards(move || shared.waker.wake());
        }
    }
}

/// Starts an operation whose outcome sets the future that this returns. Call it on a running event loop.
pub(super) fn submit<T: Into<Outcome> + 'static, E: Fails>(
    py: Python<'_>,
    start: impl FnOnce(Reply<T, E>),
) -> PyResult<Bound<'_, PyAny>> {
    open(py, |_, _, reply| {
        start(reply);
        Ok(())
    })
}

/// The cores whose operations come in bursts.
pub(super) trait Bursts {
    /// The handle that operations start with.
    type Handle: Clone + Into<Untold>;

    /// The handle for an operation that connects by itself, if clients do.
    fn handle_for_call(&self, py: Python<'_>) -> PyResult<&Self::Handle>;

    /// The same, with which operations start without waking the core's task.
    fn quiet_handle(&self) -> &Self::Handle;
}

/// A core that has operations without knowing.
pub(super) enum Untold {
    Device(Device),
    Broker(azmqtt_client::Client),
}

impl Untold {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Device(one), Self::Device(other)) => one.is_same(other),
            (Self::Broker(one), Self::Broker(other)) => one.is_same(other),
            _ => false,
        }
    }

    fn wake(&self) {
        match self {
            Self::Device(device) => device.wake(),
            Self::Broker(client) => client.wake(),
        }
    }
}

impl From<Device> for Untold {
    fn from(device: Device) -> Self {
        Self::Device(device)
    }
}

impl From<azmqtt_client::Client> for Untold {
    fn from(client: azmqtt_client::Client) -> Self {
        Self::Broker(client)
    }
}

/// [`submit`] for the operations that come in bursts: with others open, the core hears of it with the loop's next
/// round.
pub(super) fn submit_many<'py, C: Bursts, T: Into<Outcome> + 'static, E: Fails>(
    py: Python<'py>,
    core: &C,
    start: impl FnOnce(&C::Handle, Reply<T, E>),
) -> PyResult<Bound<'py, PyAny>> {
    let handle = core.handle_for_call(py)?;
    open(py, |event_loop, bridge, reply| {
        let this = bridge.get();
        if this.futures.lock().len() == 1 {
            start(handle, reply);
            return Ok(());
        }
        start(core.quiet_handle(), reply);
        let mut untold = this.untold.lock();
        let flush_is_due = !untold.is_empty();
        let this_one = handle.clone().into();
        if !untold.last().is_some_and(|last| last.is_same(&this_one)) {
            untold.push(this_one);
        }
        drop(untold);
        if !flush_is_due {
            let flush = bridge.getattr(intern!(py, "flush"))?;
            event_loop.call_method1(intern!(py, "call_soon"), (flush,))?;
        }
        Ok(())
    })
}

/// Opens a future and starts its operation by `start`.
fn open<'py, T: Into<Outcome> + 'static, E: Fails>(
    py: Python<'py>,
    start: impl FnOnce(&Bound<'py, PyAny>, &Bound<'py, Bridge>, Reply<T, E>) -> PyResult<()>,
) -> PyResult<Bound<'py, PyAny>> {
    let event_loop = running_loop(py)?;
    let bridge = bridge_of(&event_loop)?;
    let future = event_loop.call_method0(intern!(py, "create_future"))?;
    let key = bridge.get().futures.lock().insert(future.clone().unbind());
    let shared = Arc::clone(&bridge.get().shared);
    let reply = Reply::new(move |outcome: Result<T, E>| {
        shared.push(key, outcome.map(Into::into).map_err(Into::into));
    });
    start(&event_loop, &bridge, reply)?;
    if bridge.get().needs_tick && !bridge.get().ticking.swap(true, Ordering::Relaxed) {
        bridge.call_method0(intern!(py, "tick"))?;
    }
    Ok(future)
}

/// The loop of asyncio that runs in this thread.
#[pyfunction]
pub(super) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    GET.import(py, "asyncio", "get_running_loop")?.call0().map_err(|error| {
        let text = "no asyncio event loop is running in this thread, and asynchronous calls need one; under trio, or \
                    another framework, make the blocking call in a thread, such as with trio.to_thread.run_sync";
        let explained = PyRuntimeError::new_err(text);
        explained.set_cause(py, Some(error));
        explained
    })
}

fn bridge_of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Bridge>> {
    let name = intern!(event_loop.py(), "_azmqtt_bridge");
    if let Some(found) = event_loop.getattr_opt(name)? {
        let bridge = found.cast_into_exact::<Bridge>()?;
        if bridge.get().generation.is_current() {
            return Ok(bridge);
        }
        // A parent process's bridge would answer there.
    }
    let bridge = Bridge::install(event_loop)?;
    event_loop.setattr(name, &bridge)?;
    Ok(bridge)
}

impl Bridge {
    #[cold]
    fn install<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let needs_tick = py.import("sys")?.getattr("modules")?.contains("ipykernel")?;
        let make = |waker: LoopWaker| {
            let shared = Arc::new(Shared { queue: Mutex::default(), waker });
            let bridge = Self {
                shared,
                futures: Mutex::default(),
                untold: Mutex::default(),
                needs_tick,
                ticking: AtomicBool::new(false),
                generation: Generation::now(),
            };
            Bound::new(py, bridge)
        };
        if let Some((waker, fd)) = LoopWaker::descriptor()? {
            let bridge = make(waker)?;
            let drain = bridge.getattr(intern!(py, "drain"))?;
            match event_loop.call_method1(intern!(py, "add_reader"), (fd, drain)) {
                Ok(_) => return Ok(bridge),
                Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => {}
                Err(error) => return Err(error),
            }
        }
        let (waker, notifier) = LoopWaker::notifier();
        let bridge = make(waker)?;
        notifier.start(event_loop, &bridge.getattr(intern!(py, "drain"))?)?;
        Ok(bridge)
    }

    /// Sets one future, unless it was cancelled meanwhile.
    fn settle(py: Python<'_>, future: &Bound<'_, PyAny>, outcome: Result<Outcome, Failure>) -> PyResult<()> {
        if future.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(());
        }
        let converted = match outcome {
            Ok(outcome) => outcome.into_python(py),
            Err(error) => Err(error.raise(py)),
        };
        match converted {
            Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
            Err(error) => future.call_method1(intern!(py, "set_exception"), (error.into_value(py),))?,
        };
        Ok(())
    }
}

#[pymethods]
impl Bridge {
    /// Sets the futures whose outcomes have come in. Runs in the loop's thread.
    fn drain(&self, py: Python<'_>) {
        self.shared.waker.clear();
        let outcomes = std::mem::take(&mut *self.shared.queue.lock());
        for (key, outcome) in outcomes {
            let Some(future) = self.futures.lock().remove(key) else { continue };
            let future = future.into_bound(py);
            if let Err(error) = Self::settle(py, &future, outcome) {
                // The loop was closed between two futures, say: the others still count.
                error.write_unraisable(py, Some(&future));
            }
        }
    }

    /// Tells the cores of what they were not told yet. Runs in the loop's thread.
    fn flush(&self) {
        for core in std::mem::take(&mut *self.untold.lock()) {
            core.wake();
        }
    }

    /// Wakes the loop again while operations are open.
    fn tick(slf: &Bound<'_, Self>) -> PyResult<()> {
        let bridge = slf.get();
        let idle = bridge.futures.lock().is_empty();
        bridge.ticking.store(!idle, Ordering::Relaxed);
        if !idle {
            let again = slf.getattr(intern!(slf.py(), "tick"))?;
            running_loop(slf.py())?.call_method1(intern!(slf.py(), "call_later"), (TICK, again))?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A lock that is taken means that somebody works with the bridge: it is not garbage.
        self.futures.try_lock().map_or(Ok(()), |futures| futures.traverse(&visit))
    }

    fn __clear__(&self) {
        let futures = std::mem::take(&mut *self.futures.lock());
        drop(futures);
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.shared.waker.stop();
    }
}
