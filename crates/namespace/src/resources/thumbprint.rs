//! The hash of a certificate by which it is known.

use std::fmt;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// SHA-256 or SHA-1 of a certificate in DER.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbprint(Vec<u8>);

/// A text is no thumbprint: it is neither 64 nor 40 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidThumbprint;

impl fmt::Display for InvalidThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a thumbprint has 64 hexadecimal digits (SHA-256) or 40 (SHA-1)")
    }
}

impl std::error::Error for InvalidThumbprint {}

impl Thumbprint {
    /// Bytes of a hash by SHA-256.
    const SHA256: usize = 32;
    /// Bytes of a hash by SHA-1.
    const SHA1: usize = 20;

    /// That of a certificate in DER, by SHA-256.
    pub fn sha256(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).to_vec())
    }

    /// That of a certificate in DER, by SHA-1.
    pub fn sha1(certificate: &[u8]) -> Self {
        Self(Sha1::digest(certificate).to_vec())
    }

    /// Whether it is the certificate's, which is in DER.
    pub fn is_of(&self, certificate: &[u8]) -> bool {
        let own =
            if self.0.len() == Self::SHA256 { Self::sha256(certificate) } else { Self::sha1(certificate) };
        *self == own
    }

    /// Reads hexadecimal digits in any case; colons between them are skipped.
    pub fn parse(text: &str) -> Result<Self, InvalidThumbprint> {
        // Bounded before anything is copied.
        if text.len() > 3 * Self::SHA256 {
            return Err(InvalidThumbprint);
        }
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|letter| *letter != ':')
            .map(|letter| letter.to_digit(16).map(|digit| digit as u8))
            .collect();
        let digits = digits.filter(|digits| [2 * Self::SHA256, 2 * Self::SHA1].contains(&digits.len()));
        let digits = digits.ok_or(InvalidThumbprint)?;
        Ok(Self(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Hexadecimal digits in lower case.
impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
