//! Client certificates: how an identity proves itself by one, judged at CONNECT.

use std::fmt;
use std::time::SystemTime;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::error::HubError;
use crate::registry::credentials::Authentication;
use crate::storage::state_dir::StateDir;
use crate::unix_time::unix_seconds;
use azmqtt_local::client_certificates::{ChainError, ClientChain, verify};
use azmqtt_net::certificate::{CertificateFacts, material, pem};
use azmqtt_net::sync::Mutex;

/// Authorities that a hub keeps (IoT Hub docs, quotas: 25 registered X.509 CA certificates).
const MAX_AUTHORITIES: usize = 25;

/// The authorities whose signatures a hub takes for devices, in DER.
#[derive(Debug, Default)]
pub struct Authorities(Mutex<Vec<CertificateDer<'static>>>);

impl Authorities {
    /// Adds every certificate of a file or text, see [`material::read`]; those that are known already do not count.
    pub fn add(&self, text: &[u8]) -> Result<(), HubError> {
        let refused = |reason: String| HubError::ClientAuthority(reason);
        let found = material::read(text).map_err(|error| refused(error.to_string()))?;
        let mut added: Vec<CertificateDer<'static>> = Vec::new();
        for certificate in found.certificates {
            let der = CertificateDer::from(certificate.der);
            RootCertStore::empty().add(der.clone()).map_err(|error| refused(error.to_string()))?;
            added.push(der);
        }
        if added.is_empty() {
            return Err(refused("it contains no certificate (BEGIN CERTIFICATE)".to_owned()));
        }
        let mut known = self.0.lock();
        added.retain(|der| !known.contains(der));
        if known.len() + added.len() > MAX_AUTHORITIES {
            return Err(refused(format!("a hub keeps no more than {MAX_AUTHORITIES}")));
        }
        known.extend(added);
        Ok(())
    }

    /// Adds those that a state directory keeps.
    pub fn load(&self, dir: &StateDir) -> Result<(), HubError> {
        match dir.client_authorities()? {
            None => Ok(()),
            Some((path, pem)) => self.add(&pem).map_err(|error| HubError::corrupt(&path, error)),
        }
    }

    /// Has a state directory keep them.
    pub fn save(&self, dir: &StateDir) -> Result<(), HubError> {
        dir.save_client_authorities(|| self.to_pem())
    }

    /// All of them in PEM.
    pub fn to_pem(&self) -> String {
        let known = self.0.lock();
        known.iter().map(|der| pem::write(pem::CERTIFICATE, der)).collect()
    }

    fn all(&self) -> Vec<CertificateDer<'static>> {
        self.0.lock().clone()
    }
}

/// Why a certificate does not let its client in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateRefusal {
    /// The device proves its identity by tokens.
    NotForThis,
    /// The identity has nothing to prove itself by.
    Absent,
    /// The client showed none.
    Missing,
    /// It cannot be read.
    Unreadable,
    /// Neither of the device's thumbprints is its.
    Thumbprint,
    /// The common name is not the device's.
    Name {
        /// What it should be.
        expected: String,
    },
    /// It has expired or is not valid yet.
    Time,
    /// It does not lead to a registered authority, or breaks another rule; says which.
    Chain(String),
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotForThis => "the device authenticates with SAS tokens, but sent no password",
            Self::Absent => "the identity has the authentication type none: it cannot connect",
            Self::Missing => "the device authenticates with X.509, but presented no client certificate",
            Self::Unreadable => "the client certificate cannot be read",
            Self::Thumbprint => "the client certificate has neither of the device's thumbprints",
            Self::Name { expected } => {
                return write!(f, "the client certificate's common name is not {expected}");
            }
            Self::Time => "the client certificate has expired or is not valid yet",
            Self::Chain(reason) => {
                return write!(
                    f,
                    "the client certificate does not lead to an authority of this hub: {reason}"
                );
            }
        })
    }
}

impl std::error::Error for CertificateRefusal {}

/// Judges what a client showed, for the identity `client_id` (`device` or `device/module`).
pub fn judge(
    authentication: &Authentication,
    chain: &ClientChain,
    authorities: &Authorities,
    client_id: &str,
    now: SystemTime,
) -> Result<(), CertificateRefusal> {
    let own = || chain.split_first().ok_or(CertificateRefusal::Missing);
    match authentication {
        Authentication::Sas => Err(CertificateRefusal::NotForThis),
        Authentication::Absent => Err(CertificateRefusal::Absent),
        Authentication::SelfSigned { primary, secondary } => {
            let (own, _) = own()?;
            if [primary, secondary].into_iter().flatten().any(|thumbprint| thumbprint.fits(own)) {
                facts_at(own, now).map(drop)
            } else {
                Err(CertificateRefusal::Thumbprint)
            }
        }
        Authentication::CertificateAuthority => {
            let (own, issuers) = own()?;
            let facts = facts_at(own, now)?;
            if facts.common_name.as_deref() != Some(client_id) {
                return Err(CertificateRefusal::Name { expected: client_id.to_owned() });
            }
            verify(own, issuers, &authorities.all(), now).map_err(|error| match error {
                ChainError::Time => CertificateRefusal::Time,
                ChainError::Refused(reason) => CertificateRefusal::Chain(reason),
            })
        }
    }
}

/// What the certificate says, if it is valid at that time.
fn facts_at(own: &CertificateDer<'_>, now: SystemTime) -> Result<CertificateFacts, CertificateRefusal> {
    let facts = CertificateFacts::read(own).ok_or(CertificateRefusal::Unreadable)?;
    let now = unix_seconds(now);
    if now < facts.not_before || facts.not_after < now {
        return Err(CertificateRefusal::Time);
    }
    Ok(facts)
}
