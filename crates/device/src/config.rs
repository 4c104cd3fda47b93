//! What a device needs to know before it connects.

use std::time::Duration;

use crate::credentials::Credentials;
use azmqtt_dialect::Identity;
use azmqtt_net::Endpoint;

/// Everything about one device's connection. Building it does no I/O.
#[derive(Debug, Clone)]
pub struct DeviceConfig {
    /// Who the device is, and on which hub.
    pub identity: Identity,
    /// How it proves that.
    pub credentials: Credentials,
    /// Where it connects to: the hub, or its gateway.
    pub endpoint: Endpoint,
    /// The port of the same host for HTTPS: file upload. 443 on the service.
    pub https_port: u16,
    /// The MQTT keep-alive interval in seconds, 0 to turn it off. The service is fine with up to 1,177.
    pub keep_alive: u16,
    /// How long a ping may stay unanswered.
    pub ping_timeout: Duration,
    /// How long a signed token is valid; it is renewed after 85 % of that.
    pub sas_ttl: Duration,
    /// When to try again after a lost connection.
    pub retry: RetryPolicy,
    /// How much may wait to be acknowledged.
    pub outbox: OutboxLimits,
    /// What becomes of unacknowledged messages when the hub forgot the session.
    pub lost_session: LostSession,
    /// Unacknowledged QoS 1 messages on the wire.
    pub max_in_flight: u16,
    /// `DeviceClientType` of the user name, as in "myproduct/1.2".
    pub product_info: Option<String>,
    /// The Plug and Play model, a DTMI.
    pub model_id: Option<String>,
    /// Deadlines of the steps of a connection.
    pub deadlines: ConnectDeadlines,
    /// Whether operations connect by themselves; otherwise they fail until `connect` is called.
    pub auto_connect: bool,
    /// Whether it takes the place of other clients of its identity in this process, and others may take its own: see
    /// [`Neighbours`](super::Neighbours).
    pub exclusive: bool,
}

impl DeviceConfig {
    /// The defaults for `identity` with `credentials`.
    pub fn new(identity: Identity, credentials: Credentials) -> Self {
        Self {
            endpoint: Endpoint {
                client_certificate: credentials.certificate().cloned(),
                ..Endpoint::new(&identity.host_name, 8883)
            },
            identity,
            credentials,
            https_port: 443,
            keep_alive: 60,
            ping_timeout: Duration::from_secs(20),
            sas_ttl: Duration::from_secs(3600),
            retry: RetryPolicy::default(),
            outbox: OutboxLimits::default(),
            lost_session: LostSession::Resend,
            max_in_flight: 2048,
            product_info: None,
            model_id: None,
            deadlines: ConnectDeadlines::default(),
            auto_connect: true,
            exclusive: true,
        }
    }
}

/// Bounds of what waits to be acknowledged, in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Messages and twin requests.
    pub messages: usize,
    /// The size of their bodies and topics in bytes.
    pub bytes: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { messages: 10_000, bytes: 32 * 1024 * 1024 }
    }
}

/// What becomes of unacknowledged messages when the hub forgot the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostSession {
    /// They are sent again as new messages: at least once.
    Resend,
    /// Their callers get [`super::Error::ConnectionLost`]: the hub may or may not have them.
    Fail,
}

/// How long each step of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectDeadlines {
    /// Opening the stream.
    pub stream: azmqtt_net::ConnectDeadlines,
    /// A signature, or a new token, from wherever it is made.
    pub credentials: Duration,
    /// From CONNECT to CONNACK; the service delays a throttled CONNECT by up to a minute.
    pub connack: Duration,
    /// From SUBSCRIBE to SUBACK; without it the connection counts as dead.
    pub suback: Duration,
}

impl Default for ConnectDeadlines {
    fn default() -> Self {
        Self {
            stream: azmqtt_net::ConnectDeadlines::default(),
            credentials: Duration::from_secs(20),
            connack: Duration::from_secs(75),
            suback: Duration::from_secs(60),
        }
    }
}

/// Exponential backoff with full jitter: the n-th retry waits a random time between 0 and
/// `min(max, base × 2ⁿ)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The bound of the first wait.
    pub base: Duration,
    /// The bound of every wait.
    pub max: Duration,
    /// Whether the first connection is retried too; by default it fails fast with the reason.
    pub first_connect: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), max: Duration::from_secs(60), first_connect: false }
    }
}
