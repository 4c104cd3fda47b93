//! Client certificates of X.509 version 1, which have no extensions. `openssl x509 -req` writes them when it is given no
//! extension file, as Microsoft's own test suites do, and the service takes them; webpki, which judges every other
//! certificate here, reads no version but 3.
//!
//! Only a client's own certificate may be of version 1, or an authority that the application registered. Whatever is in
//! between must be a certificate authority by its extensions, as in RFC 5280 §6.1. Signatures are checked with the
//! algorithms that rustls uses for all others.

use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer,
};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error};
use x509_parser::asn1_rs::{Any, Sequence};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate, X509Version};

/// Certificates between the client's own and an authority's.
const MAX_BETWEEN: usize = 6;

/// Signatures that are checked for one client; no honest chain needs as many.
const MAX_CHECKS: usize = 32;

/// Whether webpki would refuse the certificate for its version alone.
pub(crate) fn is_version_1(der: &[u8]) -> bool {
    read(der).is_some_and(|certificate| certificate.version() == X509Version::V1)
}

/// Whether the key of the certificate made a signature of TLS 1.3.
pub(crate) fn verify_tls13(
    message: &[u8],
    der: &[u8],
    signed: &DigitallySignedStruct,
    supported: &WebPkiSupportedAlgorithms,
) -> Result<(), Error> {
    let certificate = read(der).ok_or(CertificateError::BadEncoding)?;
    let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
    verify_tls13_signature_with_raw_key(message, &key, signed, supported).map(drop)
}

/// Whether the key of the certificate made a signature of TLS 1.2, whose schemes may stand for several algorithms.
pub(crate) fn verify_tls12(
    message: &[u8],
    der: &[u8],
    signed: &DigitallySignedStruct,
    supported: &WebPkiSupportedAlgorithms,
) -> Result<(), Error> {
    let certificate = read(der).ok_or(CertificateError::BadEncoding)?;
    let scheme = supported.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
    let (_, algorithms) = scheme.ok_or(CertificateError::BadSignature)?;
    let key = PublicKey::of(&certificate).ok_or(CertificateError::BadEncoding)?;
    let made = algorithms.iter().any(|algorithm| key.made(*algorithm, message, signed.signature()));
    if made { Ok(()) } else { Err(CertificateError::BadSignature.into()) }
}

/// Whether a certificate of version 1 leads to one of the authorities by way of `between`; the reason if not. Its time is
/// judged by the caller.
pub(crate) fn verify_chain(
    own: &CertificateDer<'_>,
    between: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
    now: i64,
    supported: &WebPkiSupportedAlgorithms,
) -> Result<(), &'static str> {
    let own = read(own).ok_or("it cannot be read")?;
    let between = between.iter().take(MAX_BETWEEN).filter_map(|der| read(der)).collect();
    let authorities = authorities.iter().filter_map(|der| read(der)).collect();
    let now = ASN1Time::from_timestamp(now).map_err(|_| "the time cannot be told")?;
    Path { between, authorities, now, supported, checks: 0 }.leads_from(&own, 0, 0)
}

struct Path<'a> {
    between: Vec<X509Certificate<'a>>,
    authorities: Vec<X509Certificate<'a>>,
    now: ASN1Time,
    supported: &'a WebPkiSupportedAlgorithms,
    /// Signatures that were checked.
    checks: usize,
}

impl Path<'_> {
    /// Whether `child` leads to an authority. `below` is how many certificates of authorities it has below it, itself
    /// included if it is one; `used` has a bit for each of `between` that is part of the path.
    fn leads_from(
        &mut self,
        child: &X509Certificate<'_>,
        below: usize,
        used: u32,
    ) -> Result<(), &'static str> {
        for at in 0..self.authorities.len() {
            let authority = &self.authorities[at];
            // A registered authority is trusted for as long as it is registered; one of version 1 says nothing more.
            let may = authority.version() == X509Version::V1 || may_sign(authority, below);
            if may && authority.subject() == child.issuer() && self.has_signed(Place::Authority(at), child)? {
                return Ok(());
            }
        }
        for at in 0..self.between.len() {
            let candidate = &self.between[at];
            let fits = used & 1 << at == 0
                && candidate.subject() == child.issuer()
                && candidate.validity().is_valid_at(self.now)
                && may_sign(candidate, below);
            if fits && self.has_signed(Place::Between(at), child)? {
                let next = self.between[at].clone();
                if self.leads_from(&next, below + 1, used | 1 << at).is_ok() {
                    return Ok(());
                }
            }
        }
        Err("no authority of this hub, and no certificate authority in the chain, has signed it")
    }

    fn has_signed(&mut self, place: Place, child: &X509Certificate<'_>) -> Result<bool, &'static str> {
        if self.checks == MAX_CHECKS {
            return Err("the chain has too many signatures to check");
        }
        self.checks += 1;
        let issuer = match place {
            Place::Authority(at) => &self.authorities[at],
            Place::Between(at) => &self.between[at],
        };
        Ok(has_signed(issuer, child, self.supported).unwrap_or(false))
    }
}

#[derive(Clone, Copy)]
enum Place {
    Authority(usize),
    Between(usize),
}

/// Whether a certificate is that of an authority for clients, with `below` others beneath it (RFC 5280 §4.2.1.9,
/// §4.2.1.3, §4.2.1.12). An extension that is not looked at here, name constraints among them, must not be critical.
fn may_sign(certificate: &X509Certificate<'_>, below: usize) -> bool {
    if certificate.version() != X509Version::V3 {
        return false;
    }
    let mut is_ca = false;
    for extension in certificate.extensions() {
        let allows = match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(constraints) => {
                is_ca = constraints.ca;
                let most = constraints.path_len_constraint;
                constraints.ca
                    && most.is_none_or(|most| usize::try_from(most).is_ok_and(|most| below <= most))
            }
            ParsedExtension::KeyUsage(usage) => usage.key_cert_sign(),
            ParsedExtension::ExtendedKeyUsage(usage) => usage.any || usage.client_auth,
            // These bind whether or not they are marked as critical.
            ParsedExtension::NameConstraints(_) | ParsedExtension::ParseError { .. } => false,
            _ => !extension.critical,
        };
        if !allows {
            return false;
        }
    }
    is_ca
}

/// Whether the issuer's key made the signature; `None` if something cannot be read.
fn has_signed(
    issuer: &X509Certificate<'_>,
    child: &X509Certificate<'_>,
    supported: &WebPkiSupportedAlgorithms,
) -> Option<bool> {
    // What is signed must say the same as what is not (RFC 5280 §4.1.1.2).
    if child.tbs_certificate.signature != child.signature_algorithm {
        return Some(false);
    }
    let signature_algorithm = signature_algorithm(child.as_raw())?;
    let key = PublicKey::of(issuer)?;
    let message = child.tbs_certificate.as_ref();
    let mut algorithms =
        supported.all.iter().filter(|algorithm| algorithm.signature_alg_id().as_ref() == signature_algorithm);
    Some(algorithms.any(|algorithm| key.made(*algorithm, message, &child.signature_value.data)))
}

struct PublicKey<'a> {
    /// The content of the `AlgorithmIdentifier`, as rustls compares it.
    algorithm: &'a [u8],
    bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    fn of(certificate: &'a X509Certificate<'a>) -> Option<Self> {
        let key = certificate.public_key();
        let (_, whole) = Any::from_der(key.raw).ok()?;
        let (_, algorithm) = Any::from_der(whole.data).ok()?;
        Some(Self { algorithm: algorithm.data, bits: &key.subject_public_key.data })
    }

    fn made(&self, algorithm: &dyn SignatureVerificationAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        algorithm.public_key_alg_id().as_ref() == self.algorithm
            && algorithm.verify_signature(self.bits, message, signature).is_ok()
    }
}

/// The content of a certificate's outer `AlgorithmIdentifier`.
fn signature_algorithm(der: &[u8]) -> Option<&[u8]> {
    let (_, certificate) = Sequence::from_der(der).ok()?;
    let std::borrow::Cow::Borrowed(content) = certificate.content else { return None };
    let (rest, _signed) = Any::from_der(content).ok()?;
    let (_, algorithm) = Any::from_der(rest).ok()?;
    Some(algorithm.data)
}

fn read(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, read)| read)
}
