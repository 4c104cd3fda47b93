//! From a host name to an encrypted stream, each step with a deadline of its own.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{CertificateError, Error as TlsError};

use super::config::ConnectDeadlines;
use super::endpoint::Endpoint;
use super::error::{Error, Step};

/// An encrypted byte stream to the hub; boxed, because it moves between the states of a connection.
pub(super) type Stream = Box<TlsStream<TcpStream>>;

/// Opens the stream.
pub(super) async fn open(endpoint: &Endpoint, deadlines: ConnectDeadlines) -> Result<Stream, Error> {
    Attempt { endpoint, deadlines }.run().await
}

struct Attempt<'a> {
    endpoint: &'a Endpoint,
    deadlines: ConnectDeadlines,
}

impl Attempt<'_> {
    async fn run(self) -> Result<Stream, Error> {
        let addresses = self.within(Step::Dns, self.deadlines.dns, self.resolve()).await?;
        let tcp = self.connect(&addresses).await?;
        let nodelay = tcp.set_nodelay(true);
        nodelay.map_err(|error| self.failed(Step::Tcp, &error.to_string()))?;
        let name = ServerName::try_from(self.endpoint.host.clone())
            .map_err(|_| self.failed(Step::Tls, "the host name cannot be in a certificate"))?;
        let connector = TlsConnector::from(self.endpoint.tls_config().await);
        self.within(Step::Tls, self.deadlines.tls, connector.connect(name, tcp)).await.map(Box::new)
    }

    async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        if self.endpoint.host.eq_ignore_ascii_case("localhost") {
            // RFC 6761 §6.3: always loopback, no need to ask.
            let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(loopback.map(|address| SocketAddr::new(address, self.endpoint.port)).to_vec());
        }
        let addresses: Vec<_> = tokio::net::lookup_host((self.endpoint.host.as_str(), self.endpoint.port))
            .await?
            .take(MAX_ADDRESSES)
            .collect();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(addresses)
    }

    /// Tries one address after the other and reports the last failure.
    async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Error> {
        let mut outcome = Err(self.failed(Step::Tcp, "the name has no address"));
        for address in addresses {
            outcome = self.within(Step::Tcp, self.deadlines.tcp, TcpStream::connect(address)).await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn within<T>(
        &self,
        step: Step,
        limit: Duration,
        work: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Error> {
        match timeout(limit, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.failed(step, &explain(&error))),
            Err(_) => Err(self.failed(step, &format!("no answer within {} s", limit.as_secs_f64()))),
        }
    }

    fn failed(&self, step: Step, reason: &str) -> Error {
        Error::ConnectionFailed { step, reason: format!("{}: {reason}", self.endpoint) }
    }
}

/// Addresses tried for one name: a resolver's answer is outside our hands.
const MAX_ADDRESSES: usize = 8;

/// Says what a TLS failure usually means.
fn explain(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    let hint = match tls {
        Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "the server's certificate does not chain to a trusted root; for a local hub or a private gateway \
             pass its CA as trust"
        }
        Some(TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "the server's certificate is for another host name",
        Some(TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => "the server's certificate is not valid now; is this machine's clock right?",
        Some(TlsError::InvalidMessage(_)) => "the server does not speak TLS on this port",
        _ => return error.to_string(),
    };
    format!("{hint} ({error})")
}
