//! A client certificate with its private key, for X.509 authentication.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::certificate_error::CertificateError;
use super::private_key;
use crate::dialect::pem::{self, Section};
use crate::dialect::time::format_utc;
use crate::dialect::x509::{CertificateFacts, Thumbprint};

/// TLS sessions that are kept to be resumed, for each configuration.
const SESSIONS: usize = 8;
/// TLS configurations that are kept, one for each set of roots.
const CONFIGS: usize = 4;
/// Certificates that a chain may have; a TLS server would not take many more.
const MAX_CHAIN: usize = 16;

/// A certificate chain and the key of its first certificate. Clones share everything. `Debug` shows no key.
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    certified: Arc<CertifiedKey>,
    facts: CertificateFacts,
    thumbprint: Thumbprint,
    /// Made from these configurations, each with a memory of sessions of its own: a session that was begun with
    /// another certificate would be resumed as another device.
    configs: Mutex<Vec<(Arc<ClientConfig>, Arc<ClientConfig>)>>,
}

impl ClientCertificate {
    /// From PEM: `certificate` holds the device's own certificate and those that lead to a root, if the hub needs them;
    /// the key is in `private_key`, or else beside the certificate. Decrypting the key may take a second. The
    /// certificate must not have expired at `now`, in Unix seconds.
    pub fn from_pem(
        certificate: &[u8],
        private_key: Option<&[u8]>,
        passphrase: Option<&[u8]>,
        now: u64,
    ) -> Result<Self, CertificateError> {
        let own = sections("certificate", certificate)?;
        let other = private_key.map(|text| sections("private_key", text)).transpose()?;
        let chain: Vec<CertificateDer<'static>> = own
            .iter()
            .filter(|section| section.label == pem::CERTIFICATE)
            .map(|section| section.der.to_vec().into())
            .collect();
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate { key: own.iter().any(private_key::is_key) });
        }
        let mut keys = other.as_ref().unwrap_or(&own).iter().filter(|section| private_key::is_key(section));
        let key = keys.next().ok_or(CertificateError::NoKey { given: private_key.is_some() })?;
        if keys.next().is_some() {
            return Err(CertificateError::SeveralKeys);
        }
        Self::from_der(chain, private_key::read(key, passphrase)?, now)
    }

    /// From DER: the device's own certificate and those that lead to a root. `now` as for [`Self::from_pem`].
    pub fn from_der(
        mut chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        now: u64,
    ) -> Result<Self, CertificateError> {
        if chain.len() > MAX_CHAIN {
            return Err(CertificateError::LongChain { limit: MAX_CHAIN });
        }
        let mut facts = Vec::new();
        for (place, der) in chain.iter().enumerate() {
            let read = CertificateFacts::read(der);
            facts.push(read.ok_or(CertificateError::Damaged { field: "certificate", position: place + 1 })?);
        }
        let provider = ring::default_provider();
        let key = provider.key_provider.load_private_key(key).map_err(|_| CertificateError::UnusableKey)?;
        // The comparison that rustls offers refuses certificates of X.509 version 1, which are fine here.
        let public_key = key.public_key().ok_or(CertificateError::UnusableKey)?;
        let first = facts.iter().position(|facts| facts.public_key == *public_key);
        let first = first.ok_or(CertificateError::Mismatch)?;
        // TLS wants the device's own certificate first; some tools write it last.
        let own = chain.remove(first);
        let facts = facts.swap_remove(first);
        if facts.not_after <= now {
            return Err(CertificateError::Expired { at: facts.not_after });
        }
        let thumbprint = Thumbprint::sha256(&own);
        chain.insert(0, own);
        let certified = Arc::new(CertifiedKey::new(chain, key));
        Ok(Self(Arc::new(Inner { certified, facts, thumbprint, configs: Mutex::default() })))
    }

    /// Up to when the device's own certificate is valid, in Unix seconds.
    pub fn not_after(&self) -> u64 {
        self.0.facts.not_after
    }

    /// The common name of the device's own certificate, if it has one. For the provisioning service it is the
    /// registration id.
    pub fn common_name(&self) -> Option<&str> {
        self.0.facts.common_name.as_deref()
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

    pub(super) fn explain_refusal(&self, now: u64) -> String {
        let Inner { facts, thumbprint, .. } = &*self.0;
        if facts.not_after <= now {
            return format!("the client certificate has expired ({})", format_utc(facts.not_after));
        }
        if facts.not_before > now {
            let from = format_utc(facts.not_before);
            return format!(
                "by this machine's clock the client certificate is not valid before {from}: is the clock right?"
            );
        }
        let name = facts.common_name.as_deref().map_or("no common name".into(), |name| format!("CN {name}"));
        format!(
            "does the device exist on this hub with X.509 authentication, and is this certificate the one \
             registered there ({name}, SHA-256 thumbprint {thumbprint})? One that is signed by an authority needs \
             the device's id as its CN and the authority verified on the hub"
        )
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({})", self.0.thumbprint)
    }
}

fn sections(field: &'static str, text: &[u8]) -> Result<Vec<Section>, CertificateError> {
    let sections =
        pem::read(text).map_err(|damaged| CertificateError::Damaged { field, position: damaged.position })?;
    if sections.is_empty() {
        // A SEQUENCE with a length of two bytes: what certificates, keys and PKCS #12 begin with in DER.
        return Err(CertificateError::NotPem { field, der: text.starts_with(&[0x30, 0x82]) });
    }
    Ok(sections)
}
