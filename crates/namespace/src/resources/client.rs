//! A client that the namespace knows by name.

use std::sync::Arc;

use crate::attributes::Attributes;
use crate::names::{AuthenticationName, ClientName};
use crate::principal::Principal;
use crate::resources::Thumbprint;

/// A client resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name as a resource.
    pub name: ClientName,
    /// For people.
    pub description: String,
    /// Whom groups and templates see. Its name never changes.
    pub principal: Arc<Principal>,
    /// How it shows who it is.
    pub certificate: CertificateRule,
    /// Whether it may connect.
    pub is_enabled: bool,
}

impl Client {
    /// An enabled client whose authentication name is that of the resource, shown by its certificate's subject.
    pub fn new(name: ClientName) -> Self {
        let principal =
            Principal { name: AuthenticationName::from(&name), attributes: Attributes::default() };
        Self {
            name,
            description: String::new(),
            principal: Arc::new(principal),
            certificate: CertificateRule::Subject,
            is_enabled: true,
        }
    }

    /// The same with these attributes.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.principal = Arc::new(Principal { name: self.principal.name.clone(), attributes });
        self
    }

    /// The same with this authentication name.
    #[must_use]
    pub fn with_authentication_name(mut self, name: AuthenticationName) -> Self {
        self.principal = Arc::new(Principal { name, attributes: self.principal.attributes.clone() });
        self
    }

    /// The same, shown by this.
    #[must_use]
    pub fn with_certificate(mut self, certificate: CertificateRule) -> Self {
        self.certificate = certificate;
        self
    }
}

/// What of a client certificate shows who the client is (`clientCertificateAuthentication.validationScheme`). But for
/// thumbprints the certificate must lead to a CA certificate of the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateRule {
    /// `SubjectMatchesAuthenticationName`.
    Subject,
    /// `DnsMatchesAuthenticationName`.
    Dns,
    /// `UriMatchesAuthenticationName`.
    Uri,
    /// `IpMatchesAuthenticationName`.
    Ip,
    /// `EmailMatchesAuthenticationName`.
    Email,
    /// `ThumbprintMatch`: one or two, and whoever signed the certificate.
    Thumbprint(Vec<Thumbprint>),
}

impl CertificateRule {
    /// As the service spells it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Subject => "SubjectMatchesAuthenticationName",
            Self::Dns => "DnsMatchesAuthenticationName",
            Self::Uri => "UriMatchesAuthenticationName",
            Self::Ip => "IpMatchesAuthenticationName",
            Self::Email => "EmailMatchesAuthenticationName",
            Self::Thumbprint(_) => "ThumbprintMatch",
        }
    }
}
