//! Where a connection goes, and what it is made of.

use std::path::PathBuf;
use std::time::Duration;

use azmqtt_mqtt::LARGEST_PACKET;
use azmqtt_net::connect::{self, Upgrade};
use azmqtt_net::tls::{Hints, TlsOptions};
use azmqtt_net::{ConnectDeadlines, ConnectError, Endpoint, ProxyChoice, Stream, Trust};

/// A broker, and the way to it.
#[derive(Debug, Clone)]
pub struct Broker {
    endpoint: Endpoint,
    tls: Option<TlsOptions>,
    upgrade: Option<Upgrade>,
    deadlines: ConnectDeadlines,
    /// In place of host and port.
    unix: Option<PathBuf>,
}

impl Broker {
    /// `host` and `port`, directly, over plain TCP; each step of a connection may take `limit`.
    pub fn new(host: &str, port: u16, limit: Duration) -> Self {
        let deadlines = ConnectDeadlines {
            dns: limit.max(ConnectDeadlines::default().dns),
            tcp: limit,
            proxy: limit.max(ConnectDeadlines::default().proxy),
            tls: limit.max(ConnectDeadlines::default().tls),
            websocket: limit.max(ConnectDeadlines::default().websocket),
        };
        // The names of paho.
        let hints = Hints {
            roots: "ca_certs",
            common_name: Some("call tls_common_name_set(True)"),
            websocket: "transport=\"websockets\"",
        };
        let trust = Trust::default().with_hints(hints);
        let endpoint = Endpoint { trust, ..Endpoint::new(host, port) };
        Self { endpoint, tls: None, upgrade: None, deadlines, unix: None }
    }

    /// At a Unix socket, without TLS and proxy.
    #[must_use]
    pub fn unix(mut self, path: PathBuf) -> Self {
        self.unix = Some(path);
        self
    }

    /// Through a proxy.
    #[must_use]
    pub fn through(mut self, proxy: ProxyChoice) -> Self {
        self.endpoint.proxy = proxy;
        self
    }

    /// With TLS.
    #[must_use]
    pub fn encrypted(mut self, tls: TlsOptions) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Over a WebSocket at `path`, with header fields of the application's. `None` if one of them breaks a rule (RFC
    /// 9110 §5). Call it after [`Self::encrypted`].
    pub fn websocket(mut self, path: String, headers: Vec<(String, String)>) -> Option<Self> {
        let encrypted = self.tls.is_some();
        self.upgrade = Some(Upgrade::to_server(path, headers, encrypted, LARGEST_PACKET)?);
        Some(self)
    }

    /// Opens a stream that is ready for CONNECT.
    pub(super) async fn open(&self) -> Result<Stream, ConnectError> {
        if let Some(path) = &self.unix {
            return connect::open_unix(path, self.deadlines.tcp).await;
        }
        connect::open_to_server(&self.endpoint, self.tls.as_ref(), self.upgrade.as_ref(), self.deadlines)
            .await
    }
}
