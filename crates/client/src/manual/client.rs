//! What can be asked of a client. Nothing here waits, except for a connection.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::manual::events::Events;
use crate::manual::task::Task;
use azmqtt_mqtt::codec::is_valid_filter;
use azmqtt_mqtt::{Connect, LARGEST_PACKET, Publish, QoS, SubscribeFilter};
use azmqtt_net::sync::Mutex;
use azmqtt_net::{ConnectError, Stream};

/// What the task is to do.
pub(super) enum Command {
    /// Go on with this stream, in the place of whatever there is.
    Adopt {
        stream: Stream,
        connect: Box<Connect>,
        connection: u64,
    },
    /// End the connection without DISCONNECT.
    Drop,
    Request(Request),
}

/// What is asked of the session.
pub(super) enum Request {
    Publish {
        mid: u16,
        publish: Publish,
    },
    Subscribe {
        mid: u16,
        filters: Vec<SubscribeFilter>,
    },
    Unsubscribe {
        mid: u16,
        filters: Vec<String>,
    },
    Acknowledge {
        connection: u64,
        packet_id: u16,
    },
    /// Send DISCONNECT once everything before has left.
    Disconnect,
    MaxInFlight(u16),
    /// Give up on all QoS 1 messages.
    Forget,
}

/// What handle and task share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) events: Arc<Events>,
    commands: Mutex<Commands>,
    pub(super) called: Notify,
}

#[derive(Default)]
struct Commands {
    waiting: VecDeque<Command>,
    closed: bool,
    /// Connections adopted so far.
    connections: u64,
}

impl Shared {
    /// All commands, and whether there will be no more.
    pub(super) fn take(&self) -> (VecDeque<Command>, bool) {
        let mut commands = self.commands.lock();
        (std::mem::take(&mut commands.waiting), commands.closed)
    }

    fn put(&self, make: impl FnOnce(&mut u64) -> Command) {
        let mut commands = self.commands.lock();
        let command = make(&mut commands.connections);
        commands.waiting.push_back(command);
        drop(commands);
        self.called.notify_one();
    }

    fn ask(&self, request: Request) {
        self.put(|_| Command::Request(request));
    }

    fn close(&self) {
        self.commands.lock().closed = true;
        self.called.notify_one();
    }
}

/// What cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The topic cannot be one (§4.7), or the message is larger than MQTT can express (§2.2.3).
    Message,
    /// There is no filter, or one that cannot be (§4.7).
    Filter,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "the message cannot be sent: its topic is invalid, or it is too large",
            Self::Filter => "the topic filter is missing or invalid",
        })
    }
}

impl std::error::Error for Refused {}

/// A session with a broker, which may have a connection. Dropping it ends both, without DISCONNECT.
pub struct MqttClient {
    shared: Arc<Shared>,
}

impl fmt::Debug for MqttClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MqttClient")
    }
}

impl MqttClient {
    /// A client whose task runs on `runtime`, with at most `max_in_flight` messages without their PUBACK.
    pub fn new(runtime: &Handle, max_in_flight: u16) -> Self {
        let shared = Arc::new(Shared::default());
        runtime.spawn(Task::new(Arc::clone(&shared), max_in_flight).run());
        Self { shared }
    }

    /// What happened. Taking it is the caller's.
    pub fn events(&self) -> &Arc<Events> {
        &self.shared.events
    }

    /// Connects, in the place of the connection there is. Yields the new connection's number, before the broker has
    /// answered CONNECT. The future holds no handle: it may outlive the client, and does nothing then.
    ///
    /// # Errors
    /// The step that failed, and how.
    pub fn open(
        &self,
        server: Broker,
        connect: Connect,
    ) -> impl Future<Output = Result<u64, ConnectError>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { Ok(shared.adopt(server.open().await?, connect)) }
    }

    /// Publishes at QoS 0 or 1. Without a connection QoS 0 is lost, and QoS 1 waits for one. [`super::EventKind`] says
    /// what became of it, by its `mid`.
    pub fn publish(&self, mid: u16, publish: Publish) -> Result<(), Refused> {
        if publish.qos == QoS::ExactlyOnce || !publish.fits(LARGEST_PACKET) {
            return Err(Refused::Message);
        }
        self.shared.ask(Request::Publish { mid, publish });
        Ok(())
    }

    /// Subscribes on this connection; without one this does nothing.
    pub fn subscribe(&self, mid: u16, filters: Vec<SubscribeFilter>) -> Result<(), Refused> {
        if !are_filters(filters.iter().map(|filter| &filter.filter)) {
            return Err(Refused::Filter);
        }
        self.shared.ask(Request::Subscribe { mid, filters });
        Ok(())
    }

    /// Ends subscriptions; without a connection this does nothing.
    pub fn unsubscribe(&self, mid: u16, filters: Vec<String>) -> Result<(), Refused> {
        if !are_filters(&filters) {
            return Err(Refused::Filter);
        }
        self.shared.ask(Request::Unsubscribe { mid, filters });
        Ok(())
    }

    /// The application is done with a QoS 1 message of a connection; after that one's end this does nothing.
    pub fn acknowledge(&self, connection: u64, packet_id: u16) {
        self.shared.ask(Request::Acknowledge { connection, packet_id });
    }

    /// Sends DISCONNECT once everything before has left.
    pub fn disconnect(&self) {
        self.shared.ask(Request::Disconnect);
    }

    /// Ends the connection without DISCONNECT, and without an event.
    pub fn drop_connection(&self) {
        self.shared.put(|_| Command::Drop);
    }

    /// Changes how many messages may be without their PUBACK, at least 1.
    pub fn set_max_in_flight(&self, limit: u16) {
        self.shared.ask(Request::MaxInFlight(limit));
    }

    /// Gives up on all QoS 1 messages, sent or not.
    pub fn forget_messages(&self) {
        self.shared.ask(Request::Forget);
    }
}

impl Drop for MqttClient {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn adopt(&self, stream: Stream, connect: Connect) -> u64 {
        let mut number = 0;
        self.put(|connections| {
            *connections += 1;
            number = *connections;
            Command::Adopt { stream, connect: Box::new(connect), connection: number }
        });
        number
    }
}

fn are_filters<'a>(filters: impl IntoIterator<Item = &'a String>) -> bool {
    let mut size = 0;
    let mut count = 0;
    let valid = filters.into_iter().all(|filter| {
        count += 1;
        size += filter.len() + 3;
        is_valid_filter(filter) && u16::try_from(filter.len()).is_ok() && !filter.contains('\0')
    });
    valid && count > 0 && size < LARGEST_PACKET - 16
}
