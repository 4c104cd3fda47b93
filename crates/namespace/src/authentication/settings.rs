//! How clients may show who they are besides a user name and a certificate (`clientAuthentication`).

use super::alternative_names::NameSource;
use super::custom_jwt::CustomJwt;
use super::webhook::Webhook;

/// The ways that an owner can add. Tokens of Entra ID are always taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientAuthentication {
    /// Where the name of a client comes from that sends no user name, in this order; none: from its client identifier.
    pub alternative_names: Vec<NameSource>,
    /// An issuer whose tokens are taken.
    pub custom_jwt: Option<CustomJwt>,
    /// A web service that is asked about clients.
    pub webhook: Option<Webhook>,
    /// Names of the namespace besides its hostname, for which tokens may be (`customDomains`).
    pub custom_domains: Vec<String>,
}
