//! The options of a client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::authenticator::Authenticator;
use crate::broker::Broker;
use crate::limits::{ConnectDeadlines, LostSession, OutboxLimits, RetryPolicy};
use azmqtt_mqtt::{Level, Will};

/// A session that never expires (MQTT 5 §3.1.2.11.2).
pub const NEVER_EXPIRES: u32 = u32::MAX;

/// The options of a client. Creating them does no I/O. `Debug` shows no secret.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Config {
    /// The broker.
    pub broker: Broker,
    /// The version of MQTT.
    pub level: Level,
    /// The client identifier. If it is empty, the broker assigns one.
    pub client_id: String,
    /// The user name of CONNECT.
    pub username: Option<String>,
    /// The password of CONNECT.
    pub password: Option<Bytes>,
    /// Whether the first connection starts a new session. Later connections resume the session.
    pub clean_start: bool,
    /// How long the broker keeps the session without a connection, in seconds. MQTT 3.1.1 only distinguishes 0
    /// and longer.
    pub session_expiry: u32,
    /// The MQTT keep-alive interval in seconds, 0 to disable it.
    pub keep_alive: u16,
    /// How long a ping may stay unanswered.
    pub ping_timeout: Duration,
    /// Messages at QoS 1 and 2 that the broker may send without their acknowledgement; at least 1.
    pub receive_maximum: u16,
    /// The largest packet that the broker may send, in bytes.
    pub max_packet_size: u32,
    /// Topic aliases that the broker may use.
    pub topic_alias_maximum: u16,
    /// Messages at QoS 1 and 2 that may be in flight to the broker, if it allows as many.
    pub max_in_flight: u16,
    /// The message that the broker publishes when the client has disconnected.
    pub will: Option<Will>,
    /// The user properties of CONNECT.
    pub user_properties: Vec<(String, String)>,
    /// The authenticator for enhanced authentication.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// The backoff after a lost connection.
    pub retry: RetryPolicy,
    /// The limits of unacknowledged messages.
    pub outbox: OutboxLimits,
    /// The limits of a receiver's queue.
    pub inbox: InboxLimits,
    /// The handling of unfinished operations if the broker has lost the session.
    pub lost_session: LostSession,
    /// Whether the application acknowledges messages ([`Client::acknowledge`]). Otherwise a message is acknowledged when
    /// its receiver asks for the next one.
    ///
    /// [`Client::acknowledge`]: super::handle::Client::acknowledge
    pub manual_acknowledge: bool,
    /// Whether operations connect automatically; otherwise they fail until `connect` is called.
    pub auto_connect: bool,
    /// Whether this client is the only one of its client identifier in this process: see [`Neighbours`].
    ///
    /// [`Neighbours`]: super::Neighbours
    pub exclusive: bool,
    /// Whether [`Client::close`] ends the session.
    ///
    /// [`Client::close`]: super::handle::Client::close
    pub end_session: EndSession,
    /// Deadlines of the steps of a connection.
    pub deadlines: ConnectDeadlines,
}

impl Config {
    /// The defaults for a broker. A client without an identifier has no session that outlives a connection.
    pub fn new(broker: Broker, client_id: impl Into<String>) -> Self {
        let client_id = client_id.into();
        Self {
            broker,
            level: Level::Mqtt5,
            username: None,
            password: None,
            clean_start: client_id.is_empty(),
            session_expiry: if client_id.is_empty() { 0 } else { 3600 },
            client_id,
            keep_alive: 60,
            ping_timeout: Duration::from_secs(20),
            receive_maximum: 1024,
            max_packet_size: 16 * 1024 * 1024,
            topic_alias_maximum: 16,
            max_in_flight: 2048,
            will: None,
            user_properties: Vec::new(),
            authenticator: None,
            retry: RetryPolicy::default(),
            outbox: OutboxLimits::default(),
            inbox: InboxLimits::default(),
            lost_session: LostSession::Resend,
            manual_acknowledge: false,
            auto_connect: true,
            exclusive: true,
            end_session: EndSession::Never,
            deadlines: ConnectDeadlines::default(),
        }
    }

    /// Whether the session may outlive a connection.
    pub(super) fn is_persistent(&self) -> bool {
        self.session_expiry > 0
    }
}

/// Written by hand, to leave out the password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("broker", &self.broker)
            .field("level", &self.level)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Whether closing a client ends the session: the broker then discards it with its subscriptions. Only MQTT 5 can do so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSession {
    /// The session lasts for its expiry interval.
    Never,
    /// The session ends.
    OnClose,
    /// The session ends if the client's first connection has started it.
    IfBegun,
}

/// Limits of the messages that wait in one receiver, and of the unacknowledged messages of all receivers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxLimits {
    /// The number of messages. In MQTT 5 those at QoS 1 and 2 are bounded by the Receive Maximum instead.
    pub messages: usize,
    /// The size of their topics and payloads in bytes.
    pub bytes: usize,
}

impl Default for InboxLimits {
    fn default() -> Self {
        Self { messages: 4096, bytes: 16 * 1024 * 1024 }
    }
}
