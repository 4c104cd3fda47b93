//! One device or module of the registry: who it is, its twin, its queue, and who is connected as it.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot};

use super::identity_record::IdentityRecord;
use crate::configurations::Applied;
use crate::faults::NowFault;
use crate::id::Id;
use crate::messages::cloud_messages::{CloudMessage, CloudMessages};
use crate::messages::telemetry::Source;
use crate::methods::{Caller, Invocation};
use crate::security::client_certificates::Authentication;
use crate::sessions::device_session::StoredSession;
use azmqtt_dialect::Twin;
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::twin::DeviceFacts;
use azmqtt_mqtt::ProtocolError;

/// Commands that may wait for a connection; one that lets more of them wait is closed.
pub const MAILBOX: usize = 4096;

/// How long the end of a connection, or of the hub's thread, is waited for. Both take milliseconds.
pub const END_TIMEOUT: Duration = Duration::from_secs(5);

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

/// How an identity proves itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Primary and secondary: either one signs.
    pub keys: [SymmetricKey; 2],
    /// With a certificate, the keys are not taken.
    pub authentication: Authentication,
}

impl From<[SymmetricKey; 2]> for Credentials {
    fn from(keys: [SymmetricKey; 2]) -> Self {
        Self { keys, authentication: Authentication::Sas }
    }
}

/// What changes.
pub struct DeviceState {
    pub credentials: Credentials,
    pub enabled: bool,
    pub removed: bool,
    /// What the registry keeps besides.
    pub record: IdentityRecord,
    pub twin: Twin,
    /// Counts the changes that the state directory must know; what a device acknowledged may wait for the hub's end.
    pub revision: u64,
    pub cloud_messages: CloudMessages,
    /// When the clock looks at them.
    pub next_sweep: Option<Instant>,
    /// What a client with `CleanSession` = 0 left behind.
    pub session: Option<StoredSession>,
    /// The live connection.
    pub link: Option<Link>,
    /// Connections accepted so far.
    pub connections: u64,
    /// Why the last connection ended.
    pub last_close: Option<CloseReason>,
    /// The model id that the last connection announced.
    pub model_id: Option<Arc<str>>,
    /// When the device last connected or disconnected.
    pub last_activity: Option<Timestamp>,
    /// The configurations whose content it has.
    pub configurations: Vec<Applied>,
}

/// The registry's end of a live connection.
pub struct Link {
    /// Which of the device's connections it is, from 1.
    pub number: u64,
    mailbox: mpsc::Sender<Command>,
    close: Option<oneshot::Sender<CloseReason>>,
    /// Subscribed to calls of direct methods.
    takes_methods: bool,
}

/// The connection's end. It counts as alive until this is dropped.
pub struct LinkEnd {
    pub number: u64,
    pub mailbox: mpsc::Receiver<Command>,
    pub close: oneshot::Receiver<CloseReason>,
}

/// What a connection is told to do.
#[derive(Debug)]
pub enum Command {
    /// Desired properties changed: notify the device if it subscribed.
    NotifyDesired { version: u64, body: Bytes },
    /// There is something in the queue of cloud-to-device messages.
    SendCloudMessages {
        /// Deliveries have lost their message: they are not to be sent again.
        lost_deliveries: bool,
    },
    /// Call a method, if the device is still subscribed.
    CallMethod { invocation: Invocation, caller: Caller },
    /// Suffer a fault.
    Fault(NowFault),
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent DISCONNECT.
    Goodbye,
    /// The client's end of the stream closed or broke.
    Lost,
    /// The client was silent for one and a half of its keep-alive intervals.
    KeepAlive,
    /// The client does not read, or does not acknowledge, what is sent to it.
    NotReading,
    /// The client broke MQTT 3.1.1.
    Protocol(ProtocolError),
    /// The client did what IoT Hub closes connections over; says what.
    Forbidden(String),
    /// The SAS token expired, with the skew.
    TokenExpired,
    /// Another connection came for the same device.
    TakenOver,
    /// The device was disabled.
    Disabled,
    /// The device was removed.
    Removed,
    /// A test asked for it.
    Dropped,
    /// The client was over its rate, or the hub's quota was used up; says which.
    Throttled(&'static str),
    /// The hub stopped.
    HubStopped,
}

impl CloseReason {
    /// Whether the device's will is due: on every end but an orderly one [MQTT-3.1.2-8].
    pub fn wants_will(&self) -> bool {
        !matches!(self, Self::Goodbye | Self::HubStopped)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol(error) => return error.fmt(f),
            Self::Forbidden(what) => what,
            Self::Throttled(why) => why,
            Self::Goodbye => "the client said goodbye",
            Self::Lost => "the connection was lost",
            Self::KeepAlive => "the client was silent for longer than its keep-alive allows",
            Self::NotReading => "the client does not read or acknowledge what is sent to it",
            Self::TokenExpired => "the SAS token expired",
            Self::TakenOver => "another connection came for the same device",
            Self::Disabled => "the device was disabled",
            Self::Removed => "the device was removed",
            Self::Dropped => "the connection was dropped on request",
            Self::HubStopped => "the hub stopped",
        })
    }
}

impl Device {
    pub fn new<'a>(
        id: impl Into<Id<'a>>,
        generation_id: &str,
        credentials: Credentials,
        enabled: bool,
        twin: Twin,
    ) -> Self {
        let id = id.into();
        let source = Arc::new(Source::new(id, generation_id));
        source.set_x509(credentials.authentication.is_x509());
        let state = DeviceState {
            credentials,
            enabled,
            removed: false,
            record: IdentityRecord::new(id, generation_id),
            twin,
            revision: 1,
            cloud_messages: CloudMessages::default(),
            next_sweep: None,
            session: None,
            link: None,
            connections: 0,
            last_close: None,
            model_id: None,
            last_activity: None,
            configurations: Vec::new(),
        };
        Self {
            id: id.device.to_owned(),
            module_id: id.module.map(str::to_owned),
            owner: None,
            source,
            state: Mutex::new(state),
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

    /// Changes how it proves itself from its next connection on.
    pub fn set_credentials(&self, credentials: Credentials) {
        let mut state = self.state();
        self.prove_by(&mut state, credentials);
        state.record.touch();
        state.revision += 1;
    }

    /// [`Self::set_credentials`] as a part of a larger change of `state`, its own.
    pub fn prove_by(&self, state: &mut DeviceState, credentials: Credentials) {
        self.source.set_x509(credentials.authentication.is_x509());
        state.credentials = credentials;
    }

    /// The part that changes. Nothing in it is left half-done by a panic, so a poisoned lock is taken all the same.
    pub fn state(&self) -> MutexGuard<'_, DeviceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection the device's live one. The caller holds `attaching` and has seen the old one end.
    pub fn attach(&self) -> LinkEnd {
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        let (close, closed) = oneshot::channel();
        let mut state = self.state();
        state.connections += 1;
        let number = state.connections;
        state.last_activity = Some(Timestamp::now());
        state.record.connection_updated = state.last_activity;
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
        state.revision += u64::from(state.cloud_messages.len() > 0);
        let exceeded = state.cloud_messages.connection_ended(session.is_some(), max_deliveries);
        state.session = session;
        state.link.take_if(|link| link.number == end.number);
        state.last_close = Some(reason);
        state.last_activity = Some(Timestamp::now());
        state.record.connection_updated = state.last_activity;
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
            state = self.link_changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Blocks until `met` holds of the state, which is looked at whenever a connection comes or goes.
    pub fn wait_for_link(&self, timeout: Duration, met: impl Fn(&DeviceState) -> bool) -> bool {
        self.once_link(timeout, |state| met(state))
    }

    /// [`Self::wait_for_link`] for a condition that acts on the state when it is met.
    pub fn once_link(&self, timeout: Duration, mut met: impl FnMut(&mut DeviceState) -> bool) -> bool {
        let (_state, timed_out) = self
            .link_changed
            .wait_timeout_while(self.state(), timeout, |state| !met(state))
            .unwrap_or_else(PoisonError::into_inner);
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

impl DeviceState {
    /// What the twin's service view shows of the device besides the twin.
    pub fn facts(&self, device: &Device) -> DeviceFacts {
        let authentication = &self.credentials.authentication;
        let [primary_thumbprint, secondary_thumbprint] = authentication.thumbprints();
        DeviceFacts {
            device_id: device.id.clone(),
            module_id: device.module_id.clone(),
            device_etag: self.record.etag(),
            disabled: !self.enabled,
            status_reason: self.record.traits.status_reason.clone(),
            status_update_time: self.record.status_updated,
            connected: self.link.is_some(),
            last_activity_time: self.last_activity,
            cloud_to_device_message_count: self.cloud_messages.len() as u64,
            authentication_type: authentication.name(),
            primary_thumbprint,
            secondary_thumbprint,
            model_id: self.model_id.as_deref().map(str::to_owned),
            iot_edge: self.record.traits.iot_edge,
            device_scope: self.record.traits.device_scope.clone(),
            parent_scopes: self.record.traits.parent_scopes.clone(),
            configurations: self.configurations.iter().map(|applied| applied.id.clone()).collect(),
        }
    }

    /// Whether a connection listens to calls of direct methods.
    pub fn takes_methods(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.takes_methods)
    }

    /// Tells the live connection, if there is one. A connection that lets too much wait is closed.
    pub fn tell(&mut self, command: Command) {
        let Some(link) = &self.link else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = link.mailbox.try_send(command) {
            self.close_link(CloseReason::NotReading);
        }
    }

    /// Asks the live connection to end; the answer's `closed` resolves when it has.
    fn close_link(&mut self, reason: CloseReason) -> Option<mpsc::Sender<Command>> {
        let link = self.link.as_mut()?;
        if let Some(close) = link.close.take() {
            // An end that is gone already needs no reason.
            let _ = close.send(reason);
        }
        Some(link.mailbox.clone())
    }
}
