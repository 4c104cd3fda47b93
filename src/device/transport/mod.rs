//! From a host name to an encrypted stream, and to a WebSocket on it, each step with a deadline of its own. `plain`
//! comes here too, for streams to other servers than hubs.
//!
//! | module | step |
//! |---|---|
//! | `dial` | the name's addresses, and a TCP connection to the first that answers |
//! | `connect`, `socks5` | past a proxy: it is dialled in the host's place and told where to go |
//! | `tls` | the handshake, and what its failures usually mean |
//! | `websocket` | the upgrade, on an encrypted stream |
//! | `http` | heads of HTTP answers, for those of a proxy and of the upgrade |
//! | `probe` | the steps one by one, for a check |
//! | `clock` | what their dates say about this machine's clock |

mod clock;
mod connect;
pub(super) mod dial;
mod http;
pub(super) mod probe;
mod socks5;
mod tls;
mod websocket;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::{ClientConfig, Error as TlsError};

pub(super) use self::clock::ClockOffset;
use self::http::NoAnswer;
pub(super) use self::tls::{explain as explain_tls, is_refusal as is_tls_refusal};
pub(crate) use self::websocket::Upgrade;
use super::config::ConnectDeadlines;
use super::endpoint::Endpoint;
use super::error::{Error, Step};
use super::proxy::{Proxy, ProxyKind};
use super::under_way;

/// A byte stream, whatever it is made of.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// An encrypted byte stream; boxed, because it moves between the states of a connection.
pub(crate) type Stream = Box<dyn ByteStream>;

/// A stream and what was learned while it was opened.
pub(super) struct Link {
    pub(super) stream: Stream,
    /// From the date of the last HTTP answer, if there was any.
    pub(super) clock: Option<ClockOffset>,
}

/// Opens an encrypted stream to an endpoint, through its proxy if there is one. [`Endpoint::websocket`] is not for
/// this: see [`open_for_mqtt`].
pub(super) async fn open(endpoint: &Endpoint, deadlines: ConnectDeadlines) -> Result<Stream, Error> {
    let stream = Attempt::new(endpoint, deadlines).encrypted().await;
    under_way::is_over();
    stream.map(|stream| Box::new(stream) as Stream)
}

/// Opens a stream that is ready for CONNECT: the encrypted one, or a WebSocket on it.
pub(super) async fn open_for_mqtt(endpoint: &Endpoint, deadlines: ConnectDeadlines) -> Result<Link, Error> {
    let mut attempt = Attempt::new(endpoint, deadlines);
    let stream = attempt.encrypted().await?;
    let stream: Stream = if endpoint.websocket {
        attempt.upgrade(stream, &Upgrade::to_hub()).await?
    } else {
        Box::new(stream)
    };
    Ok(Link { stream, clock: attempt.clock })
}

/// Why no stream could be opened to a server that is no hub.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The system's number for it, where TCP failed.
    pub(crate) os_error: Option<i32>,
    /// TCP took too long.
    pub(crate) timed_out: bool,
    /// TLS failed over the server's certificate.
    pub(crate) bad_certificate: bool,
}

/// Opens a stream to any server: through the endpoint's proxy, with TLS if there is a configuration for it, and as a
/// WebSocket if asked for. Of the endpoint, host, port and proxy count.
pub(crate) async fn open_to_server(
    endpoint: &Endpoint,
    tls: Option<Arc<ClientConfig>>,
    upgrade: Option<&Upgrade>,
    deadlines: ConnectDeadlines,
) -> Result<Stream, Failure> {
    let mut attempt = Attempt::new(endpoint, deadlines);
    attempt.plain_or_encrypted(tls, upgrade).await.map_err(|error| Failure {
        error,
        os_error: attempt.os_error,
        timed_out: attempt.timed_out,
        bad_certificate: attempt.bad_certificate,
    })
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

    async fn encrypted(&mut self) -> Result<tls::TlsStream, Error> {
        // First, because whoever names the roots may take longer than a server waits for a handshake.
        under_way::begins(Step::TrustBundle);
        let config = self.endpoint.tls_config().await?;
        let tcp = self.reach().await?;
        self.shake_hands(config, tcp).await
    }

    async fn plain_or_encrypted(
        &mut self,
        tls: Option<Arc<ClientConfig>>,
        upgrade: Option<&Upgrade>,
    ) -> Result<Stream, Error> {
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
    async fn reach(&mut self) -> Result<TcpStream, Error> {
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
    ) -> Result<tls::TlsStream, Error> {
        let handshake = tls::handshake(self.endpoint, config, tcp);
        under_way::begins(Step::Tls);
        match timeout(self.deadlines.tls, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
                self.bad_certificate = matches!(reason, Some(TlsError::InvalidCertificate(_)));
                Err(self.failed(Step::Tls, &tls::explain(&error, self.clock, self.endpoint)))
            }
            Err(_) => Err(self.late(Step::Tls, self.deadlines.tls)),
        }
    }

    /// A TCP connection to the host, or to the proxy in its place.
    async fn dial(&mut self) -> Result<TcpStream, Error> {
        let (host, port) = match self.proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&self.endpoint.host, self.endpoint.port),
        };
        let addresses = self.within(Step::Dns, self.deadlines.dns, dial::resolve(host, port)).await?;
        under_way::begins(Step::Tcp);
        let tcp = dial::connect(addresses, self.deadlines.tcp).await;
        let tcp = tcp.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp));
        tcp.map_err(|error| {
            self.os_error = error.raw_os_error();
            self.timed_out = error.kind() == io::ErrorKind::TimedOut;
            self.failed(Step::Tcp, &dial::explain(&error, self.deadlines.tcp))
        })
    }

    /// Has the proxy connect to the host.
    async fn pass(&mut self, proxy: &Proxy, tcp: &mut TcpStream) -> Result<(), Error> {
        let limit = self.deadlines.proxy;
        under_way::begins(Step::Proxy);
        let passed = match proxy.kind {
            ProxyKind::Http => {
                let clock = &mut self.clock;
                timeout(limit, connect::pass(tcp, self.endpoint, proxy.login.as_ref(), clock)).await
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
    ) -> Result<Stream, Error> {
        let limit = self.deadlines.websocket;
        under_way::begins(Step::WebSocket);
        match timeout(limit, websocket::upgrade(stream, self.endpoint, upgrade, &mut self.clock)).await {
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
    ) -> Result<T, Error> {
        under_way::begins(step);
        match timeout(limit, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.failed(step, &error.to_string())),
            Err(_) => Err(self.late(step, limit)),
        }
    }

    fn late(&self, step: Step, limit: Duration) -> Error {
        self.failed(step, &format!("no answer within {} s", limit.as_secs_f64()))
    }

    /// The error of a step, with where it happened: the names of hosts, never a login.
    fn failed(&self, step: Step, reason: &str) -> Error {
        let reason = match (self.proxy, step) {
            (None, _) => format!("{}: {reason}", self.endpoint),
            (Some(proxy), Step::Dns | Step::Tcp) => format!("the proxy {proxy}: {reason}"),
            (Some(proxy), _) => format!("{} through the proxy {proxy}: {reason}", self.endpoint),
        };
        Error::ConnectionFailed { step, reason }
    }
}
