//! What a device needs to know before it connects.

use std::time::Duration;

use crate::credentials::Credentials;
pub use azmqtt_client::limits::{ConnectDeadlines, LostSession, OutboxLimits, RetryPolicy};
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
