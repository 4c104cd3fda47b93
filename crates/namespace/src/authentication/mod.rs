//! Who may connect: what a client shows in its TLS handshake, in CONNECT and in AUTH, and whether that is enough.
//!
//! | method of CONNECT | judged by |
//! |---|---|
//! | `OAUTH2-JWT` | a token of Entra ID, which the local issuer makes |
//! | `CUSTOM-JWT`, where there is an issuer for it | a token of that issuer |
//! | any or none, where there is a webhook | the webhook |
//! | none | the certificate, and the client resource of the authentication name |
//!
//! A client that is refused hears the same, whatever was wrong: nobody learns which clients there are.

mod admitted;
mod alternative_names;
mod authorities;
mod certificate;
mod claims;
mod custom_jwt;
mod entra;
mod settings;
mod shown;
mod token;
mod webhook;

use std::time::SystemTime;

use azmqtt_mqtt::{Auth, ReasonCode, Version};

use crate::behaviours::{
    Behaviours, EntraUserName, EntraWithoutRole, ExpiredToken, JwtInV3, RefusedClient, UserNameWithSources,
    WebhookCertificate, WebhookForResources, WrongMethod,
};
use crate::broker::{Identity, Refusal};
use crate::limits::MAX_AUTHENTICATION_DATA;
use crate::names::AuthenticationName;
use crate::resources::{Client, Directory};
use azmqtt_local::client_certificates::verify;

pub use admitted::{Admitted, FOREVER};
pub use alternative_names::NameSource;
pub use authorities::{Authorities, CaCertificate};
pub use claims::Claims;
pub use custom_jwt::{CUSTOM_JWT, CustomJwt, InvalidIssuer};
pub use entra::{AUDIENCE, IssuerError, NAMESPACE_OBJECT_ID, OAUTH2_JWT, TENANT_ID, TokenIssuer};
pub use settings::ClientAuthentication;
pub use shown::Shown;
#[cfg(test)]
pub(crate) use token::sign;
pub use token::{InvalidToken, PublicKey, Unverified};
pub use webhook::{InvalidAnswer, InvalidWebhook, Webhook, WebhookAnswer};

/// What comes of a first look at what a client shows.
pub enum Judged {
    /// It is enough.
    Admitted(Admitted),
    /// The webhook decides: ask it.
    Ask(Webhook),
}

/// What clients are judged by.
pub struct Judge<'a> {
    /// The clients of the namespace, and the roles.
    pub directory: &'a Directory,
    /// Whose signatures on certificates are taken.
    pub authorities: &'a Authorities,
    /// What the owner of the namespace has added.
    pub settings: &'a ClientAuthentication,
    /// The issuer of tokens of Entra ID.
    pub issuer: &'a TokenIssuer,
    /// The names of the namespace.
    pub hostname: &'a str,
    /// What is done where the service is unknown.
    pub behaviours: &'a Behaviours,
}

const NO_CLIENT: &str = "Create a client with this authentication name, or correct the user name: without one, the client \
    identifier is the name.";

const NO_CERTIFICATE: &str = "Connect with a certificate that fits the client's validation scheme: one that a CA certificate \
    of the namespace has signed, or one of the client's thumbprints.";

const NO_ROLE: &str = "Assign a role to the identity.";

const NO_METHOD: &str =
    "Connect with a certificate, or configure custom JWT or webhook authentication for the namespace.";

impl Judge<'_> {
    /// Judges what a client shows.
    ///
    /// # Errors
    /// It is not enough, and no webhook will be asked.
    pub fn judge(&self, shown: &Shown, now: SystemTime) -> Result<Judged, Refusal> {
        match (shown.method.as_deref(), &self.settings.custom_jwt, &self.settings.webhook) {
            (Some(OAUTH2_JWT), _, _) => self.by_entra(shown, now).map(Judged::Admitted),
            (Some(CUSTOM_JWT), Some(issuer), _) => {
                self.by_custom_jwt(issuer, shown.data.as_deref(), now).map(Judged::Admitted)
            }
            (None, Some(issuer), _) if self.is_token_as_password(shown) => {
                self.by_custom_jwt(issuer, shown.password.as_deref(), now).map(Judged::Admitted)
            }
            (_, _, Some(webhook)) => self.before_webhook(webhook, shown, now),
            (Some(_), _, None) => {
                let reason = "the namespace does not support the authentication method";
                Err(Refusal::new(self.wrong_method(), reason).advising(NO_METHOD))
            }
            (None, _, None) => self.by_certificate(shown, now).map(Judged::Admitted),
        }
    }

    /// For how long a token holds, or what a webhook says.
    pub fn limit(admitted: Admitted, behaviours: &Behaviours) -> Admitted {
        match behaviours.expired_token {
            ExpiredToken::Disconnected => admitted,
            ExpiredToken::Kept => Admitted { valid_for: FOREVER, ..admitted },
        }
    }

    fn by_entra(&self, shown: &Shown, now: SystemTime) -> Result<Admitted, Refusal> {
        let data = shown.data.as_deref().unwrap_or_default();
        let admitted = self.issuer.admit(data, now).map_err(|error| self.bad_token(error))?;
        let name = &admitted.identity.principal.name;
        if self.behaviours.entra_user_name == EntraUserName::ObjectId
            && shown.username.as_deref().is_none_or(|username| username.to_lowercase() != name.folded())
        {
            return Err(self.refused("the user name is not the object id of the token"));
        }
        let has_role = || self.directory.roles().any(|role| role.object_id.as_str() == name.as_str());
        if self.behaviours.entra_without_role == EntraWithoutRole::Refused && !has_role() {
            let reason = format!("the object id {name} has no role in the namespace");
            return Err(self.refused(reason).advising(NO_ROLE));
        }
        Ok(Self::limit(admitted, self.behaviours))
    }

    fn by_custom_jwt(
        &self,
        issuer: &CustomJwt,
        data: Option<&[u8]>,
        now: SystemTime,
    ) -> Result<Admitted, Refusal> {
        let mut hosts = vec![self.hostname];
        hosts.extend(self.settings.custom_domains.iter().map(String::as_str));
        let admitted = issuer.admit(data.unwrap_or_default(), &hosts, now);
        Ok(Self::limit(admitted.map_err(|error| self.bad_token(error))?, self.behaviours))
    }

    fn is_token_as_password(&self, shown: &Shown) -> bool {
        self.behaviours.jwt_in_v3 == JwtInV3::Password
            && shown.version == Version::Mqtt311
            && shown.password.is_some()
    }

    /// What is looked at although there is a webhook.
    fn before_webhook(&self, webhook: &Webhook, shown: &Shown, now: SystemTime) -> Result<Judged, Refusal> {
        if self.behaviours.webhook_for_resources == WebhookForResources::NotAsked
            && shown.method.is_none()
            && let Ok(admitted) = self.by_certificate(shown, now)
        {
            return Ok(Judged::Admitted(admitted));
        }
        if self.behaviours.webhook_certificate == WebhookCertificate::Verified
            && let Some((own, issuers)) = shown.chain.split_first()
        {
            verify(own, issuers, &self.authorities.certificates(), now).map_err(|error| {
                self.refused(format!("the certificate leads to no CA certificate of the namespace: {error}"))
            })?;
        }
        Ok(Judged::Ask(webhook.clone()))
    }

    fn by_certificate(&self, shown: &Shown, now: SystemTime) -> Result<Admitted, Refusal> {
        let client = self.named(shown).map_err(|reason| self.refused(reason).advising(NO_CLIENT))?;
        if !client.is_enabled {
            let reason = format!("the client {} is disabled", client.name);
            return Err(self.refused(reason).advising("Enable the client."));
        }
        let judged = certificate::Shows {
            chain: &shown.chain,
            authorities: self.authorities,
            behaviours: self.behaviours,
            now,
        };
        let valid_for = judged.check(client).map_err(|reason| {
            self.refused(format!("the client {}: {reason}", client.name)).advising(NO_CERTIFICATE)
        })?;
        let standing = crate::principal::Standing::Resource;
        Ok(Admitted { identity: Identity { principal: client.principal.clone(), standing }, valid_for })
    }

    /// The client that this is said to be, by the user name, by the certificate, or by the client identifier.
    fn named(&self, shown: &Shown) -> Result<&Client, String> {
        let username = shown.username.as_deref().filter(|name| !name.is_empty());
        let sources = &self.settings.alternative_names;
        let ignores_username = self.behaviours.user_name_with_sources == UserNameWithSources::Ignored;
        let names = match username {
            Some(username) if sources.is_empty() || !ignores_username => vec![username.to_owned()],
            // A client with one session need not say its name twice.
            None if sources.is_empty() => vec![shown.client_id.clone()],
            _ => alternative_names::names(sources, &shown.chain, self.behaviours.certificate_subject),
        };
        let Some(first) = names.first() else {
            return Err("no alternative source has an authentication name in the certificate".to_owned());
        };
        let known = |name: &String| self.directory.client_of(&AuthenticationName::parse(name).ok()?);
        if let Some(client) = names.iter().find_map(known) {
            return Ok(client);
        }
        let excerpt: String = first.chars().take(128).collect();
        Err(format!("no client has the authentication name {excerpt:?}"))
    }

    fn bad_token(&self, error: InvalidToken) -> Refusal {
        match error {
            InvalidToken::Issuer => Refusal::new(self.wrong_method(), error.to_string()),
            error => self.refused(error.to_string()),
        }
    }

    fn wrong_method(&self) -> ReasonCode {
        match self.behaviours.wrong_method {
            WrongMethod::NotAuthorized => ReasonCode::NotAuthorized,
            WrongMethod::BadAuthenticationMethod => ReasonCode::BadAuthenticationMethod,
        }
    }

    fn refused(&self, reason: impl Into<String>) -> Refusal {
        let code = match self.behaviours.refused_client {
            RefusedClient::NotAuthorized => ReasonCode::NotAuthorized,
            RefusedClient::BadUserNameOrPassword => ReasonCode::BadUserNameOrPassword,
        };
        Refusal::new(code, reason)
    }
}

/// Whether an AUTH that begins anew asks for nothing that the namespace does not have.
///
/// # Errors
/// It has user properties, or too much data.
pub fn check_auth(auth: &Auth, behaviours: &Behaviours) -> Result<(), Refusal> {
    let unsupported = |reason: &str| Err(Refusal::new(ReasonCode::ImplementationSpecificError, reason));
    let properties = &auth.properties;
    if behaviours.user_properties.refuses(properties) {
        return unsupported("AUTH has user properties, which the service does not allow there");
    }
    if properties.authentication_data().is_some_and(|data| data.len() > MAX_AUTHENTICATION_DATA) {
        return unsupported("AUTH has more than 8 KB of authentication data");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
