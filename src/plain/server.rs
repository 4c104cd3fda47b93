//! Where a connection goes, what it is made of, and why there is none.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use super::encryption::Encryption;
use crate::device::transport::{self, Failure, Stream, Upgrade};
use crate::device::trust::{Caller, Trust};
use crate::device::{ConnectDeadlines, Endpoint, Error, ProxyChoice, Step};
use azmqtt_mqtt::LARGEST_PACKET;

/// A broker, and the way to it.
#[derive(Debug, Clone)]
pub struct PlainServer {
    endpoint: Endpoint,
    encryption: Option<Encryption>,
    upgrade: Option<Upgrade>,
    deadlines: ConnectDeadlines,
    /// In place of host and port.
    unix: Option<PathBuf>,
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
        let trust = Trust::default().called_by(Caller::DropIn);
        let endpoint = Endpoint { trust, ..Endpoint::new(host, port) };
        Self { endpoint, encryption: None, upgrade: None, deadlines, unix: None }
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
        if let Some(path) = &self.unix {
            return open_unix(path, self.deadlines.tcp).await.map_err(|error| ConnectError {
                step: Step::Tcp,
                reason: format!("{}: {error}", path.display()),
                os_error: error.raw_os_error(),
                timed_out: error.kind() == io::ErrorKind::TimedOut,
                bad_certificate: false,
            });
        }
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

#[cfg(unix)]
async fn open_unix(path: &Path, limit: Duration) -> io::Result<Stream> {
    let connecting = tokio::net::UnixStream::connect(path);
    let stream = tokio::time::timeout(limit, connecting).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok(Box::new(stream))
}

#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "as above")]
async fn open_unix(_: &Path, _: Duration) -> io::Result<Stream> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
}
