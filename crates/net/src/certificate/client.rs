//! A client certificate with its private key, for X.509 authentication.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use zeroize::Zeroize;

use super::CertificateFacts;
use super::client_error::CertificateError;
use super::material::{self, Material, MaterialError};
use super::private_key;
use crate::sync::Mutex;

/// TLS sessions that are kept to be resumed, for each configuration.
const SESSIONS: usize = 8;
/// TLS configurations that are kept, one for each set of roots.
const CONFIGS: usize = 4;
/// Certificates that a chain may have; a TLS server would not take many more.
const MAX_CHAIN: usize = 16;

/// A certificate chain and the key of its first certificate. Clones share everything. `Debug` shows the SHA-256 thumbprint
/// of the first certificate, and no key.
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    certified: Arc<CertifiedKey>,
    facts: CertificateFacts,
    /// Made from these configurations, each with a memory of sessions of its own: a session that was begun with
    /// another certificate would be resumed as another client.
    configs: Mutex<Vec<(Arc<ClientConfig>, Arc<ClientConfig>)>>,
}

impl ClientCertificate {
    /// From PEM text or DER, see [`material::read`]: `certificate` holds the client's own certificate and those that lead
    /// to a root, if the server needs them; the key is in `private_key`, or else beside the certificate. Decrypting the key
    /// may take a second. The certificate must not have expired at `now`, in Unix seconds.
    pub fn from_pem(
        certificate: &[u8],
        private_key: Option<&[u8]>,
        passphrase: Option<&[u8]>,
        now: u64,
    ) -> Result<Self, CertificateError> {
        let own = material("certificate", certificate)?;
        let other = private_key.map(|text| material("private_key", text)).transpose()?;
        if own.certificates.is_empty() {
            return Err(CertificateError::NoCertificate { key: !own.keys.is_empty(), others: own.others });
        }
        let chain = own.certificates.into_iter().map(|found| found.der.into()).collect();
        let [key] = other.map_or(own.keys, |other| other.keys).try_into().map_err(|keys: Vec<_>| {
            if keys.is_empty() {
                CertificateError::NoKey { given: private_key.is_some() }
            } else {
                CertificateError::SeveralKeys
            }
        })?;
        Self::from_der(chain, private_key::read(&key, passphrase)?, now)
    }

    /// From DER: the client's own certificate and those that lead to a root. `now` as for [`Self::from_pem`].
    pub fn from_der(
        mut chain: Vec<CertificateDer<'static>>,
        mut key: PrivateKeyDer<'static>,
        now: u64,
    ) -> Result<Self, CertificateError> {
        if chain.len() > MAX_CHAIN {
            return Err(CertificateError::LongChain { limit: MAX_CHAIN });
        }
        let mut facts = Vec::new();
        for (place, der) in chain.iter().enumerate() {
            let read = CertificateFacts::read(der);
            let damaged = MaterialError::Damaged(place + 1);
            facts.push(read.ok_or(CertificateError::Unreadable { field: "certificate", reason: damaged })?);
        }
        let loaded = ring::sign::any_supported_type(&key);
        key.zeroize();
        let key = loaded.map_err(|_| CertificateError::UnusableKey)?;
        // The comparison that rustls offers refuses certificates of X.509 version 1, which are fine here.
        let public_key = key.public_key().ok_or(CertificateError::UnusableKey)?;
        let first = facts.iter().position(|facts| facts.public_key == *public_key);
        let first = first.ok_or(CertificateError::Mismatch)?;
        // TLS wants the client's own certificate first; some tools write it last.
        let own = chain.remove(first);
        let facts = facts.swap_remove(first);
        if facts.not_after <= now {
            return Err(CertificateError::Expired { at: facts.not_after });
        }
        chain.insert(0, own);
        let certified = Arc::new(CertifiedKey::new(chain, key));
        Ok(Self(Arc::new(Inner { certified, facts, configs: Mutex::default() })))
    }

    /// From when on the first certificate is valid, in Unix seconds.
    pub fn not_before(&self) -> u64 {
        self.0.facts.not_before
    }

    /// Up to when it is valid, in Unix seconds.
    pub fn not_after(&self) -> u64 {
        self.0.facts.not_after
    }

    /// Its common name, if it has exactly one.
    pub fn common_name(&self) -> Option<&str> {
        self.0.facts.common_name.as_deref()
    }

    /// The first certificate of the chain, in DER.
    pub fn der(&self) -> &[u8] {
        self.0.certified.cert.first().map_or(&[], AsRef::as_ref)
    }

    /// The SHA-256 thumbprint of the first certificate, in small hexadecimal digits.
    pub fn thumbprint(&self) -> String {
        let digest = Sha256::digest(self.der());
        digest.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
    }

    /// `base` with this certificate for the servers that ask for one.
    pub(crate) fn config(&self, base: &Arc<ClientConfig>) -> Arc<ClientConfig> {
        let mut configs = self.0.configs.lock();
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
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({})", self.thumbprint().to_uppercase())
    }
}

fn material(field: &'static str, text: &[u8]) -> Result<Material, CertificateError> {
    material::read(text).map_err(|reason| CertificateError::Unreadable { field, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    struct Pair {
        certificate: String,
        key: String,
    }

    fn pair(id: &str) -> Pair {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, id);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2050, 1, 1);
        Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    fn load(certificate: &str, key: Option<&str>) -> Result<ClientCertificate, CertificateError> {
        ClientCertificate::from_pem(certificate.as_bytes(), key.map(str::as_bytes), None, NOW)
    }

    #[test]
    fn the_client_s_own_certificate_goes_first() {
        let (own, issuer) = (pair("dev1"), pair("issuer"));
        for text in [
            format!("{}{}", own.certificate, issuer.certificate),
            format!("{}{}", issuer.certificate, own.certificate),
            format!("{}{}{}", own.key, issuer.certificate, own.certificate),
        ] {
            let key = (!text.contains("PRIVATE KEY")).then_some(own.key.as_str());
            let loaded = load(&text, key).unwrap();
            let chain = &loaded.0.certified.cert;
            assert_eq!(CertificateFacts::read(&chain[0]).unwrap().common_name.as_deref(), Some("dev1"));
            assert_eq!((loaded.common_name(), chain.len()), (Some("dev1"), 2));
            assert!(!format!("{loaded:?}").contains("PRIVATE"));
            assert_eq!(loaded.thumbprint().len(), 64);
            assert!(format!("{loaded:?}").to_lowercase().contains(&loaded.thumbprint()));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (own, other) = (pair("dev1"), pair("dev2"));
        let nothing = |field| {
            let reason = MaterialError::Nothing { base64: false };
            CertificateError::Unreadable { field, reason }
        };
        let cases = [
            (load("", None), nothing("certificate")),
            (load(&own.certificate, Some("AAEC")), nothing("private_key")),
            (load(&own.key, None), CertificateError::NoCertificate { key: true, others: Vec::new() }),
            (load(&own.certificate, None), CertificateError::NoKey { given: false }),
            (load(&own.certificate, Some(&own.certificate)), CertificateError::NoKey { given: true }),
            (
                load(&own.certificate, Some(&format!("{}{}", own.key, other.key))),
                CertificateError::SeveralKeys,
            ),
            (load(&own.certificate, Some(&other.key)), CertificateError::Mismatch),
            (load(&own.certificate.repeat(17), Some(&own.key)), CertificateError::LongChain { limit: 16 }),
        ];
        for (outcome, expected) in cases {
            assert_eq!(outcome.unwrap_err(), expected);
        }
        let late = ClientCertificate::from_pem(
            own.certificate.as_bytes(),
            Some(own.key.as_bytes()),
            None,
            2_524_608_000,
        );
        assert_eq!(late.unwrap_err().to_string(), "certificate: it expired on 2050-01-01T00:00:00Z");
    }

    #[test]
    fn each_set_of_roots_has_a_configuration_with_sessions_of_its_own() {
        let own = pair("dev1");
        let loaded = load(&own.certificate, Some(&own.key)).unwrap();
        let base = |root: &Pair| {
            let trust = crate::Trust::from_pem(root.certificate.as_bytes()).unwrap();
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(trust.config()).unwrap()
        };
        let bases: Vec<_> = (0..6).map(|n| base(&pair(&n.to_string()))).collect();
        let first = loaded.config(&bases[0]);
        assert!(
            Arc::ptr_eq(&first, &loaded.config(&bases[0])) && first.client_auth_cert_resolver.has_certs()
        );
        for base in &bases {
            loaded.config(base);
        }
        assert_eq!(loaded.0.configs.lock().len(), CONFIGS);
    }
}
