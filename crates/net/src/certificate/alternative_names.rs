//! The names in a certificate's subjectAltName (RFC 5280 §4.2.1.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::excerpt::excerpt;

/// Names that are read; a certificate for a whole content network has some hundreds.
const MAX_NAMES: usize = 500;
/// The longest name, in characters.
const MAX_LENGTH: usize = 500;

/// Whom a certificate is of, by kind of name, each kind in its order. No signature is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    /// Names of hosts, the first label may be `*`.
    pub dns: Vec<String>,
    /// URIs.
    pub uri: Vec<String>,
    /// Addresses.
    pub ip: Vec<IpAddr>,
    /// E-mail addresses.
    pub email: Vec<String>,
}

impl AlternativeNames {
    /// Reads a certificate in DER; empty if it has none, or is none.
    pub fn read(der: &[u8]) -> Self {
        let mut names = Self::default();
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return names };
        let Ok(Some(found)) = certificate.subject_alternative_name() else { return names };
        let short = |name: &str| excerpt(name, MAX_LENGTH);
        for name in found.value.general_names.iter().take(MAX_NAMES) {
            match name {
                GeneralName::DNSName(name) => names.dns.push(short(name)),
                GeneralName::URI(name) => names.uri.push(short(name)),
                GeneralName::RFC822Name(name) => names.email.push(short(name)),
                GeneralName::IPAddress(bytes) => names.ip.extend(address(bytes)),
                _ => {}
            }
        }
        names
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::SanType;

    use super::*;

    #[test]
    fn names_by_kind() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.subject_alt_names = vec![
            SanType::DnsName("dev1.contoso.com".try_into().unwrap()),
            SanType::URI("urn:dev1".try_into().unwrap()),
            SanType::Rfc822Name("dev1@contoso.com".try_into().unwrap()),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
            SanType::IpAddress("::1".parse().unwrap()),
            SanType::DnsName("*.contoso.com".try_into().unwrap()),
        ];
        let names = AlternativeNames::read(params.self_signed(&key).unwrap().der());
        assert_eq!(names.dns, ["dev1.contoso.com", "*.contoso.com"]);
        assert_eq!((names.uri[0].as_str(), names.email[0].as_str()), ("urn:dev1", "dev1@contoso.com"));
        assert_eq!(names.ip, ["10.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
    }

    proptest! {
        #[test]
        fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(AlternativeNames::read(&bytes), AlternativeNames::default());
        }
    }
}
