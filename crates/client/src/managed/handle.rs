//! The application's side of a client: commands in, replies out. Nothing here waits.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime;

use super::commands::{Command, Request};
use super::config::Config;
use super::error::Error;
use super::filter::{self, Filter};
use super::inlets::Inlet;
use super::message::{Accepted, Delivery, Owner, Published, Received, Ticket, size_of};
use super::neighbours::Neighbours;
use super::session::Session;
use super::shared::Shared;
use super::stats::Stats;
use super::subscription::Subscription;
use crate::batch::{Batch, Member};
use crate::bulk::TakesMany;
use crate::inbox::Inbox;
use crate::lasting::Handle;
use crate::lasting::times::Time;
use crate::reply::Reply;
use crate::watch::{Log, State, StateChange};
use azmqtt_mqtt::{LARGEST_PACKET, Level, Publish, ReasonCode, Text};
use azmqtt_net::ConnectProgress;
use azmqtt_net::deadlines::later;

/// A client of any broker. Clones share it; the connection ends when the last one is dropped or [`Client::close`] is
/// called.
///
/// Every operation takes a timeout and answers its reply within it: with the outcome, a typed error, or
/// [`Error::Timeout`]. Calls may come from any thread.
#[derive(Clone)]
pub struct Client(Handle<Session>);

impl Client {
    /// A client that connects on its first operation, on the runtime that `runtime` names then.
    pub fn new(config: Config, runtime: fn() -> runtime::Handle) -> Self {
        Self::make(Shared::new(config), runtime)
    }

    /// The same among `neighbours`, one of which may have its client identifier.
    pub fn among(
        config: Config,
        runtime: fn() -> runtime::Handle,
        neighbours: fn() -> &'static Neighbours,
    ) -> Self {
        Self::make(Shared { neighbours: Some(neighbours), ..Shared::new(config) }, runtime)
    }

    fn make(shared: Shared, runtime: fn() -> runtime::Handle) -> Self {
        Self(Handle::new(Session::new(Arc::new(shared), Instant::now()), runtime))
    }

    /// Connects, if not connected yet.
    pub fn connect(&self, timeout: Duration, reply: Reply<()>) {
        self.0.command(Command::Connect { time: Time::within(timeout), reply });
    }

    /// Sends what was accepted, within `timeout`, then disconnects for good. The reply says how many messages and requests
    /// did not make it; their own callers get [`Error::Closed`].
    pub fn close(&self, timeout: Duration, reply: Reply<usize>) {
        if self.0.end_unused() {
            return reply.send(Ok(0));
        }
        self.0.command(Command::Close { deadline: later(Instant::now(), timeout), reply });
    }

    /// Publishes one message: QoS 1 and 2 are answered when the broker has it, QoS 0 when its bytes are written out. Without
    /// a connection it waits in the outbox; a full outbox answers [`Error::OutboxFull`] at once.
    pub fn publish(&self, publish: Publish, timeout: Duration, reply: Reply<Published>) {
        let size = match self.admit(&publish) {
            Ok(size) => size,
            Err(error) => return reply.send(Err(error)),
        };
        let Time { deadline, timeout } = Time::within(timeout);
        self.0.command(Command::Publish(
            publish,
            Ticket { deadline, sent: 0, timeout, size, owner: Owner::One(reply) },
        ));
    }

    /// Asks for topics. Answered with the granted QoS of each filter, in their order; [`Error::SubscribeRefused`] if the
    /// broker refused one of them, with the codes of all.
    pub fn subscribe(
        &self,
        wanted: impl Into<Subscription>,
        timeout: Duration,
        reply: Reply<Vec<ReasonCode>>,
    ) {
        let wanted = wanted.into();
        let checked = wanted.check(self.config().level);
        match checked.and_then(|()| not_none(&wanted.filters)) {
            Ok(()) => self.0.command(Command::Subscribe { wanted, time: Time::within(timeout), reply }),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// Gives topics up. Answered with the broker's code for each filter, in their order.
    pub fn unsubscribe(&self, filters: Vec<String>, timeout: Duration, reply: Reply<Vec<ReasonCode>>) {
        let checked = filters.iter().try_for_each(|asked| filter::check(asked));
        match checked.and_then(|()| not_none(&filters)) {
            Ok(()) => self.0.command(Command::Unsubscribe { filters, time: Time::within(timeout), reply }),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// Publishes a request and waits for its answer: the message on `response_topic` with the same correlation data. The
    /// response topic is subscribed to once; by default it is `clients/CLIENT_ID/TOPIC`.
    pub fn request(
        &self,
        publish: Publish,
        response_topic: Option<String>,
        timeout: Duration,
        reply: Reply<Received>,
    ) {
        let time = Time::within(timeout);
        let admitted = self.is_v5("requests").and_then(|()| {
            response_topic.as_deref().map_or(Ok(()), filter::check_topic)?;
            self.admit(&publish)
        });
        match admitted {
            Ok(size) => {
                let request = Request { publish, response_topic, size, time, reply };
                self.0.command(Command::Request(Box::new(request)));
            }
            Err(error) => reply.send(Err(error)),
        }
    }

    /// Begins to receive what matches `filter`, or everything. It selects from what arrives and subscribes to nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what is wrong with the filter.
    pub fn receiver(&self, filter: Option<&str>) -> Result<super::receiver::Receiver, Error> {
        let filter = filter.map(Filter::parse).transpose()?;
        let inlet = Arc::new(Inlet::new(filter, self.config().inbox));
        self.shared().inlets.add(&inlet);
        Ok(super::receiver::Receiver::new(self.clone(), inlet))
    }

    /// The application is done with messages. Acknowledgements leave in the order of arrival, whatever is done first.
    pub fn acknowledge(&self, deliveries: Vec<Delivery>) {
        if !deliveries.is_empty() {
            self.post(Command::Done(deliveries));
        }
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        self.shared().monitor.state()
    }

    /// What ended the last connection or attempt, while there is no other.
    pub fn last_error(&self) -> Option<String> {
        self.shared().monitor.last_error()
    }

    /// What the broker said when it last accepted a connection; `None` before.
    pub fn accepted(&self) -> Option<Accepted> {
        self.shared().monitor.accepted.lock().clone()
    }

    /// Which step of an attempt to connect is under way.
    pub fn connect_progress(&self) -> &Arc<ConnectProgress> {
        &self.shared().monitor.connect_progress
    }

    /// Everything that is counted or measured.
    pub fn stats(&self) -> Stats {
        let (messages, bytes) = self.shared().budget.used();
        Stats {
            outstanding: messages as u64,
            outstanding_bytes: bytes as u64,
            messages_waiting: self.shared().inlets.waiting() as u64,
            ..self.shared().monitor.read()
        }
    }

    /// A queue of the changes of the state from now on: see [`Monitor::state_changes`](crate::Monitor::state_changes).
    pub fn state_changes(&self) -> Arc<Inbox<StateChange>> {
        self.shared().monitor.state_changes()
    }

    /// Puts what happens to the connection from now on into `log`, under the name `client`.
    pub fn log_to(&self, log: &Arc<Log>, client: Arc<str>) {
        self.shared().monitor.watchers.log(log, client);
    }

    /// Whether the next operation that connects takes the place of another client of the process.
    pub fn takes_a_place(&self) -> bool {
        let neighbours = self.shared().neighbours.filter(|_| self.state() == State::Disconnected);
        let is_named = !self.config().client_id.is_empty();
        is_named && neighbours.is_some_and(|neighbours| neighbours().0.has_rival(self.shared()))
    }

    /// Why nothing can be asked of it any more, once it is closed.
    pub fn closed(&self) -> Error {
        self.shared().closed()
    }

    /// The client identifier: the configured one, or the one that the broker has assigned; empty before that.
    pub fn client_id(&self) -> &str {
        let configured = self.config().client_id.as_str();
        if configured.is_empty() {
            self.shared().assigned.get().map_or("", String::as_str)
        } else {
            configured
        }
    }

    /// What the client was made with.
    pub fn config(&self) -> &Config {
        &self.shared().config
    }

    /// Whether both handles are of one client.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.is_same(&other.0)
    }

    /// A handle for bursts: its operations are accepted as ever, and the task is not woken for them until somebody calls
    /// [`Client::wake`] or uses another handle.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self(self.0.quiet())
    }

    /// Wakes the task for what quiet handles have accepted.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// Says what is wrong with a message, as far as it can be told before there is a connection.
    pub fn check(&self, publish: &Publish) -> Result<(), Error> {
        if !publish.has_topic_name() {
            filter::check_topic(&publish.topic)?;
        }
        self.check_beside_topic(publish)
    }

    fn check_beside_topic(&self, publish: &Publish) -> Result<(), Error> {
        if !publish.properties.is_empty() {
            self.is_v5("properties of messages")?;
        }
        if publish.size_fits(LARGEST_PACKET) {
            Ok(())
        } else {
            Err(Error::PacketTooLarge { limit: LARGEST_PACKET })
        }
    }

    fn is_v5(&self, what: &'static str) -> Result<(), Error> {
        match self.config().level {
            Level::Mqtt5 => Ok(()),
            Level::Mqtt31 | Level::Mqtt311 => Err(Error::NeedsMqtt5 { what }),
        }
    }

    /// Takes room in the outbox; how much.
    fn admit(&self, publish: &Publish) -> Result<u32, Error> {
        self.check(publish)?;
        self.make_room(publish)
    }

    fn make_room(&self, publish: &Publish) -> Result<u32, Error> {
        let size = size_of(publish);
        self.shared().budget.take(size as usize)?;
        Ok(size)
    }

    pub(super) fn shared(&self) -> &Shared {
        self.0.shared()
    }

    /// Tells the task, if there is one.
    pub(super) fn post(&self, command: Command) {
        self.0.post(command);
    }
}

/// Many messages by one call: a message that the broker refuses does not stop the others.
impl TakesMany for Client {
    type Message = Publish;
    type Error = Error;

    fn send_batch(&self, messages: &mut Vec<Publish>, batch: &Arc<Batch<Error>>, timeout: Duration) {
        let Time { deadline, timeout } = Time::within(timeout);
        let mut sizes = Vec::with_capacity(messages.len());
        let mut failure = None;
        let mut checked: Option<&Text> = None;
        for message in messages.iter() {
            let admitted = if checked.is_some_and(|topic| topic.is_same(&message.topic)) {
                self.check_beside_topic(message).and_then(|()| self.make_room(message))
            } else {
                checked = Some(&message.topic);
                self.admit(message)
            };
            match admitted {
                Ok(size) => sizes.push(size),
                Err(Error::OutboxFull { .. }) => break,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let accepted: Vec<_> = messages
            .drain(..sizes.len())
            .zip(sizes)
            .map(|(message, size)| {
                let owner = Owner::Member(Member::of(batch));
                (message, Ticket { deadline, sent: 0, timeout, size, owner })
            })
            .collect();
        if let Some(error) = failure {
            // The call ends with it, and what follows is not sent.
            messages.remove(0);
            Member::of(batch).settle(Err(error));
        }
        if !accepted.is_empty() {
            self.0.command(Command::PublishMany(accepted));
        }
    }

    fn share(&self) -> usize {
        let config = self.config();
        (config.outbox.messages / 4 * 3).min(2 * usize::from(config.max_in_flight))
    }

    fn outbox_full(&self) -> Error {
        let (messages, bytes) = self.shared().budget.used();
        Error::OutboxFull { messages, bytes }
    }

    fn runtime(&self) -> runtime::Handle {
        self.0.runtime()
    }
}

fn not_none<T>(filters: &[T]) -> Result<(), Error> {
    if filters.is_empty() {
        Err(Error::Invalid { reason: "no topic filter was given".to_owned() })
    } else {
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.config().client_id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
