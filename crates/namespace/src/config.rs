//! Options of a namespace, and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use crate::authentication::ClientAuthentication;
use crate::behaviours::Behaviours;
use crate::limits::Limits;
use crate::messages::Recording;
use crate::resource_id::ResourceId;
use azmqtt_local::packets::PacketRecording;

/// The options of a namespace.
#[derive(Debug, Clone)]
pub struct NamespaceConfig {
    /// The host name for clients.
    pub hostname: String,
    /// The address or name to listen on.
    pub host: String,
    /// The TCP port of MQTT; 0 picks a free one.
    pub port: u16,
    /// The TCP port of HTTPS, and of MQTT over WebSockets; 0 picks a free one.
    pub https_port: u16,
    /// The directory that keeps its certificate authority and resources. Without it, they are lost when it stops.
    pub state_dir: Option<PathBuf>,
    /// The limits.
    pub limits: Limits,
    /// The choices for undocumented behaviours of the service.
    pub behaviours: Behaviours,
    /// How clients may authenticate, besides by a user name and a certificate.
    pub client_authentication: ClientAuthentication,
    /// The delay until a change of the resources takes effect.
    pub propagation: Duration,
    /// Whether the management API may set a webhook on another machine.
    pub allow_remote: bool,
    /// Trusted roots for webhooks in PEM, besides the default roots and the namespace's own authority.
    pub webhook_roots: Option<Vec<u8>>,
    /// The resource id for the management API.
    pub resource: ResourceId,
    /// The duration of an operation of the management API; zero: it is complete with its answer.
    pub operation_time: Duration,
    /// Origins besides those of this machine from which web pages may connect, such as `https://example.com`.
    pub allowed_origins: Vec<String>,
    /// Whether the packets of every connection are kept.
    pub packets: PacketRecording,
    /// Which published messages are recorded for tests.
    pub recording: Recording,
    /// Bounds of single connections.
    pub connections: ConnectionLimits,
}

/// Limits that protect the namespace from any single client.
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
    /// Whether a TLS client must send the server name (SNI): the service's hosts require it.
    pub(crate) fn needs_server_name(&self) -> bool {
        self.hostname.to_ascii_lowercase().ends_with(".eventgrid.azure.net")
    }
}
