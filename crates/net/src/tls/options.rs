//! TLS, as strict as asked for: other libraries let an application turn off what a careful client never does.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::trust::{self, TrustError};
use super::verifier::{Anchors, Verification};
use super::{Versions, client_config};
use crate::certificate::ClientCertificate;

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

/// What TLS is made of. Clones share the configuration, and with it the sessions to resume. `Debug` shows no key.
#[derive(Clone)]
pub struct TlsOptions(Arc<Inner>);

struct Inner {
    roots: Roots,
    verification: Verification,
    versions: Versions,
    certificate: Option<ClientCertificate>,
    /// Application protocols, by preference (RFC 7301).
    alpn: Vec<Vec<u8>>,
    made: OnceLock<Arc<ClientConfig>>,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { verification, versions, certificate, .. } = &*self.0;
        f.debug_struct("TlsOptions")
            .field("verification", verification)
            .field("versions", versions)
            .field("certificate", certificate)
            .finish_non_exhaustive()
    }
}

impl TlsOptions {
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
    pub(crate) async fn config(&self) -> Arc<ClientConfig> {
        if let Some(made) = self.0.made.get() {
            return Arc::clone(made);
        }
        let anchors = match &self.0.roots {
            Roots::Own(anchors) => Arc::clone(anchors),
            Roots::Default => trust::default_anchors().await,
        };
        Arc::clone(self.0.made.get_or_init(|| self.0.build(anchors)))
    }
}

impl Inner {
    fn build(&self, anchors: Arc<Anchors>) -> Arc<ClientConfig> {
        let mut config = client_config(anchors, self.verification, self.versions);
        config.alpn_protocols.clone_from(&self.alpn);
        let config = Arc::new(config);
        match &self.certificate {
            Some(certificate) => certificate.config(&config),
            None => config,
        }
    }
}
