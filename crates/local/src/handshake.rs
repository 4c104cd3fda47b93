//! The TLS handshake of one connection, and what is said when it fails: nothing of MQTT or HTTP has been read then, so
//! that which client it was is unknown.

use std::fmt;
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

/// Why there was no handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandshakeError {
    /// The client went without a word, or its time ran out.
    Silent,
    /// The client does not trust the server's certificate.
    Untrusted(AlertDescription),
    /// Something else; says what.
    Failed(String),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("the client did not finish the handshake"),
            Self::Untrusted(alert) => {
                write!(f, "the client does not trust the server's certificate (alert {alert:?})")
            }
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for HandshakeError {}

/// Shakes hands with a client, for as long as `limit`.
pub async fn shake(
    stream: TcpStream,
    tls: &TlsAcceptor,
    limit: Duration,
) -> Result<ServerStream, HandshakeError> {
    match timeout(limit, tls.accept(Metered::new(stream))).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(tls_error(&error).map_or(HandshakeError::Silent, explain)),
        Err(_) => Err(HandshakeError::Silent),
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn explain(error: &Error) -> HandshakeError {
    use AlertDescription::{BadCertificate, CertificateUnknown, UnknownCA};
    match error {
        Error::AlertReceived(alert @ (BadCertificate | CertificateUnknown | UnknownCA)) => {
            HandshakeError::Untrusted(*alert)
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            HandshakeError::Failed("what came is not TLS".to_owned())
        }
        Error::InvalidCertificate(reason) => {
            HandshakeError::Failed(format!("the client certificate: {reason}"))
        }
        other => HandshakeError::Failed(other.to_string()),
    }
}

/// The first byte that a client sends inside TLS, still to be read; `None` if there is none within `limit`.
pub async fn first_byte(stream: &mut ServerStream, limit: Duration) -> Option<u8> {
    timeout(limit, stream.fill_buf()).await.ok()?.ok()?.first().copied()
}
