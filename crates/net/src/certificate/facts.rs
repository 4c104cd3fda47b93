//! What a certificate says. No signature is checked here.

use x509_parser::prelude::{ASN1Time, FromDer, SubjectPublicKeyInfo, X509Certificate};
use x509_parser::public_key::PublicKey;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject's common name, if it has exactly one.
    pub common_name: Option<String>,
    /// From when on it is valid, in Unix seconds; 0 for anything before 1970.
    pub not_before: u64,
    /// Up to when it is valid, in Unix seconds.
    pub not_after: u64,
    /// The subject's public key: DER of `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
}

impl CertificateFacts {
    /// Reads a certificate in DER; `None` if it is none. No signature is checked.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let mut names = certificate.subject().iter_common_name();
        let common_name = names.next().and_then(|name| name.as_str().ok()).map(str::to_owned);
        let seconds = |seconds: i64| u64::try_from(seconds).unwrap_or_default();
        Some(Self {
            common_name: common_name.filter(|_| names.next().is_none()),
            not_before: seconds(certificate.validity().not_before.timestamp()),
            not_after: seconds(certificate.validity().not_after.timestamp()),
            public_key: certificate.public_key().raw.to_vec(),
        })
    }

    /// The public key if it is of RSA: DER of `RSAPublicKey` (RFC 8017 A.1.1).
    pub fn rsa_public_key(&self) -> Option<Vec<u8>> {
        let (_, key) = SubjectPublicKeyInfo::from_der(&self.public_key).ok()?;
        matches!(key.parsed().ok()?, PublicKey::RSA(_)).then(|| key.subject_public_key.data.to_vec())
    }
}

/// Whom a certificate is of and from, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateNames {
    /// The subject, `CN=…, O=…`.
    pub subject: String,
    /// The issuer, likewise.
    pub issuer: String,
    /// The serial number, in hexadecimal digits.
    pub serial: String,
    /// 3 for most.
    pub version: u32,
}

impl CertificateNames {
    /// Reads a certificate in DER; `None` if it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.raw_serial_as_string().replace(':', "").to_uppercase(),
            version: certificate.version().0.saturating_add(1),
        })
    }
}

/// Unix seconds, as errors show a time: `2050-01-01T00:00:00Z`.
pub fn in_utc(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let Ok(time) = ASN1Time::from_timestamp(seconds) else { return format!("Unix time {seconds}") };
    let time = time.to_datetime();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn facts_of_a_certificate() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "dev1");
        params.not_before = rcgen::date_time_ymd(1960, 1, 1);
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        let facts = CertificateFacts::read(certificate.der()).unwrap();
        assert_eq!((facts.common_name.as_deref(), facts.not_before), (Some("dev1"), 0));
        assert_eq!(facts.not_after, 4_102_444_800);
        assert_eq!(CertificateFacts::read(&[certificate.der().as_ref(), &[0]].concat()), None);
    }

    proptest! {
        #[test]
        fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200), seconds in any::<u64>()) {
            let _ = CertificateFacts::read(&bytes);
            let _ = CertificateNames::read(&bytes);
            let _ = in_utc(seconds);
        }
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(in_utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(in_utc(2_524_608_000 + 3661), "2050-01-01T01:01:01Z");
    }
}
