//! Who may connect: what a client shows in its TLS handshake and in CONNECT, and whether it is a client of the namespace.
//!
//! A client that is refused hears the same, whatever was wrong: nobody learns which clients there are.

mod authorities;
mod certificate;

use std::time::{Duration, SystemTime};

use azmqtt_mqtt::{Connect, ReasonCode};

use crate::behaviours::{Behaviours, RefusedClient};
use crate::broker::{Identity, Refusal};
use crate::names::AuthenticationName;
use crate::resources::Directory;
use azmqtt_local::client_certificates::ClientChain;

pub use authorities::Authorities;

/// A client that has shown who it is.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who.
    pub identity: Identity,
    /// For how long that holds.
    pub valid_for: Duration,
}

/// What clients are judged by.
pub struct Judge<'a> {
    /// The clients of the namespace.
    pub directory: &'a Directory,
    /// Whose signatures on certificates are taken.
    pub authorities: &'a Authorities,
    /// What is done where the service is unknown.
    pub behaviours: &'a Behaviours,
}

impl Judge<'_> {
    /// Judges a CONNECT by the certificate that the client showed.
    pub fn admit(
        &self,
        connect: &Connect,
        chain: &ClientChain,
        now: SystemTime,
    ) -> Result<Admitted, Refusal> {
        let code = match self.behaviours.refused_client {
            RefusedClient::NotAuthorized => ReasonCode::NotAuthorized,
            RefusedClient::BadUserNameOrPassword => ReasonCode::BadUserNameOrPassword,
        };
        self.by_certificate(connect, chain, now).map_err(|reason| Refusal::new(code, reason))
    }

    fn by_certificate(
        &self,
        connect: &Connect,
        chain: &ClientChain,
        now: SystemTime,
    ) -> Result<Admitted, String> {
        if connect.properties.authentication_method().is_some() {
            return Err("the namespace is not configured for an authentication method".to_owned());
        }
        // A client with one session need not say its name twice.
        let name = connect.username.as_deref().filter(|name| !name.is_empty()).unwrap_or(&connect.client_id);
        let excerpt = name.chars().take(128).collect::<String>();
        let name = AuthenticationName::parse(name).map_err(|error| error.to_string())?;
        let Some(client) = self.directory.client_of(&name) else {
            return Err(format!("there is no client with the authentication name {excerpt:?}"));
        };
        if !client.is_enabled {
            return Err(format!("the client {} is disabled", client.name));
        }
        let judged =
            certificate::Shows { chain, authorities: self.authorities, behaviours: self.behaviours, now };
        let valid_for =
            judged.check(client).map_err(|reason| format!("the client {}: {reason}", client.name))?;
        let identity = Identity { principal: client.principal.clone(), is_resource: true };
        Ok(Admitted { identity, valid_for })
    }
}

#[cfg(test)]
mod tests;
