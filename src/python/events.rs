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
use super::stream::{Place, Stream};
use super::subscription::Subscription;
use super::wakeups::Wakeups;
use super::{bridge, convert, errors, waiter};
use azmqtt_device::{
    CloudMessage, Delivery, DesiredPatch, Device, Error, Inbox, MethodRequest, Reply, State, StateChange,
};
use azmqtt_net::sync::Mutex;

/// The first and the longest wait before a handler's subscription is tried again.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// What an iterator yields.
pub(super) trait Item: Sized + Send + Sync + 'static {
    /// Where items of this kind come from.
    fn inbox(device: &Device) -> &Inbox<Self>;
    /// Where they wait for their iterators.
    fn stream(core: &Core) -> &Stream<Self>;
    /// Asks the hub for them.
    fn subscribe(device: &Device, timeout: Duration, reply: Reply<()>);
    /// What to acknowledge once the application is done with this one.
    fn delivery(&self) -> Option<Delivery>;
    /// The Python object for it.
    fn into_python<'py>(self, py: Python<'py>, core: &Arc<Core>) -> PyResult<Bound<'py, PyAny>>;
}

impl Item for CloudMessage {
    fn inbox(device: &Device) -> &Inbox<Self> {
        device.messages()
    }

    fn stream(core: &Core) -> &Stream<Self> {
        &core.messages
    }

    fn subscribe(device: &Device, timeout: Duration, reply: Reply<()>) {
        device.watch_messages(timeout, reply);
    }

    fn delivery(&self) -> Option<Delivery> {
        self.delivery
    }

    fn into_python<'py>(self, py: Python<'py>, _core: &Arc<Core>) -> PyResult<Bound<'py, PyAny>> {
        PyCloudMessage::from(self).into_bound_py_any(py)
    }
}

impl Item for DesiredPatch {
    fn inbox(device: &Device) -> &Inbox<Self> {
        device.desired()
    }

    fn stream(core: &Core) -> &Stream<Self> {
        &core.desired
    }

    fn subscribe(device: &Device, timeout: Duration, reply: Reply<()>) {
        device.watch_desired(timeout, reply);
    }

    fn delivery(&self) -> Option<Delivery> {
        None
    }

    fn into_python<'py>(self, py: Python<'py>, _core: &Arc<Core>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(py, "azmqtt._types", "DesiredPatch")?;
        class.call1((convert::to_python(py, &self.patch)?, self.version))
    }
}

impl Item for MethodRequest {
    fn inbox(device: &Device) -> &Inbox<Self> {
        device.methods()
    }

    fn stream(core: &Core) -> &Stream<Self> {
        &core.methods
    }

    fn subscribe(device: &Device, timeout: Duration, reply: Reply<()>) {
        device.watch_methods(timeout, reply);
    }

    fn delivery(&self) -> Option<Delivery> {
        None
    }

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
    fn done(&self);
}

struct Cursor<T: Item> {
    core: Arc<Core>,
    /// Started when the iterator is made, so that what happens from then on is not missed.
    subscription: Subscription,
    /// The item that the application works on.
    current: Mutex<Option<Place>>,
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T: Item> Cursor<T> {
    fn settle_current(&self, device: &Device) {
        if let Some(place) = self.current.lock().take() {
            T::stream(&self.core).done(device, place);
        }
    }
}

impl<T: Item> Position for Cursor<T> {
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let device = self.core.device()?;
        // Asking for the next one is how the application says that it is done with the last.
        self.settle_current(device);
        match T::stream(&self.core).take(device, T::inbox(device), T::delivery) {
            None => Ok(None),
            Some((item, place)) => {
                *self.current.lock() = place;
                item.into_python(py, &self.core).map(Some)
            }
        }
    }

    fn listen(&self, reply: Reply<()>) -> PyResult<usize> {
        let device = self.core.device()?;
        Ok(T::stream(&self.core).listen(T::inbox(device), reply))
    }

    fn forget(&self, key: usize) {
        T::stream(&self.core).forget(key);
    }

    fn subscribed(&self, reply: Reply<()>) -> PyResult<()> {
        let device = self.core.device()?;
        if device.state() == State::Connected {
            self.subscription.forget_failure();
        }
        self.subscription.then(|reply| T::subscribe(device, self.core.timeout, reply), reply);
        Ok(())
    }

    fn done(&self) {
        if let Some(device) = self.core.device_if_alive() {
            self.settle_current(device);
            T::stream(&self.core).flush(device);
        }
    }
}

impl<T: Item> Drop for Cursor<T> {
    fn drop(&mut self) {
        self.done();
    }
}

/// Changes of the connection's state. Nobody is asked for them, and each iterator has all of them.
struct States {
    core: Arc<Core>,
    inbox: Arc<Inbox<StateChange>>,
    stream: Stream<StateChange>,
}

impl Position for States {
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let device = self.core.device()?;
        let Some((change, _)) = self.stream.take(device, &self.inbox, |_| None) else { return Ok(None) };
        let class = CLASS.import(py, "azmqtt._types", "StateChange")?;
        class.call1((change.state.as_str(), change.previous.as_str(), change.reason, change.at)).map(Some)
    }

    fn listen(&self, reply: Reply<()>) -> PyResult<usize> {
        self.core.device()?;
        Ok(self.stream.listen(&self.inbox, reply))
    }

    fn forget(&self, key: usize) {
        self.stream.forget(key);
    }

    fn subscribed(&self, reply: Reply<()>) -> PyResult<()> {
        reply.send(Ok(()));
        Ok(())
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
        let cursor = Cursor::<T> {
            core: Arc::clone(core),
            subscription: Subscription::default(),
            current: Mutex::default(),
            kind: std::marker::PhantomData,
        };
        let device = core.device_for_call(py)?;
        cursor.subscription.begin(|reply| T::subscribe(device, core.timeout, reply));
        Ok(Self { position: Arc::new(cursor), armed: Arc::default(), timeout })
    }

    fn states(core: &Arc<Core>, timeout: Option<Duration>) -> PyResult<Self> {
        let inbox = core.device()?.state_changes();
        let position = States { core: Arc::clone(core), inbox, stream: Stream::default() };
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
        let (position, wakeups) = (Arc::downgrade(&self.position), Arc::clone(wakeups.shared()));
        super::runtime::ensure()?.spawn(async move {
            let mut retry = FIRST_RETRY;
            loop {
                let (reply, outcome) = Reply::channel();
                let Some(position) = position.upgrade() else { return };
                drop(position.subscribed(reply));
                drop(position);
                let error = match outcome.await.unwrap_or(Err(Error::ClientClosed)) {
                    Ok(()) => return,
                    Err(error) => error,
                };
                let is_over = error == Error::ClientClosed;
                wakeups.push(key, Some(error));
                if is_over {
                    return;
                }
                tokio::time::sleep(retry).await;
                retry = (2 * retry).min(LONGEST_RETRY);
            }
        });
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
