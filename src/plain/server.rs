//! Where a connection goes, what it is made of, and why there is none.

use std::fmt;
use std::time::Duration;

use super::encryption::Encryption;
use crate::device::transport::{self, Failure, Stream, Upgrade};
use crate::device::{ConnectDeadlines, Endpoint, Error, ProxyChoice, Step};
use crate::mqtt::LARGEST_PACKET;

/// A broker, and the way to it.
#[derive(Debug, Clone)]
pub struct PlainServer {
    endpoint: Endpoint,
    encryption: Option<Encryption>,
    upgrade: Option<Upgrade>,
    deadlines: ConnectDeadlines,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectError {
    /// Where it failed.
    pub step: Step,
    /// What happened there.
    pub reason: String,
    /// The system's number for it, where TCP failed.
    pub os_error: Option<i32>,
    /// A step took too long.
    pub timed_out: bool,
    /// TLS failed over the server's certificate.
    pub bad_certificate: bool,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.step, self.reason)
    }
}

impl std::error::Error for ConnectError {}

impl From<Failure> for ConnectError {
    fn from(failure: Failure) -> Self {
        let Failure { error, os_error, timed_out, bad_certificate } = failure;
        let (step, reason) = match error {
            Error::ConnectionFailed { step, reason } => (step, reason),
            other => (Step::Tcp, other.to_string()),
        };
        Self { step, reason, os_error, timed_out, bad_certificate }
    }
}

impl PlainServer {
    /// `host` and `port`, directly, over plain TCP; each step of a connection may take `limit`.
    pub fn new(host: &str, port: u16, limit: Duration) -> Self {
        let deadlines = ConnectDeadlines {
            dns: limit.max(ConnectDeadlines::default().dns),
            tcp: limit,
            proxy: limit.max(ConnectDeadlines::default().proxy),
            tls: limit.max(ConnectDeadlines::default().tls),
            websocket: limit.max(ConnectDeadlines::default().websocket),
            ..ConnectDeadlines::default()
        };
        Self { endpoint: Endpoint::new(host, port), encryption: None, upgrade: None, deadlines }
    }

    /// Through a proxy.
    #[must_use]
    pub fn through(mut self, proxy: ProxyChoice) -> Self {
        self.endpoint.proxy = proxy;
        self
    }

    /// With TLS.
    #[must_use]
    pub fn encrypted(mut self, encryption: Encryption) -> Self {
        self.encryption = Some(encryption);
        self
    }

    /// Over a WebSocket at `path`, with header fields of the application's. `None` if one of them breaks a rule (RFC
    /// 9110 §5). Call it after [`Self::encrypted`].
    pub fn websocket(mut self, path: String, headers: Vec<(String, String)>) -> Option<Self> {
        let encrypted = self.encryption.is_some();
        self.upgrade = Some(Upgrade::to_server(path, headers, encrypted, LARGEST_PACKET)?);
        Some(self)
    }

    /// Opens a stream that is ready for CONNECT.
    pub(super) async fn open(&self) -> Result<Stream, ConnectError> {
        let tls = match &self.encryption {
            Some(encryption) => Some(encryption.config().await.map_err(|reason| ConnectError {
                step: Step::Tls,
                reason,
                os_error: None,
                timed_out: false,
                bad_certificate: false,
            })?),
            None => None,
        };
        let opened = transport::open_to_server(&self.endpoint, tls, self.upgrade.as_ref(), self.deadlines);
        Ok(opened.await?)
    }
}
