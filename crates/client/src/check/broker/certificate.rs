//! What a client's certificate says, beside the name that it is to authenticate as.

use std::net::IpAddr;

use crate::check::report::Fact;
use azmqtt_net::ClientCertificate;
use azmqtt_net::certificate::{AlternativeNames, CertificateNames};
use azmqtt_net::excerpt::excerpt;

/// The longest text of a field that is shown, in characters.
const MAX_SHOWN: usize = 300;

/// The fields that Event Grid may compare with an authentication name.
#[derive(Debug)]
pub(super) struct Fields {
    subject: String,
    issuer: String,
    common_name: Option<String>,
    names: AlternativeNames,
    thumbprint: String,
}

impl Fields {
    pub(super) fn read(certificate: &ClientCertificate) -> Self {
        let names = CertificateNames::read(certificate.der());
        let (subject, issuer) = names.map(|names| (names.subject, names.issuer)).unwrap_or_default();
        Self {
            subject,
            issuer,
            common_name: certificate.common_name().map(str::to_owned),
            names: AlternativeNames::read(certificate.der()),
            thumbprint: certificate.thumbprint(),
        }
    }

    /// What it says, and which validation schemes of a client resource would match `name`.
    pub(super) fn facts(&self, name: Option<&str>) -> Vec<Fact> {
        let short = |text: &str| excerpt(text, MAX_SHOWN);
        let list = |list: &[String]| (!list.is_empty()).then(|| short(&list.join(", ")));
        let addresses: Vec<_> = self.names.ip.iter().map(ToString::to_string).collect();
        let some = |text: &str| (!text.is_empty()).then(|| short(text));
        [
            ("subject", some(&self.subject)),
            ("issuer", some(&self.issuer)),
            ("DNS", list(&self.names.dns)),
            ("URI", list(&self.names.uri)),
            ("IP", list(&addresses)),
            ("e-mail", list(&self.names.email)),
            ("thumbprint", Some(self.thumbprint.clone())),
            ("validation", name.map(|name| self.validation(name))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    fn validation(&self, name: &str) -> String {
        let schemes = self.schemes(name);
        let by_name = if schemes.is_empty() {
            "no field is it".to_owned()
        } else {
            format!("{} match", schemes.join(", "))
        };
        format!("for {}: {by_name}; ThumbprintMatch with this thumbprint", excerpt(name, MAX_SHOWN))
    }

    /// The schemes whose field of the certificate is the authentication name, ignoring case. A subject counts as a whole
    /// or by its common name.
    fn schemes(&self, name: &str) -> Vec<&'static str> {
        let is_name = |field: &String| field.to_lowercase() == name.to_lowercase();
        let address = name.parse::<IpAddr>();
        let subject = self.common_name.as_ref().is_some_and(is_name) || is_same_subject(&self.subject, name);
        [
            ("SubjectMatchesAuthenticationName", subject),
            ("DnsMatchesAuthenticationName", self.names.dns.iter().any(is_name)),
            ("UriMatchesAuthenticationName", self.names.uri.iter().any(is_name)),
            ("IpMatchesAuthenticationName", address.is_ok_and(|address| self.names.ip.contains(&address))),
            ("EmailMatchesAuthenticationName", self.names.email.iter().any(is_name)),
        ]
        .into_iter()
        .filter_map(|(scheme, matches)| matches.then_some(scheme))
        .collect()
    }

    /// What an Event Grid namespace may not like.
    pub(super) fn doubts(&self, name: Option<&str>) -> Option<String> {
        match name {
            None => Some(
                "without --username the namespace takes the name from the certificate only if it has alternative \
                 authentication name sources"
                    .to_owned(),
            ),
            Some(name) if self.schemes(name).is_empty() => Some(format!(
                "no field of the certificate is {}: only a client with ThumbprintMatch and this certificate's thumbprint \
                 is let in so",
                excerpt(name, MAX_SHOWN)
            )),
            Some(_) => None,
        }
    }
}

/// Whether two subjects have the same parts in the same order, or in the reverse one, in which RFC 4514 writes them.
fn is_same_subject(one: &str, other: &str) -> bool {
    let parts = |text: &str| -> Vec<String> {
        text.split(',').map(|part| part.trim().replace(" = ", "=").to_lowercase()).collect()
    };
    let (one, mut other) = (parts(one), parts(other));
    if one == other {
        return true;
    }
    other.reverse();
    one == other
}

#[cfg(test)]
mod tests {
    use rcgen::{DnType, SanType};

    use super::*;

    fn fields() -> Fields {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "dev1");
        params.distinguished_name.push(DnType::OrganizationName, "Contoso");
        params.subject_alt_names = vec![
            SanType::DnsName("dev1.contoso.com".try_into().unwrap()),
            SanType::URI("urn:dev1".try_into().unwrap()),
            SanType::Rfc822Name("dev1@contoso.com".try_into().unwrap()),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
        ];
        let pem = params.self_signed(&key).unwrap().pem();
        let key = key.serialize_pem();
        Fields::read(&ClientCertificate::from_pem(pem.as_bytes(), Some(key.as_bytes()), None, 1).unwrap())
    }

    #[test]
    fn each_scheme_has_its_field() {
        let fields = fields();
        for (name, expected) in [
            ("DEV1", "SubjectMatchesAuthenticationName"),
            ("CN=dev1, O=Contoso", "SubjectMatchesAuthenticationName"),
            ("o=contoso,cn=dev1", "SubjectMatchesAuthenticationName"),
            ("dev1.contoso.com", "DnsMatchesAuthenticationName"),
            ("urn:dev1", "UriMatchesAuthenticationName"),
            ("10.0.0.1", "IpMatchesAuthenticationName"),
            ("dev1@contoso.com", "EmailMatchesAuthenticationName"),
        ] {
            assert_eq!(fields.schemes(name), [expected], "{name}");
            assert_eq!(fields.doubts(Some(name)), None);
        }
        assert!(fields.doubts(Some("dev2")).unwrap().contains("ThumbprintMatch"));
        assert!(fields.doubts(None).unwrap().contains("--username"));
        assert!(fields.schemes("").is_empty());
    }

    #[test]
    fn fields_are_shown() {
        let facts = fields().facts(Some("dev1"));
        let names: Vec<_> = facts.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["subject", "issuer", "DNS", "URI", "IP", "e-mail", "thumbprint", "validation"]);
        assert!(facts[7].1.contains("SubjectMatchesAuthenticationName match"), "{facts:?}");
        assert!(fields().facts(Some("x"))[7].1.contains("no field is it"));
    }
}
