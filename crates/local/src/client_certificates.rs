//! Client certificates: asked for in every TLS handshake, judged once it is known who the client says it is.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConnection,
    SignatureScheme,
};

use crate::version1;

/// What a client showed in its handshake, its own certificate first; empty for none. The handshake has proved that the
/// client has the key, and nothing else.
#[derive(Clone, Default)]
pub struct ClientChain(Arc<[CertificateDer<'static>]>);

impl ClientChain {
    /// What this connection's client showed.
    pub fn of(connection: &ServerConnection) -> Self {
        Self(connection.peer_certificates().unwrap_or_default().to_vec().into())
    }

    /// The client's own certificate.
    pub fn own(&self) -> Option<&CertificateDer<'static>> {
        self.0.first()
    }

    /// The client's own certificate, and those that it showed besides.
    pub fn split_first(&self) -> Option<(&CertificateDer<'static>, &[CertificateDer<'static>])> {
        self.0.split_first()
    }
}

/// Lets every client in that shows a certificate, or none: whose it must be is only known when it says who it is.
#[derive(Debug)]
pub struct AskEveryClient(WebPkiSupportedAlgorithms);

impl AskEveryClient {
    /// The one there is.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(ring::default_provider().signature_verification_algorithms))
    }
}

impl ClientCertVerifier for AskEveryClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _own: &CertificateDer<'_>,
        _issuers: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if version1::is_version_1(own) {
            version1::verify_tls12(message, own, signature, &self.0)?;
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, own, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if version1::is_version_1(own) {
            version1::verify_tls13(message, own, signature, &self.0)?;
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, own, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Why a certificate does not lead to an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainError {
    /// It, or one in between, has expired or is not valid yet.
    Time,
    /// It leads to none, or breaks another rule; says which.
    Refused(String),
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "the certificate has expired or is not valid yet",
            Self::Refused(reason) => reason,
        })
    }
}

impl std::error::Error for ChainError {}

/// Whether a certificate leads to one of `authorities`, by way of `issuers`, and is valid at that time.
pub fn verify(
    own: &CertificateDer<'_>,
    issuers: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'static>],
    now: SystemTime,
) -> Result<(), ChainError> {
    let chain = |reason: &dyn fmt::Display| ChainError::Refused(reason.to_string());
    let supported = ring::default_provider().signature_verification_algorithms;
    if version1::is_version_1(own) {
        let now =
            i64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
        return version1::verify_chain(own, issuers, authorities, now, &supported)
            .map_err(|reason| chain(&reason));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO));
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
            .build()
            .map_err(|error| chain(&error))?;
    match verifier.verify_client_cert(own, issuers, now) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Err(ChainError::Time),
        Err(error) => Err(chain(&error)),
    }
}
