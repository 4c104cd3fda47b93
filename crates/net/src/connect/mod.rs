//! From a host name to a stream, each step with a deadline of its own.
//!
//! [`open`] and [`open_tls`] are for an [`Endpoint`], which is always encrypted; [`open_to_server`] and [`open_unix`] for
//! servers of any kind. [`probe`] takes the steps one by one, [`dial`] is the first two alone.
//!
//! | module | step |
//! |---|---|
//! | [`dial`] | the name's addresses, and a TCP connection to the first that answers |
//! | `http_proxy`, `socks5` | past a proxy: it is dialled in the host's place and told where to go |
//! | `tls` | the handshake, and what its failures usually mean |
//! | `upgrade` | to a WebSocket |
//! | `answer_head` | heads of HTTP answers, for those of a proxy and of the upgrade |

mod answer_head;
pub mod dial;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http_proxy;
pub mod probe;
mod socks5;
mod tls;
mod upgrade;

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::{ClientConfig, Error as TlsError};

use self::answer_head::NoAnswer;
pub use self::tls::{explain as explain_tls, is_refusal as is_tls_refusal};
pub use self::upgrade::Upgrade;
use crate::clock::ClockOffset;
use crate::connect_step::{self, Step};
use crate::deadlines::ConnectDeadlines;
use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::proxy::{Proxy, ProxyKind};
use crate::stream::{ByteStream, Stream};
use crate::tls::TlsOptions;

/// A stream and what was learned while it was opened.
pub struct Opened {
    /// The stream.
    pub stream: Stream,
    /// From the date of the last HTTP answer, if there was any.
    pub clock: Option<ClockOffset>,
}

/// Opens an encrypted stream to an endpoint, through its proxy if there is one, without a look at
/// [`Endpoint::websocket`].
pub async fn open_tls(endpoint: &Endpoint, deadlines: ConnectDeadlines) -> Result<Stream, ConnectError> {
    let stream = Attempt::new(endpoint, deadlines).encrypted().await;
    connect_step::is_over();
    stream.map(|stream| Box::new(stream) as Stream)
}

/// Opens a stream for the endpoint's own protocol: the encrypted one, or with [`Endpoint::websocket`] what `upgrade`
/// makes of it.
pub async fn open(
    endpoint: &Endpoint,
    upgrade: &Upgrade,
    deadlines: ConnectDeadlines,
) -> Result<Opened, ConnectError> {
    open_secure(endpoint, endpoint.websocket.then_some(upgrade), deadlines).await
}

/// Opens an encrypted stream to any server, as the endpoint's trust and certificate say, and as a WebSocket if asked for.
pub async fn open_secure(
    endpoint: &Endpoint,
    upgrade: Option<&Upgrade>,
    deadlines: ConnectDeadlines,
) -> Result<Opened, ConnectError> {
    let mut attempt = Attempt::new(endpoint, deadlines);
    let stream = attempt.encrypted().await?;
    let stream: Stream = match upgrade {
        Some(upgrade) => attempt.upgrade(stream, upgrade).await?,
        None => Box::new(stream),
    };
    Ok(Opened { stream, clock: attempt.clock })
}

/// Opens a stream to any server: through the endpoint's proxy, with TLS if there are options for it, and as a WebSocket
/// if asked for. Of the endpoint, host, port, proxy and the hints of its trust count.
pub async fn open_to_server(
    endpoint: &Endpoint,
    tls: Option<&TlsOptions>,
    upgrade: Option<&Upgrade>,
    deadlines: ConnectDeadlines,
) -> Result<Stream, ConnectError> {
    let config = match tls {
        Some(options) => Some(options.config().await?),
        None => None,
    };
    Attempt::new(endpoint, deadlines).plain_or_encrypted(config, upgrade).await
}

/// Connects to a Unix socket.
pub async fn open_unix(path: &Path, limit: Duration) -> Result<Stream, ConnectError> {
    dial_unix(path, limit).await.map_err(|error| ConnectError {
        os_error: error.raw_os_error(),
        timed_out: error.kind() == io::ErrorKind::TimedOut,
        ..ConnectError::new(Step::Tcp, format!("{}: {error}", path.display()))
    })
}

#[cfg(unix)]
async fn dial_unix(path: &Path, limit: Duration) -> io::Result<Stream> {
    let connecting = tokio::net::UnixStream::connect(path);
    let stream = timeout(limit, connecting).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok(Box::new(stream))
}

#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "as above")]
async fn dial_unix(_: &Path, _: Duration) -> io::Result<Stream> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
}

/// One attempt to open a stream.
struct Attempt<'a> {
    endpoint: &'a Endpoint,
    proxy: Option<&'a Proxy>,
    deadlines: ConnectDeadlines,
    clock: Option<ClockOffset>,
    /// What TCP failed for.
    os_error: Option<i32>,
    timed_out: bool,
    bad_certificate: bool,
}

impl<'a> Attempt<'a> {
    fn new(endpoint: &'a Endpoint, deadlines: ConnectDeadlines) -> Self {
        let proxy = endpoint.proxy.for_host(&endpoint.host, endpoint.port);
        Self {
            endpoint,
            proxy,
            deadlines,
            clock: None,
            os_error: None,
            timed_out: false,
            bad_certificate: false,
        }
    }

    async fn encrypted(&mut self) -> Result<tls::TlsStream, ConnectError> {
        // First, because whoever names the roots may take longer than a server waits for a handshake.
        connect_step::begins(Step::TrustBundle);
        let config = self.endpoint.tls_config().await?;
        let tcp = self.reach().await?;
        self.shake_hands(config, tcp).await
    }

    async fn plain_or_encrypted(
        &mut self,
        tls: Option<Arc<ClientConfig>>,
        upgrade: Option<&Upgrade>,
    ) -> Result<Stream, ConnectError> {
        let tcp = self.reach().await?;
        match (tls, upgrade) {
            (None, None) => Ok(Box::new(tcp)),
            (None, Some(upgrade)) => self.upgrade(tcp, upgrade).await,
            (Some(config), None) => Ok(Box::new(self.shake_hands(config, tcp).await?)),
            (Some(config), Some(upgrade)) => {
                let stream = self.shake_hands(config, tcp).await?;
                self.upgrade(stream, upgrade).await
            }
        }
    }

    /// A TCP connection to the host, past the proxy if there is one.
    async fn reach(&mut self) -> Result<TcpStream, ConnectError> {
        let mut tcp = self.dial().await?;
        if let Some(proxy) = self.proxy {
            self.pass(proxy, &mut tcp).await?;
        }
        Ok(tcp)
    }

    async fn shake_hands(
        &mut self,
        config: Arc<ClientConfig>,
        tcp: TcpStream,
    ) -> Result<tls::TlsStream, ConnectError> {
        let handshake = tls::handshake(self.endpoint, config, tcp);
        connect_step::begins(Step::Tls);
        match timeout(self.deadlines.tls, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
                self.bad_certificate = matches!(reason, Some(TlsError::InvalidCertificate(_)));
                Err(self.failed(Step::Tls, &tls::explain_handshake(&error, self.clock, self.endpoint)))
            }
            Err(_) => Err(self.late(Step::Tls, self.deadlines.tls)),
        }
    }

    /// A TCP connection to the host, or to the proxy in its place.
    async fn dial(&mut self) -> Result<TcpStream, ConnectError> {
        let (host, port) = match self.proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&self.endpoint.host, self.endpoint.port),
        };
        let addresses = self.within(Step::Dns, self.deadlines.dns, dial::resolve(host, port)).await?;
        connect_step::begins(Step::Tcp);
        let tcp = dial::connect(addresses, self.deadlines.tcp).await;
        let tcp = tcp.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp));
        tcp.map_err(|error| {
            self.os_error = error.raw_os_error();
            self.timed_out = error.kind() == io::ErrorKind::TimedOut;
            self.failed(Step::Tcp, &dial::explain(&error, self.deadlines.tcp))
        })
    }

    /// Has the proxy connect to the host.
    async fn pass(&mut self, proxy: &Proxy, tcp: &mut TcpStream) -> Result<(), ConnectError> {
        let limit = self.deadlines.proxy;
        connect_step::begins(Step::Proxy);
        let passed = match proxy.kind {
            ProxyKind::Http => {
                let clock = &mut self.clock;
                timeout(limit, http_proxy::pass(tcp, self.endpoint, proxy.login.as_ref(), clock)).await
            }
            ProxyKind::Socks5 => timeout(limit, socks5::pass(tcp, self.endpoint, proxy.login.as_ref())).await,
        };
        match passed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(self.failed(Step::Proxy, &reason)),
            Err(_) => Err(self.late(Step::Proxy, limit)),
        }
    }

    /// Makes a WebSocket of a stream.
    async fn upgrade(
        &mut self,
        stream: impl ByteStream + 'static,
        upgrade: &Upgrade,
    ) -> Result<Stream, ConnectError> {
        let limit = self.deadlines.websocket;
        connect_step::begins(Step::WebSocket);
        match timeout(limit, upgrade::upgrade(stream, self.endpoint, upgrade, &mut self.clock)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(NoAnswer::Broken(error))) if tls::is_refusal(&error) => {
                Err(self.failed(Step::Tls, &tls::explain(&error, self.clock, self.endpoint)))
            }
            Ok(Err(reason)) => Err(self.failed(Step::WebSocket, &reason.to_string())),
            Err(_) => Err(self.late(Step::WebSocket, limit)),
        }
    }

    async fn within<T>(
        &self,
        step: Step,
        limit: Duration,
        work: impl Future<Output = io::Result<T>>,
    ) -> Result<T, ConnectError> {
        connect_step::begins(step);
        match timeout(limit, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.failed(step, &error.to_string())),
            Err(_) => Err(self.late(step, limit)),
        }
    }

    fn late(&self, step: Step, limit: Duration) -> ConnectError {
        self.failed(step, &format!("no answer within {} s", limit.as_secs_f64()))
    }

    /// The error of a step, with where it happened: the names of hosts, never a login.
    fn failed(&self, step: Step, reason: &str) -> ConnectError {
        let reason = match (self.proxy, step) {
            (None, _) => format!("{}: {reason}", self.endpoint),
            (Some(proxy), Step::Dns | Step::Tcp) => format!("the proxy {proxy}: {reason}"),
            (Some(proxy), _) => format!("{} through the proxy {proxy}: {reason}", self.endpoint),
        };
        ConnectError {
            step,
            reason,
            os_error: self.os_error,
            timed_out: self.timed_out,
            bad_certificate: self.bad_certificate,
        }
    }
}
