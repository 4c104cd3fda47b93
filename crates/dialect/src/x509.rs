//! How IoT Hub knows a certificate: by its thumbprints (IoT Hub docs, "Authenticate identities with X.509
//! certificates").

use std::fmt;

use sha1::Sha1;
use sha2::{Digest, Sha256};

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

/// Text that is not a thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThumbprintError;

impl fmt::Display for ThumbprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a thumbprint has 40 (SHA-1) or 64 (SHA-256) hexadecimal digits")
    }
}

impl std::error::Error for ThumbprintError {}

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

    proptest! {
        #[test]
        fn parsing_is_total(text in ".{0,80}") {
            let _ = Thumbprint::parse(&text);
        }
    }
}
