//! The options of a device.

use std::time::Duration;

use crate::credentials::Credentials;
pub use azmqtt_client::limits::{ConnectDeadlines, LostSession, OutboxLimits, RetryPolicy};
use azmqtt_dialect::Identity;
use azmqtt_net::Endpoint;

/// The options of one device. Creating them does no I/O.
#[derive(Debug, Clone)]
pub struct DeviceConfig {
    /// The device's identity and hub.
    pub identity: Identity,
    /// Its credentials.
    pub credentials: Credentials,
    /// The host that it connects to: the hub, or its gateway.
    pub endpoint: Endpoint,
    /// The port of the same host for HTTPS: file upload. 443 on the service.
    pub https_port: u16,
    /// The MQTT keep-alive interval in seconds, 0 to disable it. The service accepts up to 1,177.
    pub keep_alive: u16,
    /// How long a ping may stay unanswered.
    pub ping_timeout: Duration,
    /// The validity of a signed token; it is renewed after 85 % of that.
    pub sas_ttl: Duration,
    /// The backoff after a lost connection.
    pub retry: RetryPolicy,
    /// The limits of unacknowledged messages.
    pub outbox: OutboxLimits,
    /// The handling of unacknowledged messages if the hub has lost the session.
    pub lost_session: LostSession,
    /// Unacknowledged QoS 1 messages on the wire.
    pub max_in_flight: u16,
    /// `DeviceClientType` of the user name, as in "myproduct/1.2".
    pub product_info: Option<String>,
    /// The Plug and Play model, a DTMI.
    pub model_id: Option<String>,
    /// Deadlines of the steps of a connection.
    pub deadlines: ConnectDeadlines,
    /// Whether operations connect automatically; otherwise they fail until `connect` is called.
    pub auto_connect: bool,
    /// Whether it replaces other clients of its identity in this process, and others may replace it: see
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
