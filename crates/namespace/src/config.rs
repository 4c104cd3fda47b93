//! Options of a namespace, and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use crate::authentication::ClientAuthentication;
use crate::behaviours::Behaviours;
use crate::limits::Limits;
use crate::messages::Recording;
use crate::resource_id::ResourceId;
use azmqtt_local::packets::PacketRecording;

/// Everything about a namespace before it starts.
#[derive(Debug, Clone)]
pub struct NamespaceConfig {
    /// The name by which clients reach it.
    pub hostname: String,
    /// The address or name to listen on.
    pub host: String,
    /// The TCP port of MQTT; 0 picks a free one.
    pub port: u16,
    /// The TCP port of HTTPS, and of MQTT over WebSockets; 0 picks a free one.
    pub https_port: u16,
    /// Where it keeps its certificate authority and its resources. Without one, they end with it.
    pub state_dir: Option<PathBuf>,
    /// What it bounds.
    pub limits: Limits,
    /// What it does where the service is unknown.
    pub behaviours: Behaviours,
    /// How clients may show who they are besides a user name and a certificate.
    pub client_authentication: ClientAuthentication,
    /// How much later a change of the resources has its effect.
    pub propagation: Duration,
    /// Whether the management API may name a webhook elsewhere than on this machine.
    pub allow_remote: bool,
    /// Certificates that those of webhooks may lead to, besides the default roots and the namespace's own authority; in PEM.
    pub webhook_roots: Option<Vec<u8>>,
    /// Which namespace it is for the management API.
    pub resource: ResourceId,
    /// How long an operation of the management API is under way; zero: it is over with its answer.
    pub operation_time: Duration,
    /// Origins besides those of this machine from which web pages may connect, such as `https://example.com`.
    pub allowed_origins: Vec<String>,
    /// Whether the packets of every connection are kept.
    pub packets: PacketRecording,
    /// Which published messages it keeps for tests to look at.
    pub recording: Recording,
    /// Bounds of single connections.
    pub connections: ConnectionLimits,
}

/// Bounds that keep one client, honest or not, from taking what belongs to all.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Connections that have not been accepted yet, of each listener. Further ones wait in the system's backlog.
    pub unauthenticated: usize,
    /// From the TCP connection to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the TLS handshake to the whole CONNECT.
    pub connect_timeout: Duration,
    /// How long an HTTP client may take for a request's head, or stop in the middle of a body.
    pub http_idle_timeout: Duration,
    /// How long a client may leave output unread before it is closed.
    pub write_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            unauthenticated: 1024,
            handshake_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            http_idle_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for NamespaceConfig {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 8883,
            https_port: 443,
            state_dir: None,
            limits: Limits::default(),
            behaviours: Behaviours::default(),
            client_authentication: ClientAuthentication::default(),
            propagation: Duration::ZERO,
            allow_remote: false,
            webhook_roots: None,
            resource: ResourceId::default(),
            operation_time: Duration::ZERO,
            allowed_origins: Vec::new(),
            packets: PacketRecording::Off,
            recording: Recording::Off,
            connections: ConnectionLimits::default(),
        }
    }
}

impl NamespaceConfig {
    /// Whether a TLS client must say whom it wants to reach (SNI): the service's hosts insist on it.
    pub(crate) fn needs_server_name(&self) -> bool {
        self.hostname.to_ascii_lowercase().ends_with(".eventgrid.azure.net")
    }
}
