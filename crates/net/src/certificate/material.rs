//! What a file or text holds that people call a certificate or a key: PEM with any of the labels in use, or DER.

use std::fmt;

use x509_parser::asn1_rs::{Any, Class, FromDer, Oid, Sequence, Tag};
use x509_parser::prelude::X509Certificate;
use zeroize::Zeroizing;

use super::pem::{self, Section};

/// The labels of a certificate (RFC 7468 §5.1 and Appendix A). OpenSSL appends to the last what the certificate is
/// trusted for.
const CERTIFICATES: [&str; 3] = [pem::CERTIFICATE, "X509 CERTIFICATE", TRUSTED];
const TRUSTED: &str = "TRUSTED CERTIFICATE";
/// Labels of bundles, whose certificates would be passed over (RFC 7468 §8, §9).
const BUNDLES: [&str; 3] = ["PKCS7", "PKCS #7 SIGNED DATA", "CMS"];

/// A private key that is encrypted (RFC 5958 §3).
pub const ENCRYPTED_KEY: &str = "ENCRYPTED PRIVATE KEY";
const PKCS8_KEY: &str = "PRIVATE KEY";
const PKCS1_KEY: &str = "RSA PRIVATE KEY";
const SEC1_KEY: &str = "EC PRIVATE KEY";

/// Certificates and keys in the order of the file.
#[derive(Debug, Default)]
pub struct Material {
    /// The certificates.
    pub certificates: Vec<Certificate>,
    /// Private keys, by the label that their form has in PEM.
    pub keys: Vec<Section>,
    /// The labels of what else there is, such as parameters and certificate requests.
    pub others: Vec<String>,
}

/// A certificate of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate alone.
    pub der: Vec<u8>,
    /// Whether the file trusts it for TLS servers: only a `TRUSTED CERTIFICATE` can say no.
    pub for_servers: bool,
}

/// Why a file's certificates and keys cannot be read. Shows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaterialError {
    /// The n-th section of PEM text, from 1, cannot be read.
    Damaged(usize),
    /// It is a bundle in PKCS #7, or CMS.
    Pkcs7,
    /// It is a bundle in PKCS #12.
    Pkcs12,
    /// There is neither a PEM section nor DER.
    Nothing {
        /// It looks like the base64 of a section, without what surrounds it.
        base64: bool,
    },
}

impl fmt::Display for MaterialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged(position) => {
                return write!(f, "section {position} in it is damaged or cut off");
            }
            Self::Pkcs7 => {
                "this is PKCS #7 (.p7b); convert it: openssl pkcs7 -print_certs -in FILE -out FILE.pem (with -inform \
                 der if FILE is binary)"
            }
            Self::Pkcs12 => {
                "this is PKCS #12 (.pfx, .p12); convert it: openssl pkcs12 -in FILE -out FILE.pem -nodes"
            }
            Self::Nothing { base64: false } => "it contains neither PEM text (-----BEGIN …) nor DER",
            Self::Nothing { base64: true } => {
                "this is base64 without PEM lines; add the lines -----BEGIN …----- and -----END …-----, or decode it"
            }
        })
    }
}

impl std::error::Error for MaterialError {}

/// Reads PEM text, see [`pem::read`], or DER: certificates one after the other, or one private key.
pub fn read(bytes: &[u8]) -> Result<Material, MaterialError> {
    let sections = match bytes {
        // A SEQUENCE of more than 31 bytes, as all of these are; in text, a "0" before a control character.
        [0x30, 0x20..=0x7f | 0x81..=0x84, ..] if !looks_like_text(bytes) => from_der(bytes)?,
        _ => pem::read(bytes).map_err(|error| MaterialError::Damaged(error.position))?,
    };
    if sections.is_empty() {
        return Err(MaterialError::Nothing { base64: is_base64_of_der(bytes) });
    }
    let mut material = Material::default();
    for (place, section) in sections.into_iter().enumerate() {
        let label = section.label.as_str();
        if CERTIFICATES.contains(&label) {
            material.certificates.push(certificate(&section, place + 1)?);
        } else if BUNDLES.contains(&label) {
            return Err(MaterialError::Pkcs7);
        } else if [PKCS8_KEY, PKCS1_KEY, SEC1_KEY, ENCRYPTED_KEY].contains(&label) {
            material.keys.push(section);
        } else {
            material.others.push(section.label);
        }
    }
    Ok(material)
}

fn looks_like_text(bytes: &[u8]) -> bool {
    bytes.iter().take(64).all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
}

fn certificate(section: &Section, place: usize) -> Result<Certificate, MaterialError> {
    if section.label != TRUSTED {
        return Ok(Certificate { der: section.der.to_vec(), for_servers: true });
    }
    let (trust, _) = Any::from_der(&section.der).map_err(|_| MaterialError::Damaged(place))?;
    let (der, _) = section.der.split_at(section.der.len() - trust.len());
    let for_servers = trust.is_empty() || serves(trust).ok_or(MaterialError::Damaged(place))?;
    Ok(Certificate { der: der.to_vec(), for_servers })
}

/// Reads OpenSSL's `X509_CERT_AUX`: the purposes that a certificate is trusted for, if they are named, and in `[0]` those
/// that it is not trusted for (openssl-x509, "Trust settings").
fn serves(trust: &[u8]) -> Option<bool> {
    let (_, fields) = Sequence::from_der(trust).ok()?;
    let (mut trusted, mut rejected) = (true, false);
    let mut rest: &[u8] = &fields.content;
    while !rest.is_empty() {
        let (after, field) = Any::from_der(rest).ok()?;
        rest = after;
        match (field.class(), field.tag()) {
            (Class::Universal, Tag::Sequence) => trusted = names_servers(field.data)?,
            (Class::ContextSpecific, Tag(0)) => rejected = names_servers(field.data)?,
            _ => {}
        }
    }
    Some(trusted && !rejected)
}

/// Whether a list of purposes has that of TLS servers, or any (RFC 5280 §4.2.1.12).
fn names_servers(mut purposes: &[u8]) -> Option<bool> {
    let mut found = false;
    while !purposes.is_empty() {
        let (rest, purpose) = Oid::from_der(purposes).ok()?;
        purposes = rest;
        found |= ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"].contains(&purpose.to_id_string().as_str());
    }
    Some(found)
}

/// Certificates, or one key, as the sections that they would be in PEM.
fn from_der(bytes: &[u8]) -> Result<Vec<Section>, MaterialError> {
    if X509Certificate::from_der(bytes).is_ok() {
        return certificates(bytes);
    }
    let label = match shape(bytes).as_slice() {
        [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => PKCS8_KEY,
        [Tag::Integer, Tag::Integer, ..] => PKCS1_KEY,
        [Tag::Integer, Tag::OctetString, ..] => SEC1_KEY,
        [Tag::Sequence, Tag::OctetString] => ENCRYPTED_KEY,
        [Tag::Integer, Tag::Sequence, ..] => return Err(MaterialError::Pkcs12),
        [Tag::Oid, ..] => return Err(MaterialError::Pkcs7),
        _ => return Err(MaterialError::Nothing { base64: false }),
    };
    Ok(vec![section(label, bytes)])
}

fn certificates(mut bytes: &[u8]) -> Result<Vec<Section>, MaterialError> {
    let mut sections = Vec::new();
    while !bytes.trim_ascii().is_empty() {
        let read = X509Certificate::from_der(bytes);
        let (rest, _) = read.map_err(|_| MaterialError::Damaged(sections.len() + 1))?;
        sections.push(section(pem::CERTIFICATE, &bytes[..bytes.len() - rest.len()]));
        bytes = rest;
    }
    Ok(sections)
}

fn section(label: &str, der: &[u8]) -> Section {
    Section { label: label.to_owned(), legacy_encrypted: false, der: Zeroizing::new(der.to_vec()) }
}

/// The tags of the members of a SEQUENCE; none if it is damaged or has more behind it.
fn shape(bytes: &[u8]) -> Vec<Tag> {
    let mut tags = Vec::new();
    let Ok((rest, sequence)) = Sequence::from_der(bytes) else { return tags };
    let mut members: &[u8] = &sequence.content;
    while rest.trim_ascii().is_empty() && !members.is_empty() {
        let Ok((after, member)) = Any::from_der(members) else { return Vec::new() };
        tags.push(member.tag());
        members = after;
    }
    tags
}

/// `MI`, `MC` and `MH` are the base64 of how a SEQUENCE of some length begins.
fn is_base64_of_der(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii();
    let alphabet =
        |byte: &u8| matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n') || byte.is_ascii_alphanumeric();
    bytes.len() > 60 && bytes.starts_with(b"M") && bytes.iter().all(alphabet)
}

#[cfg(test)]
mod tests {
    use pkcs8::der::asn1::OctetStringRef;
    use pkcs8::der::{Encode, oid::ObjectIdentifier};
    use proptest::prelude::*;

    use super::*;

    struct Pair {
        certificate: Vec<u8>,
        key: Vec<u8>,
    }

    fn pair() -> Pair {
        let key = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new(vec!["a".into()]).unwrap().self_signed(&key).unwrap();
        Pair { certificate: made.der().to_vec(), key: key.serialize_der() }
    }

    /// SEQUENCE or `[n]` around content of less than 128 bytes.
    fn element(tag: u8, content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    }

    fn oid(text: &str) -> Vec<u8> {
        ObjectIdentifier::new_unwrap(text).to_der().unwrap()
    }

    #[test]
    fn every_label_of_a_certificate() {
        let Pair { certificate, .. } = pair();
        let text: String = CERTIFICATES.iter().map(|label| pem::write(label, &certificate)).collect();
        let expected = Certificate { der: certificate, for_servers: true };
        assert_eq!(
            read(text.as_bytes()).unwrap().certificates,
            [expected.clone(), expected.clone(), expected]
        );
    }

    #[test]
    fn trust_settings_count() {
        let Pair { certificate, .. } = pair();
        let (server, mail, any) = (oid("1.3.6.1.5.5.7.3.1"), oid("1.3.6.1.5.5.7.3.4"), oid("2.5.29.37.0"));
        let name = element(0x0c, &[b"a name"]);
        for (trust, for_servers) in [
            (element(0x30, &[]), true),
            (element(0x30, &[&name]), true),
            (element(0x30, &[&element(0x30, &[&server, &mail])]), true),
            (element(0x30, &[&element(0x30, &[&any]), &name]), true),
            (element(0x30, &[&element(0x30, &[&mail])]), false),
            (element(0x30, &[&element(0xa0, &[&server])]), false),
            (element(0x30, &[&element(0xa0, &[&mail])]), true),
            (element(0x30, &[&element(0x30, &[&server]), &element(0xa0, &[&server])]), false),
        ] {
            let text = pem::write(TRUSTED, &[certificate.clone(), trust.clone()].concat());
            let expected = Certificate { der: certificate.clone(), for_servers };
            assert_eq!(read(text.as_bytes()).unwrap().certificates, [expected], "{trust:x?}");
        }
        let torn = pem::write(TRUSTED, &[certificate, vec![0x30, 0x20]].concat());
        assert_eq!(read(torn.as_bytes()).unwrap_err(), MaterialError::Damaged(1));
    }

    #[test]
    fn der_of_every_kind() {
        let (one, other) = (pair(), pair());
        let both = [one.certificate.clone(), other.certificate.clone()].concat();
        let found: Vec<_> = read(&both).unwrap().certificates.into_iter().map(|found| found.der).collect();
        assert_eq!(found, [one.certificate.clone(), other.certificate]);
        let cut = &both[..both.len() - 1];
        assert_eq!(read(cut).unwrap_err(), MaterialError::Damaged(2));
        let octets = OctetStringRef::new(&[7; 32]).unwrap().to_der().unwrap();
        let scheme = element(0x30, &[&oid("1.2.840.113549.1.5.13")]);
        for (label, der) in [
            (PKCS8_KEY, one.key),
            (PKCS1_KEY, element(0x30, &[&[2, 1, 0], &[2, 1, 3], &octets])),
            (SEC1_KEY, element(0x30, &[&[2, 1, 1], &octets])),
            (ENCRYPTED_KEY, element(0x30, &[&scheme, &octets])),
        ] {
            let keys = read(&der).unwrap().keys;
            assert_eq!((keys[0].label.as_str(), &keys[0].der[..]), (label, &der[..]));
        }
    }

    #[test]
    fn what_else_people_have_is_named() {
        let refused = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        let pkcs7 =
            element(0x30, &[&oid("1.2.840.113549.1.7.2"), &element(0xa0, &[&[0x30, 0]]), &[4, 30], &[0; 30]]);
        assert!(refused(&pkcs7).starts_with("this is PKCS #7"));
        assert!(refused(pem::write("PKCS7", &pkcs7).as_bytes()).starts_with("this is PKCS #7"));
        let pkcs12 = element(0x30, &[&[2, 1, 3], &element(0x30, &[&pkcs7])]);
        assert!(refused(&pkcs12).starts_with("this is PKCS #12"));
        let bare = pem::write("A", &pair().certificate);
        let bare: Vec<_> = bare.lines().filter(|line| !line.contains('-')).collect();
        assert!(refused(bare.join("\n").as_bytes()).starts_with("this is base64 without PEM lines"));
        for nothing in [&b""[..], b"rubbish", b"0 is a number", &[0x30, 0x82], &[0x30, 0x82, 0xff, 0xff, 1]] {
            assert_eq!(read(nothing).unwrap_err(), MaterialError::Nothing { base64: false }, "{nothing:?}");
        }
        let request = pem::write("CERTIFICATE REQUEST", &[0]);
        assert_eq!(read(request.as_bytes()).unwrap().others, ["CERTIFICATE REQUEST"]);
    }

    proptest! {
        #[test]
        fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0_usize..300, byte in any::<u8>()) {
            let _ = read(&bytes);
            let _ = read(&[&[0x30, 0x20], &bytes[..]].concat());
            let _ = read(pem::write(TRUSTED, &bytes).as_bytes());
            let mut changed = pair().certificate;
            let at = at % changed.len();
            changed[at] = byte;
            let _ = read(&changed);
        }
    }
}
