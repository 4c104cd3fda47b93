//! The TLS handshake of one connection, and what is said when it fails: nothing of MQTT or HTTP has been read then, so
//! that which device it was is unknown.

use std::io;
use std::time::Duration;

use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{AlertDescription, Error, InvalidMessage};
use tokio_rustls::server::TlsStream;

use super::shared::Shared;
use azmqtt_net::meter::Metered;

/// Shakes hands with a client that came to the port of this `name`. What it did wrong becomes the hub's last refusal; a
/// client that goes without a word did nothing wrong.
pub(super) async fn shake(
    stream: TcpStream,
    tls: &TlsAcceptor,
    shared: &Shared,
    name: &str,
) -> Option<TlsStream<Metered<TcpStream>>> {
    let peer = stream.peer_addr();
    let note = |reason: &str| {
        let from = peer.as_ref().map(|peer| format!(" with {peer}")).unwrap_or_default();
        shared.note_refusal(format!("{name} port: TLS handshake{from}: {reason}"));
    };
    let shaken =
        timeout(shared.config.limits.handshake_timeout, tls.accept(Metered::new(stream))).await.ok()?;
    let stream = match shaken {
        Ok(stream) => stream,
        Err(error) => {
            if let Some(error) = tls_error(&error) {
                note(&explain(error));
            }
            return None;
        }
    };
    if shared.config.needs_server_name() && stream.get_ref().1.server_name().is_none() {
        note("the client sent no server name (SNI), which this host name demands");
        return None;
    }
    Some(stream)
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn explain(error: &Error) -> String {
    use AlertDescription::{BadCertificate, CertificateUnknown, UnknownCA};
    match error {
        Error::AlertReceived(alert @ (BadCertificate | CertificateUnknown | UnknownCA)) => {
            format!(
                "the client does not trust the hub's certificate (alert {alert:?}): give it the hub's ca_file"
            )
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "what came is not TLS".to_owned(),
        Error::InvalidCertificate(reason) => format!("the client certificate: {reason}"),
        other => other.to_string(),
    }
}

/// The first byte that a client sends inside TLS, still to be read; `None` if there is none in time.
pub(super) async fn first_byte(stream: &mut TlsStream<Metered<TcpStream>>, patience: Duration) -> Option<u8> {
    timeout(patience, stream.fill_buf()).await.ok()?.ok()?.first().copied()
}
