//! Where a connection goes, and what it is made of.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use azmqtt_mqtt::LARGEST_PACKET;
use azmqtt_net::connect::{self, Opened, Upgrade};
use azmqtt_net::tls::{Hints, TlsOptions};
use azmqtt_net::{ConnectDeadlines, ConnectError, Endpoint, ProxyChoice, Stream, Trust};

/// Whether the way is encrypted, and by whose rules.
#[derive(Debug, Clone)]
enum Tls {
    None,
    /// By options that may leave checks out.
    Options(TlsOptions),
    /// By the trust and the certificate of the endpoint.
    Endpoint,
}

/// A broker, and the way to it.
#[derive(Debug, Clone)]
pub struct Broker {
    endpoint: Endpoint,
    tls: Tls,
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
            plain: Some("do not call tls_set()"),
        };
        let trust = Trust::default().with_hints(hints);
        let endpoint = Endpoint { trust, ..Endpoint::new(host, port) };
        Self { endpoint, tls: Tls::None, upgrade: None, deadlines, unix: None }
    }

    /// `endpoint`, with TLS as its trust and its client certificate say.
    pub fn secure(endpoint: Endpoint, deadlines: ConnectDeadlines) -> Self {
        Self { endpoint, tls: Tls::Endpoint, upgrade: None, deadlines, unix: None }
    }

    /// `endpoint`, over plain TCP, through its proxy.
    pub fn plain(endpoint: Endpoint, deadlines: ConnectDeadlines) -> Self {
        Self { endpoint, tls: Tls::None, upgrade: None, deadlines, unix: None }
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
        self.tls = Tls::Options(tls);
        self
    }

    /// Over a WebSocket at `path`, with header fields of the application's. `None` if one of them breaks a rule (RFC
    /// 9110 §5). Call it after [`Self::encrypted`].
    pub fn websocket(mut self, path: String, headers: Vec<(String, String)>) -> Option<Self> {
        let encrypted = !matches!(self.tls, Tls::None);
        self.upgrade = Some(Upgrade::to_server(path, headers, encrypted, LARGEST_PACKET)?);
        Some(self)
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether TLS is spoken with it.
    pub fn is_encrypted(&self) -> bool {
        !matches!(self.tls, Tls::None)
    }

    /// Whether MQTT goes over a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.upgrade.is_some()
    }

    /// Opens a stream that is ready for CONNECT.
    pub(super) async fn open(&self) -> Result<Stream, ConnectError> {
        Ok(self.open_for_mqtt().await?.stream)
    }

    /// The same, with what was learned meanwhile.
    pub(super) async fn open_for_mqtt(&self) -> Result<Opened, ConnectError> {
        if let Some(path) = &self.unix {
            return Ok(Opened { stream: connect::open_unix(path, self.deadlines.tcp).await?, clock: None });
        }
        let options = match &self.tls {
            Tls::Endpoint => {
                return connect::open_secure(&self.endpoint, self.upgrade.as_ref(), self.deadlines).await;
            }
            Tls::Options(options) => Some(options),
            Tls::None => None,
        };
        let upgrade = self.upgrade.as_ref();
        let stream = connect::open_to_server(&self.endpoint, options, upgrade, self.deadlines).await?;
        Ok(Opened { stream, clock: None })
    }
}

/// `host:port`, or the path of the socket, as errors show it.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unix {
            Some(path) => write!(f, "{}", path.display()),
            None => self.endpoint.fmt(f),
        }
    }
}
