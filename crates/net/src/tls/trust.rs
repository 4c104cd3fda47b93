//! Which server certificates are accepted.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::verifier::{Anchors, Verification};
use super::{Versions, client_config};
use crate::blocking::Merged;
use crate::certificate::material::{self, MaterialError};
use crate::certificate::pem;
use crate::connect_step::Step;
use crate::error::ConnectError;
use crate::sync::Mutex;

/// A future that can be boxed away, whatever it does.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The roots that a server's certificate must chain to. Clients with the same roots share one TLS
/// configuration, and with it the memory of the roots and the sessions to resume.
#[derive(Clone, Default)]
pub struct Trust {
    source: Source,
    hints: Hints,
}

/// What the caller's own interface calls things, for errors that say what to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    /// The argument that names the roots.
    pub roots: &'static str,
    /// How to have a certificate's common name count, if there is a way; completes "or …".
    pub common_name: Option<&'static str>,
    /// How to go over WebSockets, for networks that let port 443 through alone; completes "try …".
    pub websocket: &'static str,
    /// How to go without TLS, if there is a way; completes "if it takes MQTT without TLS, …".
    pub plain: Option<&'static str>,
}

impl Default for Hints {
    fn default() -> Self {
        Self { roots: "trust", common_name: None, websocket: "WebSockets", plain: None }
    }
}

#[derive(Clone, Default)]
enum Source {
    /// Mozilla's roots as bundled, which include those of IoT Hub, and the system's.
    #[default]
    Default,
    Own(Roots),
    /// The default ones, and these certificates.
    Added(Arc<[CertificateDer<'static>]>),
    /// Whatever they are at the moment of a handshake.
    Asked(Arc<dyn RootSource>),
}

/// Certificates to trust and no others, with the configuration of a careful client.
#[derive(Clone)]
struct Roots {
    anchors: Arc<Anchors>,
    config: Arc<ClientConfig>,
}

impl From<Arc<Anchors>> for Roots {
    fn from(anchors: Arc<Anchors>) -> Self {
        let config = Arc::new(client_config(Arc::clone(&anchors), Verification::Full, Versions::All));
        Self { anchors, config }
    }
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

/// Why a file or text gives no roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustError {
    /// It cannot be read.
    Unreadable(MaterialError),
    /// There is no certificate in it.
    NoCertificate {
        /// What there is in its place, by the labels of PEM.
        others: Vec<String>,
    },
    /// The n-th certificate, counted from 1, cannot be read.
    BadCertificate(usize),
    /// There is a private key in place of a certificate.
    PrivateKey,
    /// By its own trust settings, no certificate in it is for TLS servers.
    NotForServers,
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::NoCertificate { others } if others.is_empty() => {
                f.write_str("it contains no certificate, neither in PEM nor in DER")
            }
            Self::NoCertificate { others } => {
                write!(f, "it contains no certificate, but {}", others.join(", "))
            }
            Self::BadCertificate(n) => write!(f, "certificate {n} in it cannot be read"),
            Self::PrivateKey => f.write_str("it contains a private key; expected root certificates"),
            Self::NotForServers => f.write_str(
                "by the trust settings in it (TRUSTED CERTIFICATE), no certificate is trusted for TLS servers",
            ),
        }
    }
}

impl std::error::Error for TrustError {}

impl Trust {
    /// Trusts the certificates in `pem` and no others: PEM text, or DER, see [`material::read`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        shared_roots(pem).map(|roots| Source::Own(roots).into())
    }

    /// Trusts the default roots, and the certificates in `pem` as well: see [`Self::from_pem`].
    pub fn with_default(pem: &[u8]) -> Result<Self, TrustError> {
        certificates(pem).map(|certificates| Source::Added(certificates.into()).into())
    }

    /// Trusts certificates in DER and no others; `None` if none of them can be read.
    pub fn from_der(certificates: Vec<Vec<u8>>) -> Option<Self> {
        let certificates = certificates.into_iter().map(CertificateDer::from).collect();
        let anchors = Anchors::new(RootCertStore::empty(), certificates);
        (!anchors.is_empty()).then(|| Source::Own(Arc::new(anchors).into()).into())
    }

    /// Asks `source` at each connection, and trusts what it names and no others.
    pub fn from_source(source: Arc<dyn RootSource>) -> Self {
        Source::Asked(source).into()
    }

    /// The same roots, with errors in the words of the caller's own interface.
    #[must_use]
    pub fn with_hints(self, hints: Hints) -> Self {
        Self { hints, ..self }
    }

    /// The caller's words.
    pub(crate) fn hints(&self) -> Hints {
        self.hints
    }

    /// The TLS configuration of a careful client.
    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        self.roots().await.map(|roots| roots.config)
    }

    /// The roots alone.
    pub(super) async fn anchors(&self) -> Result<Arc<Anchors>, ConnectError> {
        self.roots().await.map(|roots| roots.anchors)
    }

    async fn roots(&self) -> Result<Roots, ConnectError> {
        match &self.source {
            Source::Own(roots) => Ok(roots.clone()),
            Source::Asked(source) => ask(source.as_ref()).await,
            Source::Default => Ok(default_roots().await),
            Source::Added(certificates) => {
                let Roots { anchors, .. } = default_roots().await;
                Ok(Arc::new(anchors.with(certificates.to_vec())).into())
            }
        }
    }
}

impl From<Source> for Trust {
    fn from(source: Source) -> Self {
        Self { source, hints: Hints::default() }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            Source::Default => "Trust::Default",
            Source::Own(_) => "Trust::Own",
            Source::Added(_) => "Trust::Added",
            Source::Asked(_) => "Trust::Asked",
        })
    }
}

async fn ask(source: &dyn RootSource) -> Result<Roots, ConnectError> {
    let failed = |reason: &str| ConnectError::new(Step::TrustBundle, format!("{}: {reason}", source.name()));
    let pem = timeout(ROOTS_DEADLINE, source.roots()).await;
    let pem = pem.map_err(|_| failed(&format!("no roots within {} s", ROOTS_DEADLINE.as_secs())))?;
    let pem = pem.map_err(|reason| failed(&reason))?;
    shared_roots(pem.as_bytes()).map_err(|error| failed(&error.to_string()))
}

/// Roots in use, by the digest of their PEM text. A configuration keeps its anchors.
type InUse = HashMap<[u8; 32], (Weak<Anchors>, Weak<ClientConfig>)>;

/// The roots in a PEM text, shared with those who use the same ones now.
fn shared_roots(pem: &[u8]) -> Result<Roots, TrustError> {
    static SHARED: OnceLock<Mutex<InUse>> = OnceLock::new();
    let key: [u8; 32] = Sha256::digest(pem).into();
    let mut shared = SHARED.get_or_init(Mutex::default).lock();
    let in_use = shared.get(&key).map(|(anchors, config)| (anchors.upgrade(), config.upgrade()));
    if let Some((Some(anchors), Some(config))) = in_use {
        return Ok(Roots { anchors, config });
    }
    let roots = Roots::from(Arc::new(Anchors::new(RootCertStore::empty(), certificates(pem)?)));
    shared.retain(|_, (_, config)| config.strong_count() > 0);
    shared.insert(key, (Arc::downgrade(&roots.anchors), Arc::downgrade(&roots.config)));
    Ok(roots)
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

/// The roots of a file or text, as [`Trust::from_pem`] reads them, in plain PEM.
pub fn checked_pem(text: &[u8]) -> Result<String, TrustError> {
    Ok(certificates(text)?.iter().map(|der| pem::write(pem::CERTIFICATE, der)).collect())
}

thread_local! {
    /// By thread, as the look-ups of names are.
    static SYSTEM: Arc<Merged<(), Arc<Anchors>>> =
        Merged::new("azmqtt-roots", |()| Arc::new(read_default_anchors()));
}

/// Mozilla's and the system's, which are read once. While a file system hangs, the bundled ones must do.
async fn default_roots() -> Roots {
    static READ: OnceLock<Roots> = OnceLock::new();
    if let Some(roots) = READ.get() {
        return roots.clone();
    }
    let read = timeout(ROOTS_DEADLINE, SYSTEM.with(Arc::clone).call(&())).await;
    let read = read.ok().and_then(io::Result::ok);
    let anchors = read.unwrap_or_else(|| Arc::new(Anchors::new(bundled_roots(), Vec::new())));
    READ.get_or_init(|| anchors.into()).clone()
}

fn read_default_anchors() -> Anchors {
    // Systems carry roots that rustls cannot read, and some carry none: the bundled ones remain.
    Anchors::new(bundled_roots(), rustls_native_certs::load_native_certs().certs)
}

/// The certificates of a file or text that are trusted for servers, each fit to be a root.
fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let found = material::read(text).map_err(|error| match error {
        MaterialError::Nothing { base64: false } => TrustError::NoCertificate { others: Vec::new() },
        error => TrustError::Unreadable(error),
    })?;
    if found.certificates.is_empty() {
        let keys = !found.keys.is_empty();
        return Err(if keys {
            TrustError::PrivateKey
        } else {
            TrustError::NoCertificate { others: found.others }
        });
    }
    let mut trusted = Vec::new();
    for (place, certificate) in found.certificates.into_iter().enumerate() {
        let der = CertificateDer::from(certificate.der);
        RootCertStore::empty().add(der.clone()).map_err(|_| TrustError::BadCertificate(place + 1))?;
        if certificate.for_servers {
            trusted.push(der);
        }
    }
    if trusted.is_empty() { Err(TrustError::NotForServers) } else { Ok(trusted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec!["test".into()]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(
            Trust::from_pem(b"rubbish").unwrap_err(),
            TrustError::NoCertificate { others: Vec::new() }
        );
        let request = Trust::from_pem(pem::write("CERTIFICATE REQUEST", &[0]).as_bytes()).unwrap_err();
        assert_eq!(request.to_string(), "it contains no certificate, but CERTIFICATE REQUEST");
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
        let (Source::Own(a), Source::Own(b)) = (&a.source, &b.source) else { panic!("not own") };
        assert!(Arc::ptr_eq(&a.config, &b.config) && Arc::ptr_eq(&a.anchors, &b.anchors));
    }
}
