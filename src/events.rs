//! Iterators over what the hub sends (cloud messages, changes of the desired properties, calls of methods), and over
//! changes of the connection's state.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::cloud_message::CloudMessage as PyCloudMessage;
use super::core::Core;
use super::method_call::MethodCall;
use super::wakeups::Wakeups;
use super::{bridge, convert, errors, waiter};
use azmqtt_device::{
    CloudMessage, DesiredPatch, Error, Incoming, MethodRequest, Receiver, Reply, StateChanges,
};
use azmqtt_net::BoxFuture;

/// What an iterator yields.
pub(super) trait Item: Incoming {
    /// The Python object for it.
    fn into_python<'py>(self, py: Python<'py>, core: &Arc<Core>) -> PyResult<Bound<'py, PyAny>>;
}

impl Item for CloudMessage {
    fn into_python<'py>(self, py: Python<'py>, _core: &Arc<Core>) -> PyResult<Bound<'py, PyAny>> {
        PyCloudMessage::from(self).into_bound_py_any(py)
    }
}

impl Item for DesiredPatch {
    fn into_python<'py>(self, py: Python<'py>, _core: &Arc<Core>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(py, "azmqtt._types", "DesiredPatch")?;
        class.call1((convert::to_python(py, &self.patch)?, self.version))
    }
}

impl Item for MethodRequest {
    fn into_python<'py>(self, py: Python<'py>, core: &Arc<Core>) -> PyResult<Bound<'py, PyAny>> {
        MethodCall::new(core, self).into_bound_py_any(py)
    }
}

/// An iterator's position, whatever it yields.
trait Position: Send + Sync {
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>>;
    fn listen(&self, reply: Reply<()>) -> PyResult<usize>;
    fn forget(&self, key: usize);
    fn subscribed(&self, reply: Reply<()>) -> PyResult<()>;
    /// See [`Receiver::keep_subscribed`].
    fn keep_subscribed(&self, failed: Box<dyn FnMut(Error) + Send>) -> BoxFuture<'static, ()>;
    fn done(&self);
}

struct Cursor<T: Item> {
    core: Arc<Core>,
    receiver: Arc<Receiver<T>>,
}

impl<T: Item> Position for Cursor<T> {
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.core.device()?;
        self.receiver.take().map(|item| item.into_python(py, &self.core)).transpose()
    }

    fn listen(&self, reply: Reply<()>) -> PyResult<usize> {
        self.core.device()?;
        Ok(self.receiver.listen(reply))
    }

    fn forget(&self, key: usize) {
        self.receiver.forget(key);
    }

    fn subscribed(&self, reply: Reply<()>) -> PyResult<()> {
        self.core.device()?;
        self.receiver.when_subscribed(reply);
        Ok(())
    }

    fn keep_subscribed(&self, failed: Box<dyn FnMut(Error) + Send>) -> BoxFuture<'static, ()> {
        Box::pin(Receiver::keep_subscribed(Arc::downgrade(&self.receiver), failed))
    }

    fn done(&self) {
        if self.core.device_if_alive().is_some() {
            self.receiver.done();
        }
    }
}

impl<T: Item> Drop for Cursor<T> {
    fn drop(&mut self) {
        if self.core.device_if_alive().is_none() {
            // After a fork the item is the parent's to acknowledge, and the locks may be held for ever in this copy.
            std::mem::forget(Arc::clone(&self.receiver));
        }
    }
}

/// Changes of the connection's state. Nobody is asked for them, and each iterator has all of them.
struct States {
    core: Arc<Core>,
    changes: StateChanges,
}

impl Position for States {
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        self.core.device()?;
        let Some(change) = self.changes.take() else { return Ok(None) };
        let class = CLASS.import(py, "azmqtt._types", "StateChange")?;
        class.call1((change.state.as_str(), change.previous.as_str(), change.reason, change.at)).map(Some)
    }

    fn listen(&self, reply: Reply<()>) -> PyResult<usize> {
        self.core.device()?;
        Ok(self.changes.listen(reply))
    }

    fn forget(&self, key: usize) {
        self.changes.forget(key);
    }

    fn subscribed(&self, reply: Reply<()>) -> PyResult<()> {
        reply.send(Ok(()));
        Ok(())
    }

    fn keep_subscribed(&self, _failed: Box<dyn FnMut(Error) + Send>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn done(&self) {}
}

/// An iterator over cloud messages, changes of the desired properties, calls of methods, or changes of the state.
#[pyclass(frozen, subclass, module = "azmqtt._core")]
pub(super) struct Events {
    position: Arc<dyn Position>,
    /// A wake-up stands in the queue of the handlers' threads, or will.
    armed: Arc<AtomicBool>,
    /// How long to wait for each item before the iteration ends; `None` for ever.
    timeout: Option<Duration>,
}

impl Events {
    pub(super) fn new<T: Item>(
        py: Python<'_>,
        core: &Arc<Core>,
        timeout: Option<Duration>,
    ) -> PyResult<Self> {
        let device = core.device_for_call(py)?.clone();
        let receiver = Arc::new(Receiver::<T>::new(device, core.timeout));
        let cursor = Cursor { core: Arc::clone(core), receiver };
        Ok(Self { position: Arc::new(cursor), armed: Arc::default(), timeout })
    }

    fn states(core: &Arc<Core>, timeout: Option<Duration>) -> PyResult<Self> {
        let changes = StateChanges::new(core.device()?);
        let position = States { core: Arc::clone(core), changes };
        Ok(Self { position: Arc::new(position), armed: Arc::default(), timeout })
    }
}

#[pymethods]
impl Events {
    /// `kind` says what to iterate over.
    #[new]
    fn py_new(
        py: Python<'_>,
        client: &super::client::Client,
        kind: &str,
        timeout: Option<super::core::Seconds>,
    ) -> PyResult<Self> {
        let timeout = timeout.map(|seconds| super::core::span("timeout", seconds.into())).transpose()?;
        match kind {
            "messages" => Self::new::<CloudMessage>(py, client.core(), timeout),
            "desired" => Self::new::<DesiredPatch>(py, client.core(), timeout),
            "methods" => Self::new::<MethodRequest>(py, client.core(), timeout),
            "state" => Self::states(client.core(), timeout),
            _ => Err(errors::value_error(&"kind must be 'messages', 'desired', 'methods' or 'state'")),
        }
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(item) = self.position.take(py)? {
            return Ok(Some(item));
        }
        self.subscribed(py)?;
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        loop {
            if let Some(item) = self.position.take(py)? {
                return Ok(Some(item));
            }
            let mut key = None;
            let woken = waiter::wait_until(py, deadline, |reply| key = self.position.listen(reply).ok());
            if let Some(key) = key {
                self.position.forget(key);
            }
            match woken? {
                Some(Ok(())) => {}
                // The time is over, or the client is closed: what came at the last moment still counts.
                None | Some(Err(Error::ClientClosed)) => return self.position.take(py),
                Some(Err(error)) => return Err(errors::raise(py, &error)),
            }
        }
    }

    /// The next item if one waits, otherwise `None`. Acknowledges the one before.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.position.take(py)
    }

    /// Waits until the hub has granted the subscription.
    fn subscribed(&self, py: Python<'_>) -> PyResult<()> {
        waiter::wait(py, |reply| self.subscribed_or_fail(reply))
    }

    /// A future that is done when the hub has granted the subscription.
    fn subscribed_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        bridge::submit(py, |reply| self.subscribed_or_fail(reply))
    }

    /// A key for `forget`, and a future that is done when it is worth trying `take` again.
    fn ready_async<'py>(&self, py: Python<'py>) -> PyResult<(usize, Bound<'py, PyAny>)> {
        let mut key = Ok(0);
        let future = bridge::submit(py, |reply| key = self.position.listen(reply))?;
        Ok((key?, future))
    }

    /// Takes a wait back.
    fn forget(&self, key: usize) {
        self.position.forget(key);
    }

    /// Puts `key` into `wakeups` once it is worth trying `take` again, with `ClientClosed` when nothing will come any
    /// more. Until then further calls do nothing.
    fn arm(&self, wakeups: &Wakeups, key: u64) -> PyResult<()> {
        if self.armed.swap(true, SeqCst) {
            return Ok(());
        }
        let (armed, wakeups) = (Arc::clone(&self.armed), Arc::clone(wakeups.shared()));
        let reply = Reply::new(move |outcome: Result<(), Error>| {
            armed.store(false, SeqCst);
            wakeups.push(key, outcome.err());
        });
        self.position.listen(reply).map(drop)
    }

    /// Has the hub asked for items until it has granted that, with backoff. Each failure puts `key` into `wakeups`.
    fn keep_subscribed(&self, wakeups: &Wakeups, key: u64) -> PyResult<()> {
        let wakeups = Arc::clone(wakeups.shared());
        let failed = Box::new(move |error| wakeups.push(key, Some(error)));
        super::runtime::ensure()?.spawn(self.position.keep_subscribed(failed));
        Ok(())
    }

    /// The application is done with the last item; it is acknowledged at once.
    fn done(&self) {
        self.position.done();
    }
}

impl Events {
    fn subscribed_or_fail(&self, reply: Reply<()>) {
        // Dropping the reply on failure (after a fork) answers it; `take` has said why before.
        drop(self.position.subscribed(reply));
    }
}
