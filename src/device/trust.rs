//! Which server certificates are accepted.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::credentials::BoxFuture;
use super::error::{Error, Step};

/// The roots that a server's certificate must chain to. Clients with the same roots share one TLS
/// configuration, and with it the memory of the roots and the sessions to resume.
#[derive(Clone, Default)]
pub struct Trust(Source);

#[derive(Clone, Default)]
enum Source {
    /// Mozilla's roots as bundled, which include those of IoT Hub, and the system's.
    #[default]
    Default,
    Own(Arc<ClientConfig>),
    /// Whatever they are at the moment of a handshake.
    Asked(Arc<dyn RootSource>),
}

/// Says which roots to trust when a connection is made: they may change while a client lives.
pub trait RootSource: Send + Sync {
    /// The roots in PEM; an error says what happened. Dropping the future takes the question back.
    fn roots(&self) -> BoxFuture<'_, Result<String, String>>;

    /// What errors call it.
    fn name(&self) -> &str;
}

/// How long a [`RootSource`], or reading the system's roots, may take.
const ROOTS_DEADLINE: Duration = Duration::from_secs(20);

/// Why a PEM text gives no roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustError {
    /// There is no `BEGIN CERTIFICATE` in it.
    NoCertificate,
    /// The n-th certificate, counted from 1, cannot be read.
    BadCertificate(usize),
    /// The text holds a private key, which has no place among roots.
    PrivateKey,
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("there is no certificate in it (BEGIN CERTIFICATE)"),
            Self::BadCertificate(n) => write!(f, "certificate {n} in it cannot be read"),
            Self::PrivateKey => f.write_str("it holds a private key; root certificates are expected"),
        }
    }
}

impl std::error::Error for TrustError {}

impl Trust {
    /// Trusts the certificates in `pem` and no others. Text that was pasted from a C source is fine: the
    /// quotes and `\r\n` marks around its lines are taken off.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        own_config(pem).map(|config| Self(Source::Own(config)))
    }

    /// Asks `source` at each connection, and trusts what it names and no others.
    pub fn from_source(source: Arc<dyn RootSource>) -> Self {
        Self(Source::Asked(source))
    }

    /// The TLS configuration. The default one is made once, on a thread that may block, because it reads
    /// the system's roots.
    pub(super) async fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        static DEFAULT: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        match &self.0 {
            Source::Own(config) => Ok(Arc::clone(config)),
            Source::Asked(source) => ask(source.as_ref()).await,
            Source::Default => {
                if let Some(config) = DEFAULT.get() {
                    return Ok(Arc::clone(config));
                }
                let made = tokio::task::spawn_blocking(|| Arc::new(client_config(default_roots())));
                let made = timeout(ROOTS_DEADLINE, made).await.ok().and_then(Result::ok);
                let made = made.unwrap_or_else(|| Arc::new(client_config(bundled_roots())));
                Ok(Arc::clone(DEFAULT.get_or_init(|| made)))
            }
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Default => "Trust::Default",
            Source::Own(_) => "Trust::Own",
            Source::Asked(_) => "Trust::Asked",
        })
    }
}

async fn ask(source: &dyn RootSource) -> Result<Arc<ClientConfig>, Error> {
    let failed = |reason: &str| Error::ConnectionFailed {
        step: Step::TrustBundle,
        reason: format!("{}: {reason}", source.name()),
    };
    let pem = timeout(ROOTS_DEADLINE, source.roots()).await;
    let pem = pem.map_err(|_| failed(&format!("no roots within {} s", ROOTS_DEADLINE.as_secs())))?;
    let pem = pem.map_err(|reason| failed(&reason))?;
    own_config(pem.as_bytes()).map_err(|error| failed(&error.to_string()))
}

/// The configuration for the roots in a PEM text, shared with whoever uses the same ones now.
fn own_config(pem: &[u8]) -> Result<Arc<ClientConfig>, TrustError> {
    // Configurations in use, by the digest of their PEM text.
    static SHARED: OnceLock<Mutex<HashMap<[u8; 32], Weak<ClientConfig>>>> = OnceLock::new();
    let key: [u8; 32] = Sha256::digest(pem).into();
    let mut shared = SHARED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = shared.get(&key).and_then(Weak::upgrade) {
        return Ok(config);
    }
    let config = Arc::new(client_config(parse_roots(pem)?));
    shared.retain(|_, config| config.strong_count() > 0);
    shared.insert(key, Arc::downgrade(&config));
    Ok(config)
}

fn bundled_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// The bundled roots as whole certificates in DER, one after the other, for TLS libraries that need more than a
/// name and a key.
pub fn bundled_certificates() -> Vec<u8> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .flat_map(|certificate| certificate.iter().copied())
        .collect()
}

/// Roots in PEM, checked as for [`Trust::from_pem`], without what surrounds them in a C source.
pub fn checked_pem(pem: &[u8]) -> Result<String, TrustError> {
    parse_roots(pem)?;
    Ok(plain_pem(&String::from_utf8_lossy(pem)))
}

/// Mozilla's and the system's; reading those blocks.
pub(crate) fn default_roots() -> RootCertStore {
    let mut roots = bundled_roots();
    // Systems carry roots that rustls cannot read, and some carry none: the bundled ones remain.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn client_config(roots: RootCertStore) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("ring speaks TLS 1.2 and 1.3"));
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// The certificates of a PEM text.
pub(crate) fn parse_roots(pem: &[u8]) -> Result<RootCertStore, TrustError> {
    let text = plain_pem(&String::from_utf8_lossy(pem));
    let mut roots = RootCertStore::empty();
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        count += 1;
        let bad = TrustError::BadCertificate(count);
        let certificate = certificate.map_err(|_| bad.clone())?;
        roots.add(certificate).map_err(|_| bad)?;
    }
    match count {
        0 if text.contains("PRIVATE KEY-----") => Err(TrustError::PrivateKey),
        0 => Err(TrustError::NoCertificate),
        _ => Ok(roots),
    }
}

/// Takes off what surrounds each line of a PEM text in a C source: quotes, `\r\n` marks, commas, semicolons.
fn plain_pem(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim().trim_start_matches('"');
        let line = line.trim_end_matches([';', ',', '\\', '"', ' ']);
        let line = line.trim_end_matches("\\n").trim_end_matches("\\r").trim_end_matches("\\n");
        plain.push_str(line.trim());
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec!["test".into()]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn takes_a_certificate_pasted_from_c() {
        let pem = certificate();
        let c = pem.trim_end().replace('\n', "\\r\\n\"\n  \"");
        assert!(Trust::from_pem(format!("  \"{c}\\r\\n\";").as_bytes()).is_ok());
        let continued = pem.replace('\n', "\\n\\\n");
        assert!(Trust::from_pem(continued.as_bytes()).is_ok());
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(Trust::from_pem(b"rubbish").unwrap_err(), TrustError::NoCertificate);
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(Trust::from_pem(key.as_bytes()).unwrap_err(), TrustError::PrivateKey);
        let mut broken = certificate();
        broken.push_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert_eq!(Trust::from_pem(broken.as_bytes()).unwrap_err(), TrustError::BadCertificate(2));
    }

    #[test]
    fn shares_a_configuration() {
        let pem = certificate();
        let (a, b) = (Trust::from_pem(pem.as_bytes()).unwrap(), Trust::from_pem(pem.as_bytes()).unwrap());
        let (Source::Own(a), Source::Own(b)) = (&a.0, &b.0) else { panic!("not own") };
        assert!(Arc::ptr_eq(a, b));
    }
}
