//! TLS, as strict as asked for: other libraries let an application turn off what a careful client never does.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use super::trust::Trust;
use super::verifier::{Anchors, Verification};
use super::{Versions, client_config};
use crate::certificate::ClientCertificate;
use crate::error::ConnectError;
use crate::sync::Mutex;

/// What TLS is made of. Clones share the configuration, and with it the sessions to resume. `Debug` shows no key.
#[derive(Clone)]
pub struct TlsOptions(Arc<Inner>);

struct Inner {
    trust: Trust,
    verification: Verification,
    versions: Versions,
    certificate: Option<ClientCertificate>,
    /// Application protocols, by preference (RFC 7301).
    alpn: Vec<Vec<u8>>,
    /// The configuration for the roots that it was made of.
    made: Mutex<Option<(Arc<Anchors>, Arc<ClientConfig>)>>,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { trust, verification, versions, certificate, .. } = &*self.0;
        f.debug_struct("TlsOptions")
            .field("trust", trust)
            .field("verification", verification)
            .field("versions", versions)
            .field("certificate", certificate)
            .finish_non_exhaustive()
    }
}

impl TlsOptions {
    /// Does no I/O.
    pub fn new(
        trust: Trust,
        verification: Verification,
        versions: Versions,
        certificate: Option<ClientCertificate>,
        alpn: Vec<Vec<u8>>,
    ) -> Self {
        Self(Arc::new(Inner { trust, verification, versions, certificate, alpn, made: Mutex::default() }))
    }

    /// The configuration, made once for the same roots.
    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        let anchors = self.0.trust.anchors().await?;
        let mut made = self.0.made.lock();
        if let Some((_, config)) = made.as_ref().filter(|(before, _)| Arc::ptr_eq(before, &anchors)) {
            return Ok(Arc::clone(config));
        }
        let config = self.0.build(Arc::clone(&anchors));
        *made = Some((anchors, Arc::clone(&config)));
        Ok(config)
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
