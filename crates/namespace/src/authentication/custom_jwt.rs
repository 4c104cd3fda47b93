//! Tokens of an issuer of the namespace's owner (`customJwtAuthentication`), for the method `CUSTOM-JWT`. The issuer is known by
//! certificates; nothing is fetched.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::admitted::Admitted;
use super::token::{InvalidToken, PublicKey, Unverified};
use crate::broker::Identity;
use crate::names::AuthenticationName;
use crate::principal::{Principal, Standing};
use azmqtt_net::certificate::material;

/// The authentication method.
pub const CUSTOM_JWT: &str = "CUSTOM-JWT";

/// Certificates of an issuer: one, and its successor.
const CERTIFICATES: usize = 2;

/// Why there cannot be such an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidIssuer {
    /// `tokenIssuer` is empty.
    NoIssuer,
    /// There must be one certificate, or two.
    Certificates(usize),
    /// A certificate cannot be read; says which, from 0, and why.
    Certificate(usize, String),
    /// Two certificates have the same `kid`.
    SameKeyId,
}

impl fmt::Display for InvalidIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIssuer => f.write_str("the issuer of tokens is empty"),
            Self::Certificates(count) => {
                write!(f, "an issuer of tokens has 1 or {CERTIFICATES} certificates, not {count}")
            }
            Self::Certificate(index, reason) => write!(f, "certificate {index} of the issuer: {reason}"),
            Self::SameKeyId => f.write_str("two certificates of the issuer have the same kid"),
        }
    }
}

impl std::error::Error for InvalidIssuer {}

/// An issuer whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomJwt {
    issuer: String,
    certificates: Vec<IssuerCertificate>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct IssuerCertificate {
    key_id: Option<String>,
    pem: String,
    key: PublicKey,
}

impl CustomJwt {
    /// The issuer `issuer` (`tokenIssuer`), whose tokens are signed with the RSA keys of these one or two certificates, in PEM,
    /// each with its `kid` if it has one (`encodedIssuerCertificates`).
    ///
    /// # Errors
    /// A certificate cannot be read, or has no RSA key.
    pub fn new(issuer: &str, certificates: &[(Option<String>, String)]) -> Result<Self, InvalidIssuer> {
        if issuer.is_empty() {
            return Err(InvalidIssuer::NoIssuer);
        }
        if !(1..=CERTIFICATES).contains(&certificates.len()) {
            return Err(InvalidIssuer::Certificates(certificates.len()));
        }
        if let [(Some(first), _), (Some(second), _)] = certificates
            && first == second
        {
            return Err(InvalidIssuer::SameKeyId);
        }
        let read = |(index, (key_id, pem)): (usize, &(Option<String>, String))| {
            let key = public_key(pem).map_err(|reason| InvalidIssuer::Certificate(index, reason))?;
            Ok(IssuerCertificate { key_id: key_id.clone(), pem: pem.clone(), key })
        };
        let certificates = certificates.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { issuer: issuer.to_owned(), certificates })
    }

    /// What the claim `iss` must be.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The certificates in PEM, each with its `kid` if it has one.
    pub fn certificates(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.certificates.iter().map(|certificate| (certificate.key_id.as_deref(), certificate.pem.as_str()))
    }

    /// Who shows this token, at a namespace that is known by `hosts`.
    pub(super) fn admit(
        &self,
        data: &[u8],
        hosts: &[&str],
        now: SystemTime,
    ) -> Result<Admitted, InvalidToken> {
        let token = Unverified::parse(data)?;
        if !token.is_of(&self.issuer) {
            return Err(InvalidToken::Issuer);
        }
        let keys = self.keys(token.key_id())?;
        let claims = token.verify(keys)?;
        // One page of the documentation has a slash behind the host, the other none.
        claims.check_audience(|audience| {
            let audience = audience.strip_suffix('/').unwrap_or(audience);
            hosts.iter().any(|host| host.eq_ignore_ascii_case(audience))
        })?;
        let valid_for = claims.valid_for(now)?;
        let name = AuthenticationName::parse(claims.text("sub")?)
            .map_err(|_| InvalidToken::Claim("sub", "is no authentication name"))?;
        let principal = Principal { name, attributes: claims.attributes()? };
        let identity = Identity { principal: Arc::new(principal), standing: Standing::Asserted };
        Ok(Admitted { identity, valid_for })
    }

    /// The keys that may have signed a token with this `kid`: a certificate without one is for any.
    fn keys(&self, key_id: Option<&str>) -> Result<Vec<&PublicKey>, InvalidToken> {
        let fits = |certificate: &&IssuerCertificate| match (key_id, &certificate.key_id) {
            (Some(asked), Some(known)) => asked == known,
            _ => true,
        };
        let keys: Vec<_> = self.certificates.iter().filter(fits).map(|found| &found.key).collect();
        if keys.is_empty() { Err(InvalidToken::KeyId) } else { Ok(keys) }
    }
}

fn public_key(pem: &str) -> Result<PublicKey, String> {
    let found = material::read(pem.as_bytes()).map_err(|error| error.to_string())?;
    let mut found = found.certificates.into_iter();
    let (Some(first), None) = (found.next(), found.next()) else {
        return Err("it must contain exactly one certificate (BEGIN CERTIFICATE)".to_owned());
    };
    PublicKey::of_certificate(&first.der).ok_or_else(|| "its key is not of RSA".to_owned())
}
