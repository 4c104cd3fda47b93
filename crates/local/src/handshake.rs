//! The TLS handshake of one connection, and what is said when it fails: nothing of MQTT or HTTP has been read then, so
//! that which client it was is unknown.

use std::io;
use std::time::Duration;

use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{AlertDescription, Error, InvalidMessage};
use tokio_rustls::server::TlsStream;

use azmqtt_net::meter::Metered;

/// The stream of a client after its handshake.
pub type ServerStream = TlsStream<Metered<TcpStream>>;

/// How a service shakes hands on one of its ports.
#[derive(Debug, Clone, Copy)]
pub struct Handshake {
    /// What the service is called: "hub".
    pub service: &'static str,
    /// What its port is called: "MQTT".
    pub port: &'static str,
    /// How long a client may take.
    pub timeout: Duration,
    /// Whether it must send the name that it looks for (SNI, RFC 6066 §3).
    pub needs_server_name: bool,
}

/// Why there was no handshake.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// The client closed the connection without an error.
    Silent,
    /// The client does not trust the server's certificate.
    Untrusted(AlertDescription),
    /// Something else; says what.
    Other(String),
}

impl Handshake {
    /// Shakes hands with a client. `note` is told what the client did wrong; one that goes without a word did nothing wrong.
    pub async fn shake(
        &self,
        stream: TcpStream,
        tls: &TlsAcceptor,
        note: impl FnOnce(String),
    ) -> Option<ServerStream> {
        let Self { service, port, timeout: limit, needs_server_name } = *self;
        let peer = stream.peer_addr();
        let failure = match timeout(limit, tls.accept(Metered::new(stream))).await {
            Ok(Ok(stream)) if needs_server_name && stream.get_ref().1.server_name().is_none() => {
                Failure::Other(format!("the client sent no server name (SNI), which the {service} demands"))
            }
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => tls_error(&error).map_or(Failure::Silent, explain),
            Err(_) => Failure::Other(format!("the client did not complete the handshake within {limit:?}")),
        };
        let reason = match failure {
            Failure::Silent => return None,
            Failure::Untrusted(alert) => format!(
                "the client does not trust the {service}'s certificate (alert {alert:?}): give it the {service}'s ca_file"
            ),
            Failure::Other(reason) => reason,
        };
        let from = peer.map(|peer| format!(" with {peer}")).unwrap_or_default();
        note(format!("{port} port: TLS handshake{from}: {reason}"));
        None
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn explain(error: &Error) -> Failure {
    use AlertDescription::{BadCertificate, CertificateUnknown, UnknownCA};
    match error {
        Error::AlertReceived(alert @ (BadCertificate | CertificateUnknown | UnknownCA)) => {
            Failure::Untrusted(*alert)
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Failure::Other("the client does not speak TLS".to_owned())
        }
        Error::InvalidCertificate(reason) => Failure::Other(format!("the client certificate: {reason}")),
        other => Failure::Other(other.to_string()),
    }
}

/// The first byte that a client sends inside TLS, still to be read; `None` if there is none within `limit`.
pub async fn first_byte(stream: &mut ServerStream, limit: Duration) -> Option<u8> {
    timeout(limit, stream.fill_buf()).await.ok()?.ok()?.first().copied()
}
