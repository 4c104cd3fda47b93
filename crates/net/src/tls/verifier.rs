//! Judges the certificate that a server shows: one verifier for every connection.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore, SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use crate::excerpt::excerpt;

/// The longest name shown of a certificate, in characters.
const MAX_NAME: usize = 100;

/// How much of a server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Its chain, and its name by subjectAltName (RFC 9525).
    Full,
    /// The same, but where there is no subjectAltName, the common name counts, as it did before RFC 9525.
    CommonName,
    /// Its chain only: anybody whom the roots vouch for may answer.
    AnyName,
    /// Nothing: anybody may answer.
    Nothing,
}

/// The certificates that are trusted: those that sign others, and a server's own that is itself among them.
#[derive(Debug, Clone)]
pub struct Anchors {
    roots: RootCertStore,
    /// The SHA-256 digests of certificates that a server may show as its own.
    own: HashSet<[u8; 32]>,
}

impl Anchors {
    /// `roots`, and those of `certificates` that are fit to be roots.
    pub(super) fn new(mut roots: RootCertStore, certificates: Vec<CertificateDer<'static>>) -> Self {
        let own = certificates.iter().map(|der| Sha256::digest(der).into()).collect();
        roots.add_parsable_certificates(certificates);
        Self { roots, own }
    }

    /// These, and those of `certificates` that are fit to be roots.
    pub(super) fn with(&self, certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut whole = Self::new(self.roots.clone(), certificates);
        whole.own.extend(&self.own);
        whole
    }

    pub(super) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

/// What is wrong with a server's certificate beyond what rustls has words for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no name to compare with the host's.
    NoAlternativeName {
        /// What was dialled, as it would stand in subjectAltName.
        wanted: String,
        common_name: Option<String>,
    },
    /// It is of X.509 version 1, which has no extensions.
    Version1 { wanted: String },
    /// It is an authority's, and not itself trusted.
    Authority,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAlternativeName { wanted, common_name } => {
                f.write_str("the server's certificate has no subjectAltName")?;
                if let Some(name) = common_name {
                    write!(f, ", and its common name ({name}) does not count (RFC 9525)")?;
                }
                write!(f, "; create a certificate with subjectAltName={wanted}")
            }
            Self::Version1 { wanted } => write!(
                f,
                "the server's certificate is of X.509 version 1, which has no subjectAltName; make a certificate of \
                 version 3 with subjectAltName={wanted}"
            ),
            Self::Authority => {
                f.write_str("the server uses the certificate of an authority (CA:TRUE) as its own")
            }
        }
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// The fault behind an error of rustls, if it is one of these.
    pub(crate) fn of(error: &TlsError) -> Option<&Self> {
        match error {
            TlsError::InvalidCertificate(CertificateError::Other(OtherError(inner))) => inner.downcast_ref(),
            _ => None,
        }
    }
}

impl From<Fault> for TlsError {
    fn from(fault: Fault) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
    }
}

/// The verifier. That the server has the key of its certificate is always checked.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    anchors: Arc<Anchors>,
    verification: Verification,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerVerifier {
    pub(super) fn new(anchors: Arc<Anchors>, verification: Verification) -> Arc<Self> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Arc::new(Self { anchors, verification, algorithms })
    }

    fn check_chain(
        &self,
        own: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        issuers: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), TlsError> {
        let (roots, algorithms) = (&self.anchors.roots, self.algorithms.all);
        let Err(error) = verify_server_cert_signed_by_trust_anchor(parsed, roots, issuers, now, algorithms)
        else {
            return Ok(());
        };
        let own_is_trusted = || self.anchors.own.contains(&<[u8; 32]>::from(Sha256::digest(own)));
        match read(own) {
            // What `openssl req -x509` makes says that it is an authority's, which no chain may begin with.
            Some(certificate) if own_is_trusted() => check_itself(&certificate, now),
            Some(certificate) if certificate.is_ca() && is_unnamed(&error) => Err(Fault::Authority.into()),
            _ => Err(error),
        }
    }

    fn check_name(
        &self,
        own: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        name: &ServerName<'_>,
    ) -> Result<(), TlsError> {
        let Err(error) = verify_server_name(parsed, name) else { return Ok(()) };
        let certificate = read(own).filter(|certificate| !has_alternative_name(certificate));
        let Some(certificate) = certificate else { return Err(error) };
        let common_name = common_name(&certificate);
        let taken = self.verification == Verification::CommonName
            && common_name.is_some_and(|common_name| is_name_of(common_name, name));
        if taken {
            return Ok(());
        }
        let common_name = common_name.map(|name| excerpt(name, MAX_NAME));
        Err(Fault::NoAlternativeName { wanted: wanted(name), common_name }.into())
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if self.verification != Verification::Nothing {
            let parsed = ParsedCertificate::try_from(own).map_err(|error| match read(own) {
                Some(certificate) if certificate.version() == X509Version::V1 => {
                    Fault::Version1 { wanted: wanted(name) }.into()
                }
                _ => error,
            })?;
            self.check_chain(own, &parsed, issuers, now)?;
            if self.verification != Verification::AnyName {
                self.check_name(own, &parsed, name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
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

fn read<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// Judges a certificate that is trusted itself: its time (RFC 5280 §4.1.2.5) and its purpose (§4.2.1.12).
fn check_itself(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), TlsError> {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if certificate.validity().not_after.timestamp() < seconds {
        return Err(CertificateError::Expired.into());
    }
    if certificate.validity().not_before.timestamp() > seconds {
        return Err(CertificateError::NotValidYet.into());
    }
    match certificate.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.server_auth || usage.value.any => Ok(()),
        _ => Err(CertificateError::InvalidPurpose.into()),
    }
}

/// Whether rustls has no name of its own for an error, as for a chain that begins with an authority.
fn is_unnamed(error: &TlsError) -> bool {
    matches!(error, TlsError::InvalidCertificate(CertificateError::Other(_)))
}

fn has_alternative_name(certificate: &X509Certificate<'_>) -> bool {
    let names = certificate.subject_alternative_name();
    // One that cannot be read is not absent.
    names.map_or(true, |names| {
        names.is_some_and(|names| {
            let names = &names.value.general_names;
            names.iter().any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
        })
    })
}

/// The common name, if there is exactly one.
fn common_name<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a str> {
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?;
    names.next().is_none().then_some(name)
}

/// Whether a common name is a host's, or has `*` in place of its first label (RFC 6125 §6.4). Addresses have none.
fn is_name_of(common_name: &str, host: &ServerName<'_>) -> bool {
    let ServerName::DnsName(host) = host else { return false };
    let host = host.as_ref().trim_end_matches('.');
    let parent = host.split_once('.').map(|(_, parent)| parent).filter(|parent| parent.contains('.'));
    match common_name.strip_prefix("*.") {
        None => common_name.eq_ignore_ascii_case(host),
        Some(rest) => parent.is_some_and(|parent| rest.eq_ignore_ascii_case(parent)),
    }
}

/// A host as it stands in subjectAltName, in OpenSSL's words.
fn wanted(host: &ServerName<'_>) -> String {
    let host_text = host.to_str();
    match host {
        ServerName::IpAddress(_) => format!("IP:{host_text}"),
        _ => format!("DNS:{host_text}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
    };

    use super::*;

    fn make(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["h.net".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2050, 1, 1);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn authority(params: &mut CertificateParams) {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }

    fn named(params: &mut CertificateParams, common_name: &str) {
        params.subject_alt_names.clear();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
    }

    fn judge(
        trusted: &CertificateDer<'static>,
        shown: &CertificateDer<'static>,
        verification: Verification,
        host: &str,
        year: u64,
    ) -> Result<(), String> {
        let anchors = Anchors::new(RootCertStore::empty(), vec![trusted.clone()]);
        let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_556_952));
        let name = ServerName::try_from(host).unwrap();
        let verifier = ServerVerifier::new(Arc::new(anchors), verification);
        verifier
            .verify_server_cert(shown, &[], &name, &[], now)
            .map(drop)
            .map_err(|error| Fault::of(&error).map_or_else(|| format!("{error:?}"), ToString::to_string))
    }

    #[test]
    fn a_trusted_certificate_may_be_the_server_s_own() {
        let full = |own: &_, host, year| judge(own, own, Verification::Full, host, year);
        for own in [make(|_| {}), make(authority)] {
            assert_eq!(full(&own, "h.net", 2030), Ok(()));
            assert!(full(&own, "other.net", 2030).unwrap_err().contains("NotValidForName"));
            assert!(full(&own, "h.net", 2060).unwrap_err().contains("Expired"));
            assert!(full(&own, "h.net", 2010).unwrap_err().contains("NotValidYet"));
        }
        let for_clients = make(|params| {
            authority(params);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        assert!(full(&for_clients, "h.net", 2030).unwrap_err().contains("InvalidPurpose"));
    }

    #[test]
    fn another_is_not_taken() {
        let (trusted, other) = (make(authority), make(authority));
        for verification in [Verification::Full, Verification::CommonName, Verification::AnyName] {
            let refused = judge(&trusted, &other, verification, "h.net", 2030).unwrap_err();
            assert!(refused.contains("an authority (CA:TRUE)"), "{refused}");
        }
        assert!(judge(&trusted, &make(|_| {}), Verification::Full, "h.net", 2030).is_err());
        assert_eq!(judge(&trusted, &other, Verification::Nothing, "h.net", 2030), Ok(()));
    }

    #[test]
    fn a_common_name_counts_only_when_asked_for() {
        let own = make(|params| named(params, "h.net"));
        let refused = judge(&own, &own, Verification::Full, "h.net", 2030).unwrap_err();
        assert_eq!(
            refused,
            "the server's certificate has no subjectAltName, and its common name (h.net) does not count (RFC 9525); \
             create a certificate with subjectAltName=DNS:h.net"
        );
        assert!(
            judge(&own, &own, Verification::Full, "127.0.0.1", 2030).unwrap_err().ends_with("IP:127.0.0.1")
        );
        assert_eq!(judge(&own, &own, Verification::AnyName, "other.net", 2030), Ok(()));
        for (common_name, host, taken) in [
            ("h.net", "h.net", true),
            ("H.NET", "h.net", true),
            ("h.net", "other.net", false),
            ("*.h.net", "a.h.net", true),
            ("*.h.net", "a.b.h.net", false),
            ("*.h.net", "h.net", false),
            ("*.net", "h.net", false),
            ("*", "h", false),
            ("127.0.0.1", "127.0.0.1", false),
        ] {
            let own = make(|params| named(params, common_name));
            let judged = judge(&own, &own, Verification::CommonName, host, 2030);
            assert_eq!(judged.is_ok(), taken, "{common_name} {host} {judged:?}");
        }
        let both = make(|params| {
            named(params, "h.net");
            params.subject_alt_names = vec![SanType::DnsName("other.net".try_into().unwrap())];
        });
        assert!(judge(&both, &both, Verification::CommonName, "h.net", 2030).is_err());
        assert_eq!(judge(&both, &both, Verification::CommonName, "other.net", 2030), Ok(()));
    }
}
