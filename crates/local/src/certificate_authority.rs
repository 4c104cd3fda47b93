//! A certificate authority of tests, and what it signs.
//!
//! The authority is made once and lives as long as the state directory; clients trust its certificate. The server's
//! certificate is made anew at each start, so that it never expires on anybody.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

use crate::client_certificates::AskEveryClient;
use azmqtt_net::certificate::AlternativeNames;

const DAY: Duration = Duration::from_secs(24 * 3600);
const AUTHORITY_LIFE: Duration = Duration::from_secs(20 * 365 * 24 * 3600);
/// Some TLS stacks refuse server certificates that are valid for longer than 825 days.
const SERVER_LIFE: Duration = Duration::from_secs(820 * 24 * 3600);

/// A certificate cannot be made; says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError(pub String);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

/// A certificate authority in PEM. No `Debug`: it holds the private key.
#[derive(Clone)]
pub struct Authority {
    /// What clients trust.
    pub certificate: String,
    /// PKCS #8.
    pub key: String,
}

impl Authority {
    /// Makes a new one with this common name.
    pub fn generate(common_name: &str) -> Result<Self, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::default();
        set_validity(&mut params, AUTHORITY_LIFE);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        Ok(Self { certificate: issuer.pem(), key: issuer.key().serialize_pem() })
    }

    /// Whether certificate and key can be read and belong together; the reason if not.
    pub fn check(&self) -> Result<(), String> {
        self.issuer().map_err(|error| error.to_string())?;
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        let certificate = certificate.map_err(|error| error.to_string())?;
        let key = key.map_err(|error| error.to_string())?;
        // It compares the public keys.
        let pair = CertifiedKey::from_der(vec![certificate], key, &ring::default_provider());
        pair.map(drop).map_err(|error| error.to_string())
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, rcgen::Error> {
        Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)
    }

    /// The TLS side of a server: a fresh server certificate for `names` (host names and IP addresses), and a client certificate
    /// asked for. It speaks these `versions` of TLS with the cipher suites of `provider`.
    pub fn server_config(
        &self,
        names: &[String],
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::new(names).map_err(failed)?;
        set_validity(&mut params, SERVER_LIFE);
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("localhost", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python's ssl refuses certificates without it since 3.13.
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer().map_err(failed)?).map_err(failed)?;
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .map_err(failed)?
            .with_client_cert_verifier(AskEveryClient::new())
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .map_err(failed)?;
        Ok(Arc::new(config))
    }
}

/// Whom a client certificate is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientNames {
    /// The subject's common name.
    pub common_name: String,
    /// What else it is known by (RFC 5280 §4.2.1.6).
    pub alternative: AlternativeNames,
}

impl From<&str> for ClientNames {
    fn from(common_name: &str) -> Self {
        Self { common_name: common_name.to_owned(), alternative: AlternativeNames::default() }
    }
}

impl ClientNames {
    /// As the extension has them.
    ///
    /// # Errors
    /// All but addresses are of ASCII.
    fn alternative_names(self) -> Result<Vec<SanType>, CertificateError> {
        let AlternativeNames { dns, uri, ip, email } = self.alternative;
        let ascii = |name: String| {
            let wrong = CertificateError(format!("the alternative name {name:?} is not ASCII"));
            name.try_into().map_err(|_| wrong)
        };
        let mut names = Vec::new();
        for name in dns {
            names.push(SanType::DnsName(ascii(name)?));
        }
        for name in uri {
            names.push(SanType::URI(ascii(name)?));
        }
        for name in email {
            names.push(SanType::Rfc822Name(ascii(name)?));
        }
        names.extend(ip.into_iter().map(SanType::IpAddress));
        Ok(names)
    }
}

/// A client certificate with its key: both in PEM, and the certificate in DER. `authority` signs it, or else its own key
/// does. Valid from `ago` before now, for `life`.
///
/// # Errors
/// An alternative name does not fit.
pub fn client_certificate(
    authority: Option<&Authority>,
    names: impl Into<ClientNames>,
    ago: Duration,
    life: Duration,
) -> Result<(String, String, Vec<u8>), CertificateError> {
    let names = names.into();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let mut params = CertificateParams::default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    params.not_before = epoch + now.saturating_sub(ago);
    params.not_after = params.not_before + life;
    params.distinguished_name.push(DnType::CommonName, names.common_name.as_str());
    params.subject_alt_names = names.alternative_names()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let made = match authority {
        Some(authority) => {
            params.use_authority_key_identifier_extension = true;
            params.signed_by(&key, &authority.issuer().map_err(failed)?)
        }
        None => params.self_signed(&key),
    };
    let made = made.map_err(failed)?;
    Ok((made.pem(), key.serialize_pem(), made.der().to_vec()))
}

/// From yesterday, for clocks that differ, to `life` from now.
fn set_validity(params: &mut CertificateParams, life: Duration) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    params.not_before = epoch + now.saturating_sub(DAY);
    params.not_after = epoch + now + life;
}

fn failed(error: impl std::fmt::Display) -> CertificateError {
    CertificateError(error.to_string())
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::ALL_VERSIONS;

    use super::*;

    #[test]
    fn a_stored_authority_signs_again() {
        let made = Authority::generate("test").unwrap();
        let stored = Authority { certificate: made.certificate.clone(), key: made.key };
        stored.check().unwrap();
        stored.server_config(&["localhost".to_owned()], ring::default_provider(), ALL_VERSIONS).unwrap();
    }

    #[test]
    fn a_client_certificate_has_every_kind_of_name() {
        let alternative = AlternativeNames {
            dns: vec!["pump.example".to_owned(), "*.example".to_owned()],
            uri: vec!["urn:pump".to_owned()],
            ip: vec!["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            email: vec!["pump@example.com".to_owned()],
        };
        let names = ClientNames { common_name: "pump".to_owned(), alternative: alternative.clone() };
        let (_, _, der) = client_certificate(None, names, DAY, DAY).unwrap();
        assert_eq!(AlternativeNames::read(&der), alternative);
        let (_, _, der) = client_certificate(None, "pump", DAY, DAY).unwrap();
        assert_eq!(AlternativeNames::read(&der), AlternativeNames::default());
        let names = ClientNames {
            common_name: "pump".to_owned(),
            alternative: AlternativeNames { dns: vec!["pümp".to_owned()], ..AlternativeNames::default() },
        };
        let error = client_certificate(None, names, DAY, DAY).unwrap_err();
        assert!(error.to_string().contains("not ASCII"), "{error}");
    }

    #[test]
    fn a_damaged_authority_says_so() {
        let made = Authority::generate("test").unwrap();
        let damaged = Authority { certificate: made.certificate.replace('A', ""), key: made.key };
        assert!(damaged.check().is_err());
    }
}
