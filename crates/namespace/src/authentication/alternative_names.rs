//! Where the authentication name of a client comes from that sends no user name (`alternativeAuthenticationNameSources`).

use crate::behaviours::CertificateSubject;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_net::certificate::{AlternativeNames, CertificateFacts, CertificateNames};

/// A field of the client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameSource {
    /// `ClientCertificateSubject`.
    Subject,
    /// `ClientCertificateDns`.
    Dns,
    /// `ClientCertificateUri`.
    Uri,
    /// `ClientCertificateIp`.
    Ip,
    /// `ClientCertificateEmail`.
    Email,
}

impl NameSource {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Subject, Self::Dns, Self::Uri, Self::Ip, Self::Email];

    /// As the service spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subject => "ClientCertificateSubject",
            Self::Dns => "ClientCertificateDns",
            Self::Uri => "ClientCertificateUri",
            Self::Ip => "ClientCertificateIp",
            Self::Email => "ClientCertificateEmail",
        }
    }

    /// The source that the service spells so.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// What the field of this certificate holds. A subject counts as its common name, as the whole, or as either.
    fn read(self, certificate: &[u8], subject: CertificateSubject) -> Vec<String> {
        let names = || AlternativeNames::read(certificate);
        match self {
            Self::Subject => {
                let common = CertificateFacts::read(certificate).and_then(|facts| facts.common_name);
                let whole = CertificateNames::read(certificate).map(|names| names.subject);
                let fields = match subject {
                    CertificateSubject::NameOrSubject => [common, whole],
                    CertificateSubject::Name => [common, None],
                    CertificateSubject::Subject => [whole, None],
                };
                fields.into_iter().flatten().filter(|name| !name.is_empty()).collect()
            }
            Self::Dns => names().dns,
            Self::Uri => names().uri,
            Self::Ip => names().ip.iter().map(ToString::to_string).collect(),
            Self::Email => names().email,
        }
    }
}

/// The names that the first of these fields holds which is not empty; none without a certificate.
pub fn names(sources: &[NameSource], chain: &ClientChain, subject: CertificateSubject) -> Vec<String> {
    let Some(own) = chain.own() else { return Vec::new() };
    let mut fields = sources.iter().map(|source| source.read(own, subject));
    fields.find(|names| !names.is_empty()).unwrap_or_default()
}
