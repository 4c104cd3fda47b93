//! TLS, as strict as asked for: other libraries let an application turn off what a hub's client never does.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};

use crate::device::ClientCertificate;
use crate::device::trust::{self, TrustError};

/// Which roots a server's certificate must chain to.
#[derive(Clone)]
pub enum Roots {
    /// Mozilla's, as bundled, and the system's.
    Default,
    /// These and no others.
    Own(Arc<RootCertStore>),
}

impl Roots {
    /// The certificates of a PEM text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        trust::parse_roots(pem).map(Arc::new).map(Self::Own)
    }

    /// Certificates in DER; `None` if none of them can be read.
    pub fn from_der(certificates: Vec<Vec<u8>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates.into_iter().map(CertificateDer::from));
        (added > 0).then(|| Self::Own(Arc::new(roots)))
    }
}

/// How much of a server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Its chain and its name.
    Full,
    /// Its chain only: anybody whom the roots vouch for may answer.
    AnyName,
    /// Nothing: anybody may answer.
    Nothing,
}

/// The versions of TLS that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    All,
    /// 1.2 alone.
    OnlyTls12,
}

/// What TLS is made of. Clones share the configuration, and with it the sessions to resume. `Debug` shows no key.
#[derive(Clone)]
pub struct Encryption(Arc<Inner>);

struct Inner {
    roots: Roots,
    verification: Verification,
    versions: Versions,
    certificate: Option<ClientCertificate>,
    /// Application protocols, by preference (RFC 7301).
    alpn: Vec<Vec<u8>>,
    made: OnceLock<Arc<ClientConfig>>,
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { verification, versions, certificate, .. } = &*self.0;
        f.debug_struct("Encryption")
            .field("verification", verification)
            .field("versions", versions)
            .field("certificate", certificate)
            .finish_non_exhaustive()
    }
}

impl Encryption {
    /// Does no I/O.
    pub fn new(
        roots: Roots,
        verification: Verification,
        versions: Versions,
        certificate: Option<ClientCertificate>,
        alpn: Vec<Vec<u8>>,
    ) -> Self {
        Self(Arc::new(Inner { roots, verification, versions, certificate, alpn, made: OnceLock::new() }))
    }

    /// The configuration, made once.
    pub(super) async fn config(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(made) = self.0.made.get() {
            return Ok(Arc::clone(made));
        }
        let roots = match &self.0.roots {
            Roots::Own(roots) => Arc::clone(roots),
            Roots::Default => trust::default_roots().await,
        };
        let made = self.0.build(roots).map_err(|error| error.to_string())?;
        Ok(Arc::clone(self.0.made.get_or_init(|| made)))
    }
}

impl Inner {
    fn build(&self, roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, Box<dyn std::error::Error>> {
        let provider = Arc::new(ring::default_provider());
        let versions: &[&SupportedProtocolVersion] = match self.versions {
            Versions::All => &[&TLS13, &TLS12],
            Versions::OnlyTls12 => &[&TLS12],
        };
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
        let algorithms = provider.signature_verification_algorithms;
        let chain = match self.verification {
            Verification::Full => None,
            Verification::AnyName => {
                Some(Some(WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider).build()?))
            }
            Verification::Nothing => Some(None),
        };
        let builder = match chain {
            None => builder.with_root_certificates(roots),
            Some(chain) => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { chain, algorithms }))
            }
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols.clone_from(&self.alpn);
        let config = Arc::new(config);
        Ok(match &self.certificate {
            Some(certificate) => certificate.config(&config),
            None => config,
        })
    }
}

/// Looks away where it is told to. That the server has the key of its certificate is always checked.
#[derive(Debug)]
struct Lenient {
    /// Checks the chain, unless that does not matter either.
    chain: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(own, issuers, name, ocsp, now) {
            // The name is the last to be checked, after the chain.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, own, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, own, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
