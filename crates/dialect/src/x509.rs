//! What IoT Hub looks at in a certificate: its thumbprints, its common name, its time (IoT Hub docs, "Authenticate
//! identities with X.509 certificates").

use std::fmt;

use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::pasted;

/// The hash of a certificate's DER, by which a hub knows a self-signed one: SHA-1 or SHA-256.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbprint(Vec<u8>);

impl Thumbprint {
    /// Reads 40 or 64 hexadecimal digits; colons and spaces between them, as tools print them, do not count.
    pub fn parse(text: &str) -> Result<Self, ThumbprintError> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b':' | b' ')).collect();
        if !matches!(digits.len(), 40 | 64) || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(ThumbprintError);
        }
        let value = |digit: u8| (digit as char).to_digit(16).unwrap_or_default() as u8;
        Ok(Self(digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()))
    }

    /// Reads a thumbprint as tools and dialogs show it: behind `openssl`'s `sha256 Fingerprint=`, or with the invisible
    /// mark that Windows puts in front.
    pub fn from_pasted(text: &str) -> Result<Self, ThumbprintError> {
        let text = pasted::without_quotes(text);
        let text = text.rsplit_once('=').map_or(text, |(_, digits)| digits);
        let counts = |char: &char| !char.is_whitespace() && *char != '-' && !pasted::is_invisible(*char);
        Self::parse(&text.chars().filter(counts).collect::<String>())
    }

    /// The SHA-1 thumbprint of a certificate.
    pub fn sha1(der: &[u8]) -> Self {
        Self(Sha1::digest(der).to_vec())
    }

    /// The SHA-256 thumbprint of a certificate.
    pub fn sha256(der: &[u8]) -> Self {
        Self(Sha256::digest(der).to_vec())
    }

    /// Whether it is the hash of this certificate.
    pub fn fits(&self, der: &[u8]) -> bool {
        let hash = if self.0.len() == 20 { Self::sha1(der) } else { Self::sha256(der) };
        *self == hash
    }
}

/// Upper-case hexadecimal digits, as the portal shows them.
impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// Text that is no thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThumbprintError;

impl fmt::Display for ThumbprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a thumbprint has 40 (SHA-1) or 64 (SHA-256) hexadecimal digits")
    }
}

impl std::error::Error for ThumbprintError {}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject's common name, if it has exactly one; for IoT Hub the device id, or `device/module`.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thumbprints_are_read_as_tools_print_them() {
        // The test vector "abc" of FIPS 180-4.
        let sha1 = "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D";
        let parsed = Thumbprint::parse(sha1).unwrap();
        assert_eq!(parsed, Thumbprint::sha1(b"abc"));
        assert_eq!(parsed.to_string(), sha1.replace(':', ""));
        assert!(parsed.fits(b"abc") && !parsed.fits(b"abd"));
        let sha256 = Thumbprint::parse(&Thumbprint::sha256(b"abc").to_string().to_lowercase()).unwrap();
        assert!(sha256.fits(b"abc") && sha256 != parsed);
        for pasted in [
            format!("SHA1 Fingerprint={sha1}\n"),
            format!("\u{200e}{}", sha1.to_lowercase().replace(':', " ")),
        ] {
            assert_eq!(Thumbprint::from_pasted(&pasted), Ok(parsed.clone()), "{pasted}");
        }
        for bad in ["", "A9", &"g".repeat(40), &"a".repeat(41), &"é".repeat(20)] {
            assert_eq!(Thumbprint::parse(bad), Err(ThumbprintError), "{bad}");
        }
    }

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
        fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            let _ = CertificateFacts::read(&bytes);
            let _ = CertificateNames::read(&bytes);
            let _ = Thumbprint::parse(&text);
        }
    }
}
