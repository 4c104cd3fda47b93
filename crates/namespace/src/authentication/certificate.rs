//! Whether a client certificate is the one of a client, by each of the six schemes.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::authorities::Authorities;
use crate::behaviours::{Behaviours, CertificateSubject};
use crate::names::AuthenticationName;
use crate::resources::{CertificateRule, Client};
use azmqtt_local::client_certificates::{ClientChain, verify};
use azmqtt_net::certificate::{AlternativeNames, CertificateFacts, CertificateNames};

/// What a client shows, and what it is judged by.
pub struct Shows<'a> {
    pub chain: &'a ClientChain,
    pub authorities: &'a Authorities,
    pub behaviours: &'a Behaviours,
    pub now: SystemTime,
}

impl Shows<'_> {
    /// For how long the certificate is valid, if it is the client's; what is wrong if not. The handshake has proved that
    /// whoever shows it has its key.
    pub fn check(&self, client: &Client) -> Result<Duration, String> {
        let (own, issuers) = self.chain.split_first().ok_or("it showed no certificate")?;
        let facts = CertificateFacts::read(own).ok_or("its certificate cannot be read")?;
        let now = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if now.as_secs() < facts.not_before || facts.not_after < now.as_secs() {
            return Err("its certificate has expired or is not valid yet".to_owned());
        }
        if let CertificateRule::Thumbprint(thumbprints) = &client.certificate {
            if !thumbprints.iter().any(|thumbprint| thumbprint.is_of(own)) {
                return Err("its certificate has none of the client's thumbprints".to_owned());
            }
        } else {
            verify(own, issuers, &self.authorities.certificates(), self.now).map_err(|error| {
                format!("its certificate leads to no CA certificate of the namespace: {error}")
            })?;
            self.check_name(client, own, &facts)?;
        }
        Ok(Duration::from_secs(facts.not_after).saturating_sub(now) + Duration::from_secs(1))
    }

    fn check_name(&self, client: &Client, own: &[u8], facts: &CertificateFacts) -> Result<(), String> {
        let name = &client.principal.name;
        let is_name = |shown: &str| is_same(name, shown);
        let any = |shown: &[String]| shown.iter().any(|shown| is_name(shown));
        let others = || AlternativeNames::read(own);
        let (is_shown, field) = match &client.certificate {
            CertificateRule::Subject => {
                let common = facts.common_name.as_deref().is_some_and(is_name);
                let whole = || CertificateNames::read(own).is_some_and(|names| is_name(&names.subject));
                let is_shown = match self.behaviours.certificate_subject {
                    CertificateSubject::NameOrSubject => common || whole(),
                    CertificateSubject::Name => common,
                    CertificateSubject::Subject => whole(),
                };
                (is_shown, "subject")
            }
            CertificateRule::Dns => (any(&others().dns), "DNS names"),
            CertificateRule::Uri => (any(&others().uri), "URIs"),
            CertificateRule::Email => (any(&others().email), "e-mail addresses"),
            CertificateRule::Ip => {
                let address: Option<IpAddr> = name.as_str().parse().ok();
                (address.is_some_and(|address| others().ip.contains(&address)), "IP addresses")
            }
            CertificateRule::Thumbprint(_) => (false, "thumbprint"),
        };
        if is_shown {
            Ok(())
        } else {
            Err(format!("the authentication name is not in the {field} of its certificate"))
        }
    }
}

fn is_same(name: &AuthenticationName, shown: &str) -> bool {
    name.folded() == shown.to_lowercase()
}
