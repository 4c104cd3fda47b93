//! The application's side of a device: commands in, replies out. Nothing here waits.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime;

use crate::commands::{Command, TwinReply};
use crate::config::DeviceConfig;
use crate::error::{Error, not_connected};
use crate::inbox::{CloudMessage, Delivery, Inbox};
use crate::incoming::streams::Streams;
use crate::invoke::{MethodAnswer, MethodInvocation, invoke};
use crate::message::{Batch, Member, Outgoing, Owner, Ticket};
use crate::neighbours::Neighbours;
use crate::reply::Reply;
use crate::session::Session;
use crate::session::desired::DesiredPatch;
use crate::session::methods::{MethodCall, MethodRequest};
use crate::session::requests::{ReportedPatch, ReportedProperties, Request, TwinDocument};
use crate::shared::Shared;
use crate::stats::{State, Stats};
use crate::upload::FileUpload;
use azmqtt_client::backoff::random;
use azmqtt_client::lasting::Handle;
use azmqtt_client::lasting::times::Time;
use azmqtt_client::watch::{Log, StateChange};
use azmqtt_net::ConnectProgress;
use azmqtt_net::deadlines::later;

/// A device. Clones share it; the connection ends when the last one is dropped or [`Device::close`] is
/// called.
///
/// Every operation takes a timeout and answers its reply within it: with the outcome, a typed error, or
/// [`Error::RequestTimeout`]. Calls may come from any thread.
#[derive(Clone)]
pub struct Device(Handle<Session>);

impl Device {
    /// A device that connects on its first operation, on the runtime that `runtime` names then.
    pub fn new(config: DeviceConfig, runtime: fn() -> runtime::Handle) -> Self {
        Self::make(config, runtime, None)
    }

    /// The same among `neighbours`, one of which may have its identity.
    pub fn among(
        config: DeviceConfig,
        runtime: fn() -> runtime::Handle,
        neighbours: fn() -> &'static Neighbours,
    ) -> Self {
        Self::make(config, runtime, Some(neighbours))
    }

    fn make(
        config: DeviceConfig,
        runtime: fn() -> runtime::Handle,
        neighbours: Option<fn() -> &'static Neighbours>,
    ) -> Self {
        let shared = Arc::new(Shared { neighbours, ..Shared::new(config) });
        Self(Handle::new(Session::new(shared, random(), Instant::now()), runtime))
    }

    /// Connects, if not connected yet.
    pub fn connect(&self, timeout: Duration, reply: Reply<()>) {
        self.0.command(Command::Connect { time: Time::within(timeout), reply });
    }

    /// Sends what was accepted, within `timeout`, then disconnects until the next operation or
    /// [`connect`](Self::connect). What was not acknowledged by then waits for that, within its own time.
    pub fn disconnect(&self, timeout: Duration, reply: Reply<()>) {
        self.0.command(Command::Disconnect { deadline: later(Instant::now(), timeout), reply });
    }

    /// Sends what was accepted, within `timeout`, then disconnects for good. The reply says how many
    /// messages and requests did not make it; their own callers get [`Error::ClientClosed`].
    pub fn close(&self, timeout: Duration, reply: Reply<usize>) {
        if self.0.end_unused() {
            return reply.send(Ok(0));
        }
        self.0.command(Command::Close { deadline: later(Instant::now(), timeout), reply });
    }

    /// Sends one message: QoS 1 is answered when the hub has it, QoS 0 when its bytes are written out.
    /// Without a connection it waits in the outbox; a full outbox answers [`Error::OutboxFull`] at once.
    pub fn send(&self, message: Outgoing, timeout: Duration, reply: Reply<()>) {
        let size = message.size();
        if let Err(error) = self.shared().budget.take(size as usize) {
            return reply.send(Err(error.into()));
        }
        let deadline = later(Instant::now(), timeout);
        let ticket = Ticket { deadline, sent: 0, timeout, size, owner: Owner::One(reply) };
        self.0.command(Command::Send(message, ticket));
    }

    /// Accepts as many of `messages`, front first, as the outbox has room for, and counts them in `batch`.
    /// What is left in `messages` was not accepted.
    pub fn send_batch(&self, messages: &mut Vec<Outgoing>, batch: &Arc<Batch>, timeout: Duration) {
        let deadline = later(Instant::now(), timeout);
        let room = messages
            .iter()
            .take_while(|message| self.shared().budget.take(message.size() as usize).is_ok())
            .count();
        if room == 0 {
            return;
        }
        let accepted = messages
            .drain(..room)
            .map(|message| {
                let size = message.size();
                let owner = Owner::Member(Member::of(batch));
                (message, Ticket { deadline, sent: 0, timeout, size, owner })
            })
            .collect();
        self.0.command(Command::SendBatch(accepted));
    }

    /// Reads the twin.
    pub fn get_twin(&self, timeout: Duration, reply: Reply<TwinDocument>) {
        self.twin(Request::Get, 0, timeout, TwinReply::Get(reply));
    }

    /// Changes the reported properties. With `if_version` only if they still have that `$version`.
    pub fn patch_reported(
        &self,
        patch: ReportedProperties,
        if_version: Option<u64>,
        timeout: Duration,
        reply: Reply<ReportedPatch>,
    ) {
        let size = patch.size();
        self.twin(Request::Patch { patch, if_version }, size, timeout, TwinReply::Patch(reply, size));
    }

    fn twin(&self, request: Request, size: usize, timeout: Duration, reply: TwinReply) {
        if let Err(error) = self.shared().budget.take(size) {
            return reply.fail(error.into());
        }
        let started = Instant::now();
        self.0.command(Command::Twin { request, started, deadline: later(started, timeout), reply });
    }

    /// Subscribes to changes of the desired properties; they arrive in [`Device::desired`] from then on,
    /// each once, across reconnects. Answered once nothing can be missed any more.
    pub fn watch_desired(&self, timeout: Duration, reply: Reply<()>) {
        self.0.command(Command::WatchDesired { time: Time::within(timeout), reply });
    }

    /// Subscribes to cloud-to-device messages; they arrive in [`Device::messages`].
    pub fn watch_messages(&self, timeout: Duration, reply: Reply<()>) {
        self.0.command(Command::WatchMessages { time: Time::within(timeout), reply });
    }

    /// Acknowledges messages that were handed over, in the order in which they came.
    pub fn acknowledge(&self, deliveries: Vec<Delivery>) {
        if !deliveries.is_empty() {
            self.0.command(Command::Acknowledge(deliveries));
        }
    }

    /// Subscribes to calls of direct methods; they arrive in [`Device::methods`].
    pub fn watch_methods(&self, timeout: Duration, reply: Reply<()>) {
        self.0.command(Command::WatchMethods { time: Time::within(timeout), reply });
    }

    /// Responds to a call with the method's own status and a body, which is JSON of at most
    /// [`MAX_METHOD_BODY`](azmqtt_dialect::MAX_METHOD_BODY) bytes or empty; the caller has checked that. Answered when
    /// the response is written out, or with [`Error::ConnectionLost`] when the call's connection is gone: nothing is
    /// sent then.
    pub fn respond(&self, call: MethodCall, status: i32, body: Bytes, reply: Reply<()>) {
        self.0.command(Command::Respond { call, status, body, reply });
    }

    /// Whether a response to the call can still be sent, as far as is known.
    pub fn is_open(&self, call: &MethodCall) -> bool {
        self.state() == State::Connected && self.shared().monitor.counters.connects.get() == call.connection
    }

    /// Begins to upload a file as `blob_name`, which the caller has checked; see [`FileUpload`]. The whole of it takes no
    /// longer than `timeout`, and no request goes without a sign of life for longer than `idle_timeout`. Not for modules.
    pub fn upload(
        &self,
        blob_name: String,
        timeout: Duration,
        idle_timeout: Duration,
    ) -> Result<FileUpload, Error> {
        if self.state() == State::Closed {
            return Err(self.closed());
        }
        Ok(FileUpload::new(self.config(), blob_name, timeout, idle_timeout, self.runtime()))
    }

    /// Calls a method of another device or module through the gateway, for modules. Answered within `timeout`; whether
    /// the method was called is not known when that is over.
    pub fn invoke_method(&self, call: MethodInvocation, timeout: Duration, reply: Reply<MethodAnswer>) {
        if self.state() == State::Closed {
            return reply.send(Err(self.closed()));
        }
        let config = self.config().clone();
        self.runtime().spawn(async move {
            let progress = Arc::new(ConnectProgress::default());
            let called = tokio::time::timeout(timeout, progress.watch(invoke(&config, call))).await;
            let operation = "the call of a method";
            let known = progress.describe("the gateway").map(not_connected);
            let late = Error::RequestTimeout { operation, after: timeout, known };
            reply.send(called.unwrap_or(Err(late)));
        });
    }

    /// Changes of the desired properties that nobody took yet.
    pub fn desired(&self) -> &Inbox<DesiredPatch> {
        &self.shared().desired
    }

    /// Cloud-to-device messages that nobody took yet.
    pub fn messages(&self) -> &Inbox<CloudMessage> {
        &self.shared().messages
    }

    /// Calls of direct methods that nobody took yet.
    pub fn methods(&self) -> &Inbox<MethodRequest> {
        &self.shared().methods
    }

    /// What waits for receivers.
    pub(super) fn streams(&self) -> &Streams {
        &self.shared().streams
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        self.shared().monitor.state()
    }

    /// What ended the last connection or attempt, while there is no other.
    pub fn last_error(&self) -> Option<String> {
        self.shared().monitor.last_error()
    }

    /// Everything that is counted or measured.
    pub fn stats(&self) -> Stats {
        let (messages, bytes) = self.shared().budget.used();
        Stats {
            outstanding: messages as u64,
            outstanding_bytes: bytes as u64,
            // What was fetched for receivers in a batch waits too.
            messages_waiting: (self.messages().len() + self.streams().messages.waiting()) as u64,
            desired_waiting: (self.desired().len() + self.streams().desired.waiting()) as u64,
            methods_waiting: (self.methods().len() + self.streams().methods.waiting()) as u64,
            ..self.shared().monitor.read()
        }
    }

    /// A queue of the changes of the state from now on: see [`Monitor::state_changes`](azmqtt_client::Monitor::state_changes).
    pub fn state_changes(&self) -> Arc<Inbox<StateChange>> {
        self.shared().monitor.state_changes()
    }

    /// Puts what happens to the connection from now on into `log`, under the name `client`.
    pub fn log_to(&self, log: &Arc<Log>, client: Arc<str>) {
        self.shared().monitor.watchers.log(log, client);
    }

    /// Which step of an attempt to connect is under way.
    pub(super) fn connect_progress(&self) -> &Arc<ConnectProgress> {
        &self.shared().monitor.connect_progress
    }

    /// Whether the next operation that connects takes the place of another client of the process.
    pub fn takes_a_place(&self) -> bool {
        self.state() == State::Disconnected
            && self.shared().neighbours.is_some_and(|neighbours| neighbours().0.has_rival(self.shared()))
    }

    /// Why nothing can be asked of it any more, once it is closed.
    pub fn closed(&self) -> Error {
        self.shared().closed()
    }

    /// What the device was made with.
    pub fn config(&self) -> &DeviceConfig {
        &self.shared().config
    }

    /// Whether both handles are of one device.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.is_same(&other.0)
    }

    /// A handle for bursts: its operations are accepted as ever, and the task is not woken for them until
    /// somebody calls [`Device::wake`] or uses another handle.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self(self.0.quiet())
    }

    /// Wakes the task for what quiet handles have accepted.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// Where the device's tasks run.
    pub(super) fn runtime(&self) -> runtime::Handle {
        self.0.runtime()
    }

    fn shared(&self) -> &Shared {
        self.0.shared()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("identity", &self.shared().config.identity)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
