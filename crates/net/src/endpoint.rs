//! Where a connection goes, and what it must meet there.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use crate::certificate::ClientCertificate;
use crate::error::ConnectError;
use crate::proxy::{HostPort, ProxyChoice};
use crate::tls::Trust;

/// A TLS server that is dialled. Building it does no I/O.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The host whose name is looked up, sent as SNI and checked against the certificate.
    pub host: String,
    /// 8883 for MQTT over TLS.
    pub port: u16,
    /// Which server certificates are accepted.
    pub trust: Trust,
    /// What is shown to a server that asks for a certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// How the host is reached.
    pub proxy: ProxyChoice,
    /// Whether the protocol goes over a WebSocket, see [`crate::connect::open`]; the usual port for that is 443.
    pub websocket: bool,
}

impl Endpoint {
    /// `host` and `port` with the default roots, directly and without a WebSocket.
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            trust: Trust::default(),
            client_certificate: None,
            proxy: ProxyChoice::Direct,
            websocket: false,
        }
    }

    /// The TLS configuration to dial with. Fails with [`Step::TrustBundle`](crate::Step), where the roots come from
    /// elsewhere.
    pub(crate) async fn tls_config(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        let config = self.trust.config().await?;
        Ok(match &self.client_certificate {
            Some(certificate) => certificate.config(&config),
            None => config,
        })
    }
}

/// `host:port`, as errors show it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HostPort(&self.host, self.port).fmt(f)
    }
}
