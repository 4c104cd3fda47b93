//! The TLS handshake, and what its failures usually mean.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error as TlsError};

use crate::clock::ClockOffset;
use crate::endpoint::Endpoint;
use crate::meter::Metered;
use crate::tls::{Fault, Hints};

pub(super) type TlsStream = tokio_rustls::client::TlsStream<Metered<TcpStream>>;

/// Shakes hands on a connection to the endpoint, whoever passes its bytes on. The host's name is sent (SNI) and must be
/// in the server's certificate.
pub(super) async fn handshake(
    endpoint: &Endpoint,
    config: Arc<ClientConfig>,
    tcp: TcpStream,
) -> io::Result<TlsStream> {
    let name = ServerName::try_from(endpoint.host.clone())
        .map_err(|_| io::Error::other("the host name cannot be in a certificate"))?;
    TlsConnector::from(config).connect(name, Metered::new(tcp)).await
}

/// Whether an error is the server's no to the handshake. In TLS 1.3 its word on the client's certificate comes when the
/// client has finished, with the first bytes that it reads.
pub fn is_refusal(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    matches!(tls, Some(TlsError::AlertReceived(_)))
}

/// Says what is wrong with a server's certificate, and how to go on without a new one where there is a way.
fn explain_fault(fault: &Fault, hints: Hints) -> String {
    match (fault, hints.common_name) {
        (Fault::NoAlternativeName { common_name: Some(_), .. }, Some(way)) => format!("{fault}, or {way}"),
        (Fault::Authority, _) => {
            format!("{fault}; that is taken only if this very certificate is in {}", hints.roots)
        }
        _ => fault.to_string(),
    }
}

/// Says what the failure of a handshake usually means.
pub(super) fn explain_handshake(
    error: &io::Error,
    clock: Option<ClockOffset>,
    endpoint: &Endpoint,
) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe) {
        let hint = without_tls(endpoint.trust.hints());
        return format!("the server closed the connection in the handshake{hint} ({error})");
    }
    explain(error, clock, endpoint)
}

/// What to do about a server that may not speak TLS.
fn without_tls(hints: Hints) -> String {
    hints.plain.map(|way| format!("; if it takes MQTT without TLS, {way}")).unwrap_or_default()
}

/// Says what a TLS failure usually means.
pub fn explain(error: &io::Error, clock: Option<ClockOffset>, endpoint: &Endpoint) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    let hints = endpoint.trust.hints();
    if let Some(fault) = tls.and_then(Fault::of) {
        return explain_fault(fault, hints);
    }
    let hint = match tls {
        Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            return format!(
                "the server's certificate does not chain to a trusted root; pass the CA of a broker, gateway or local \
                 hub of your own as {} ({error})",
                hints.roots
            );
        }
        Some(TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "the server's certificate is for another host name",
        Some(TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => match clock {
            Some(clock) => {
                return format!("the server's certificate is not valid now; {} ({error})", clock.in_words());
            }
            None => "the server's certificate is not valid now; is this machine's clock right?",
        },
        Some(TlsError::AlertReceived(AlertDescription::CertificateRequired)) => {
            "the server wants a client certificate"
        }
        Some(TlsError::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError,
        )) => "the server refused the client certificate",
        Some(TlsError::InvalidMessage(_)) => {
            return format!("the server does not speak TLS on this port{} ({error})", without_tls(hints));
        }
        _ => return error.to_string(),
    };
    format!("{hint} ({error})")
}
