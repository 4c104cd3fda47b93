//! A client certificate with its private key, for X.509 authentication.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, ClientConfig, InconsistentKeys};

/// TLS sessions that are kept to be resumed, for each configuration.
const SESSIONS: usize = 8;
/// TLS configurations that are kept, one for each set of roots.
const CONFIGS: usize = 4;

/// A certificate chain and the key of its first certificate. Clones share everything. `Debug` shows no key.
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    certified: Arc<CertifiedKey>,
    /// Made from these configurations, each with a memory of sessions of its own: a session that was begun with
    /// another certificate would be resumed as another device.
    configs: Mutex<Vec<(Arc<ClientConfig>, Arc<ClientConfig>)>>,
}

/// Why a certificate and a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateError {
    /// The chain is empty.
    NoCertificate,
    /// The key is of another pair.
    Mismatch,
    /// The key or the certificate cannot be used; says why.
    Unusable(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("there is no certificate"),
            Self::Mismatch => f.write_str("the certificate and the private key do not belong together"),
            Self::Unusable(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for CertificateError {}

impl ClientCertificate {
    /// From DER: the device's own certificate first, then those that lead to a root, if the hub needs them.
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let certified =
            CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch,
                error => CertificateError::Unusable(error.to_string()),
            })?;
        Ok(Self(Arc::new(Inner { certified: Arc::new(certified), configs: Mutex::default() })))
    }

    /// `base` with this certificate for the servers that ask for one.
    pub(in crate::device) fn config(&self, base: &Arc<ClientConfig>) -> Arc<ClientConfig> {
        let mut configs = self.0.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, config)) = configs.iter().find(|(known, _)| Arc::ptr_eq(known, base)) {
            return Arc::clone(config);
        }
        let mut config = ClientConfig::clone(base);
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(Arc::clone(&self.0.certified)));
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        let config = Arc::new(config);
        if configs.len() == CONFIGS {
            configs.remove(0);
        }
        configs.push((Arc::clone(base), Arc::clone(&config)));
        config
    }

    pub(super) fn explain_refusal(&self, _now: u64) -> String {
        "is the certificate's thumbprint, or its authority, registered for this device?".to_owned()
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(…)")
    }
}
