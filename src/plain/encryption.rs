//! TLS, as strict as asked for: other libraries let an application turn off what a hub's client never does.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::device::ClientCertificate;
use crate::device::trust::{self, TrustError};
pub use crate::device::verifier::Verification;
use crate::device::verifier::{Anchors, ServerVerifier};

/// Which roots a server's certificate must chain to.
#[derive(Clone)]
pub enum Roots {
    /// Mozilla's, as bundled, and the system's.
    Default,
    /// These and no others.
    Own(Arc<Anchors>),
}

impl Roots {
    /// The certificates of a PEM text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        trust::parse_anchors(pem).map(Self::Own)
    }

    /// Certificates in DER; `None` if none of them can be read.
    pub fn from_der(certificates: Vec<Vec<u8>>) -> Option<Self> {
        let certificates = certificates.into_iter().map(CertificateDer::from).collect();
        let anchors = Anchors::new(RootCertStore::empty(), certificates);
        (!anchors.is_empty()).then(|| Self::Own(Arc::new(anchors)))
    }
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
        let anchors = match &self.0.roots {
            Roots::Own(anchors) => Arc::clone(anchors),
            Roots::Default => trust::default_anchors().await,
        };
        let made = self.0.build(anchors).map_err(|error| error.to_string())?;
        Ok(Arc::clone(self.0.made.get_or_init(|| made)))
    }
}

impl Inner {
    fn build(&self, anchors: Arc<Anchors>) -> Result<Arc<ClientConfig>, Box<dyn std::error::Error>> {
        let provider = Arc::new(ring::default_provider());
        let versions: &[&SupportedProtocolVersion] = match self.versions {
            Versions::All => &[&TLS13, &TLS12],
            Versions::OnlyTls12 => &[&TLS12],
        };
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
        let verifier = ServerVerifier::new(anchors, self.verification);
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols.clone_from(&self.alpn);
        let config = Arc::new(config);
        Ok(match &self.certificate {
            Some(certificate) => certificate.config(&config),
            None => config,
        })
    }
}
