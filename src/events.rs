//! Iterators over what the hub sends (cloud messages, changes of the desired properties, calls of methods), and over
//! changes of the connection's state.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::client::Client;
use super::cloud_message::CloudMessage as PyCloudMessage;
use super::core::Core;
use super::errors::{Failure, of_any};
use super::method_call::MethodCall;
use super::wakeups::Wakeups;
use super::{bridge, broker, convert, errors, waiter};
use azmqtt_client::watch::StateChange;
use azmqtt_client::{Inbox, Reply, StateChanges};
use azmqtt_device::{CloudMessage, DesiredPatch, Incoming, MethodRequest, Receiver};
use azmqtt_net::BoxFuture;

/// What an iterator yields.
pub(super) trait Item: Incoming {
    /// The Python object for it.
    fn into_python<'py>(self, py: Python<'py>, owner: &Owned) -> PyResult<Bound<'py, PyAny>>;
}

impl Item for CloudMessage {
    fn into_python<'py>(self, py: Python<'py>, _owner: &Owned) -> PyResult<Bound<'py, PyAny>> {
        PyCloudMessage::from(self).into_bound_py_any(py)
    }
}

impl Item for DesiredPatch {
    fn into_python<'py>(self, py: Python<'py>, _owner: &Owned) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(py, "azmqtt._types", "DesiredPatch")?;
        class.call1((convert::to_python(py, &self.patch)?, self.version))
    }
}

impl Item for MethodRequest {
    fn into_python<'py>(self, py: Python<'py>, owner: &Owned) -> PyResult<Bound<'py, PyAny>> {
        MethodCall::new(py, &owner.core, owner.json_default.as_ref(), self).into_bound_py_any(py)
    }
}

/// An iterator's position, whatever it yields.
pub(super) trait Position: Send + Sync {
    /// The next item if one waits. Says that the application is done with the one before.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>>;

    /// Answers `reply` when it is worth trying `take` again; the key is for `forget`.
    fn listen(&self, reply: Reply<(), Failure>) -> PyResult<usize>;

    /// Takes a wait back.
    fn forget(&self, key: usize);

    /// Has the server asked for items, and answers `reply` when it has granted that.
    fn subscribed(&self, reply: Reply<(), Failure>) -> PyResult<()>;

    /// The same for as long as it takes; each failure is told.
    fn keep_subscribed(&self, failed: Box<dyn FnMut(Failure) + Send>) -> BoxFuture<'static, ()>;

    /// The application is done with the last item.
    fn done(&self) {}
}

/// Whose items they are.
pub(super) struct Owned {
    core: Arc<Core>,
    /// For what in the responses of methods is not JSON.
    json_default: Option<Py<PyAny>>,
}

struct Cursor<T: Item> {
    owner: Owned,
    receiver: Arc<Receiver<T>>,
}

impl<T: Item> Position for Cursor<T> {
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.owner.core.device()?;
        self.receiver.take().map(|item| item.into_python(py, &self.owner)).transpose()
    }

    fn listen(&self, reply: Reply<(), Failure>) -> PyResult<usize> {
        self.owner.core.device()?;
        Ok(self.receiver.listen(of_any(reply)))
    }

    fn forget(&self, key: usize) {
        self.receiver.forget(key);
    }

    fn subscribed(&self, reply: Reply<(), Failure>) -> PyResult<()> {
        self.owner.core.device()?;
        self.receiver.when_subscribed(of_any(reply));
        Ok(())
    }

    fn keep_subscribed(&self, mut failed: Box<dyn FnMut(Failure) + Send>) -> BoxFuture<'static, ()> {
        let failed = move |error: azmqtt_device::Error| failed(error.into());
        Box::pin(Receiver::keep_subscribed(Arc::downgrade(&self.receiver), failed))
    }

    fn done(&self) {
        if self.owner.core.device_if_alive().is_some() {
            self.receiver.done();
        }
    }
}

impl<T: Item> Drop for Cursor<T> {
    fn drop(&mut self) {
        if self.owner.core.device_if_alive().is_none() {
            // After a fork the item is the parent's to acknowledge, and the locks may be held for ever in this copy.
            std::mem::forget(Arc::clone(&self.receiver));
        }
    }
}

/// Changes of the connection's state. Nobody is asked for them, and each iterator has all of them.
struct States<C> {
    core: Arc<C>,
    /// Whether it can be worked with in this process.
    check: fn(&C) -> PyResult<()>,
    changes: StateChanges,
}

impl<C: Send + Sync> Position for States<C> {
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        (self.check)(&self.core)?;
        self.changes.take().map(|change| state_change(py, change)).transpose()
    }

    fn listen(&self, reply: Reply<(), Failure>) -> PyResult<usize> {
        (self.check)(&self.core)?;
        Ok(self.changes.listen(reply))
    }

    fn forget(&self, key: usize) {
        self.changes.forget(key);
    }

    fn subscribed(&self, reply: Reply<(), Failure>) -> PyResult<()> {
        reply.send(Ok(()));
        Ok(())
    }

    fn keep_subscribed(&self, _failed: Box<dyn FnMut(Failure) + Send>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A `StateChange` of Python.
fn state_change(py: Python<'_>, change: StateChange) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.import(py, "azmqtt._types", "StateChange")?;
    class.call1((change.state.as_str(), change.previous.as_str(), change.reason, change.at))
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
    fn at(position: impl Position + 'static, timeout: Option<Duration>) -> Self {
        Self { position: Arc::new(position), armed: Arc::default(), timeout }
    }

    fn of<T: Item>(py: Python<'_>, client: &Client, timeout: Option<Duration>) -> PyResult<Self> {
        let core = client.core();
        let device = core.device_for_call(py)?.clone();
        let receiver = Arc::new(Receiver::<T>::new(device, core.timeout));
        let json_default = client.json_default().map(|default| default.clone_ref(py));
        let owner = Owned { core: Arc::clone(core), json_default };
        Ok(Self::at(Cursor { owner, receiver }, timeout))
    }

    /// The changes of the state that come into `inbox`, as long as `check` finds nothing wrong with `core`.
    fn of_states<C: Send + Sync + 'static>(
        core: &Arc<C>,
        check: fn(&C) -> PyResult<()>,
        inbox: Arc<Inbox<StateChange>>,
        timeout: Option<Duration>,
    ) -> Self {
        let (core, changes) = (Arc::clone(core), StateChanges::of(inbox));
        Self::at(States { core, check, changes }, timeout)
    }
}

/// Whose events they are.
#[derive(FromPyObject)]
enum Owner<'py> {
    Device(Bound<'py, Client>),
    Broker(Bound<'py, broker::BrokerClient>),
}

#[pymethods]
impl Events {
    /// `kind` says what to iterate over; messages of a broker may be those of a topic filter alone.
    #[new]
    #[pyo3(signature = (client, kind, timeout, topic_filter = None))]
    fn py_new(
        py: Python<'_>,
        client: Owner<'_>,
        kind: &str,
        timeout: Option<super::core::Seconds>,
        topic_filter: Option<&str>,
    ) -> PyResult<Self> {
        let timeout = timeout.map(|seconds| super::core::span("timeout", seconds.into())).transpose()?;
        match (client, kind) {
            (Owner::Device(client), "messages") => Self::of::<CloudMessage>(py, client.get(), timeout),
            (Owner::Device(client), "desired") => Self::of::<DesiredPatch>(py, client.get(), timeout),
            (Owner::Device(client), "methods") => Self::of::<MethodRequest>(py, client.get(), timeout),
            (Owner::Device(client), "state") => {
                let core = client.get().core();
                let inbox = core.device()?.state_changes();
                Ok(Self::of_states(core, |core| core.device().map(drop), inbox, timeout))
            }
            (Owner::Broker(client), "messages") => {
                Ok(Self::at(broker::Messages::new(py, client.get().core(), topic_filter)?, timeout))
            }
            (Owner::Broker(client), "state") => {
                let core = client.get().core();
                let inbox = core.client()?.state_changes();
                Ok(Self::of_states(core, |core| core.client().map(drop), inbox, timeout))
            }
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
                None => return self.position.take(py),
                Some(Err(error)) if error.is_closed() => return self.position.take(py),
                Some(Err(error)) => return Err(error.raise(py)),
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
        let reply = Reply::new(move |outcome: Result<(), Failure>| {
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
    fn subscribed_or_fail(&self, reply: Reply<(), Failure>) {
        // Dropping the reply on failure (after a fork) answers it; `take` has said why before.
        drop(self.position.subscribed(reply));
    }
}
