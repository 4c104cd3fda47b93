//! One device or module of the registry: who it is, its twin, its queue, and who is connected as it.

mod call;
mod change;
mod link;
mod session;
mod state;

use std::pin::pin;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};

use crate::id::Id;
use crate::messages::cloud_messages::CloudMessage;
use crate::messages::telemetry::Source;
use azmqtt_dialect::time::Timestamp;
use azmqtt_net::sync::{Condvar, Mutex};

pub use super::credentials::Credentials;
pub use call::{Caller, Invocation, MethodResult, Slot};
pub use change::Change;
pub use link::{CloseReason, Command, END_TIMEOUT, Link, LinkEnd, MAILBOX};
pub use session::{Delivery, StoredSession, Subscriptions};
pub use state::{Applied, DeviceState, Kept};

/// A device, or a module of one: to a hub both are an identity with keys, a twin and a connection. Locks are taken one
/// at a time and never across an await.
pub struct Device {
    /// The device's id, also in a module.
    pub id: String,
    pub module_id: Option<String>,
    /// The device of a module.
    pub owner: Option<Arc<Device>>,
    /// What its messages are stamped with; holds the generation id.
    pub source: Arc<Source>,
    state: Mutex<DeviceState>,
    /// The connection came or went, or listens to methods or not.
    link_changed: Condvar,
    /// The same for tasks.
    link_moved: Notify,
    /// Held while a connection takes the place of another.
    pub attaching: tokio::sync::Mutex<()>,
    /// The revision that is on the disk; held while it is written.
    pub saved: Mutex<u64>,
}

impl Device {
    /// One with that content: `kept` has the same id and generation id.
    pub fn new<'a>(id: impl Into<Id<'a>>, generation_id: &str, kept: Kept) -> Self {
        let id = id.into();
        let source = Arc::new(Source::new(id, generation_id));
        source.set_x509(kept.credentials.authentication.is_x509());
        Self {
            id: id.device.to_owned(),
            module_id: id.module.map(str::to_owned),
            owner: None,
            source,
            state: Mutex::new(kept.into()),
            link_changed: Condvar::new(),
            link_moved: Notify::new(),
            attaching: tokio::sync::Mutex::new(()),
            saved: Mutex::new(0),
        }
    }

    /// As a module of `owner`.
    #[must_use]
    pub fn of(self, owner: Arc<Self>) -> Self {
        Self { owner: Some(owner), ..self }
    }

    /// What the registry finds it by.
    pub fn key(&self) -> Id<'_> {
        (self.id.as_str(), self.module_id.as_deref()).into()
    }

    /// Whether it is there and enabled, and so is the device of a module.
    pub fn may_connect(&self) -> bool {
        let allowed = |device: &Self| {
            let state = device.state();
            state.enabled && !state.removed
        };
        allowed(self) && self.owner.as_deref().is_none_or(allowed)
    }

    /// As it was read from the disk: there is nothing to write.
    #[must_use]
    pub fn saved_already(self) -> Self {
        let revision = self.state().revision;
        Self { saved: Mutex::new(revision), ..self }
    }

    /// The part that changes. Nothing in it is left half-done by a panic, so a poisoned lock is taken all the same.
    pub fn state(&self) -> MutexGuard<'_, DeviceState> {
        self.state.lock()
    }

    /// Makes a connection the device's live one. The caller holds `attaching` and has seen the old one end.
    pub fn attach(&self) -> LinkEnd {
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        let (close, closed) = oneshot::channel();
        let mut state = self.state();
        state.connections += 1;
        let number = state.connections;
        state.last_activity = Some(Timestamp::now());
        state.connection_updated = state.last_activity;
        state.link = Some(Link { number, mailbox, close: Some(close), takes_methods: false });
        self.tell_link_changed();
        LinkEnd { number, mailbox: commands, close: closed }
    }

    /// The connection ended: its socket is closed already.
    /// Returns the cloud-to-device messages that `max_deliveries` connections have ended on.
    pub fn detach(
        &self,
        end: LinkEnd,
        reason: CloseReason,
        session: Option<StoredSession>,
        max_deliveries: u32,
    ) -> Vec<CloudMessage> {
        let mut state = self.state();
        let exceeded =
            state.change_queue(|queue| queue.connection_ended(session.is_some(), max_deliveries)).0;
        state.session = session;
        state.link.take_if(|link| link.number == end.number);
        state.last_close = Some(reason);
        state.last_activity = Some(Timestamp::now());
        state.connection_updated = state.last_activity;
        self.tell_link_changed();
        drop(state);
        drop(end);
        exceeded
    }

    /// A connection listens to calls of direct methods, or does no longer.
    pub fn set_takes_methods(&self, number: u64, takes_methods: bool) {
        let mut state = self.state();
        if let Some(link) = state.link.as_mut().filter(|link| link.number == number) {
            link.takes_methods = takes_methods;
        }
        self.tell_link_changed();
    }

    fn tell_link_changed(&self) {
        self.link_changed.notify_all();
        self.link_moved.notify_waiters();
    }

    /// Asks the live connection to end. Resolves at its end; at once if there is none.
    pub async fn close_and_wait(&self, reason: CloseReason) {
        let mailbox = self.state().close_link(reason);
        if let Some(mailbox) = mailbox {
            mailbox.closed().await;
        }
    }

    /// [`Self::close_and_wait`] for threads outside of the runtime. False when the time ran out before the end.
    pub fn close_and_block(&self, reason: CloseReason, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.state();
        let Some(number) = state.link.as_ref().map(|link| link.number) else { return true };
        state.close_link(reason);
        while state.link.as_ref().is_some_and(|link| link.number == number) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.link_changed.wait_timeout(state, left);
        }
        true
    }

    /// Blocks until `met` holds of the state, which is looked at whenever a connection comes or goes.
    pub fn wait_for_link(&self, timeout: Duration, met: impl Fn(&DeviceState) -> bool) -> bool {
        self.once_link(timeout, |state| met(state))
    }

    /// [`Self::wait_for_link`] for a condition that acts on the state when it is met.
    pub fn once_link(&self, timeout: Duration, mut met: impl FnMut(&mut DeviceState) -> bool) -> bool {
        let waited = self.link_changed.wait_timeout_while(self.state(), timeout, |state| !met(state));
        let (_state, timed_out) = waited;
        !timed_out.timed_out()
    }

    /// [`Self::once_link`] for tasks; resolves when the condition is met.
    pub async fn link_when(&self, mut met: impl FnMut(&mut DeviceState) -> bool) {
        loop {
            let mut moved = pin!(self.link_moved.notified());
            // From here on no change is missed.
            moved.as_mut().enable();
            if met(&mut self.state()) {
                return;
            }
            moved.await;
        }
    }
}
