//! Symmetric keys.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::pasted;

/// A device's, module's or policy's symmetric key. Never shown by `Debug`, compared in constant time, wiped on drop.
#[derive(Clone)]
pub struct SymmetricKey(Vec<u8>);

impl SymmetricKey {
    /// Decodes a key from standard base64, as the service hands it out.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| KeyError::NotBase64)?;
        if bytes.is_empty() { Err(KeyError::Empty) } else { Ok(Self(bytes)) }
    }

    /// Decodes a key that a person passes on: white space in it, and quotes around it, do not count.
    pub fn from_pasted(text: &str) -> Result<Self, KeyError> {
        let text = pasted::without_quotes(text);
        let counts = |char: &char| !char.is_whitespace() && !pasted::is_invisible(*char);
        let text = Zeroizing::new(text.chars().filter(counts).collect::<String>());
        Self::from_base64(&text).map_err(|error| match error {
            KeyError::NotBase64 if text.contains("SharedAccessKey=") => KeyError::ConnectionString,
            KeyError::NotBase64 if is_cut(&text) => KeyError::Cut,
            error => error,
        })
    }

    /// A new key of 32 bytes, which `fill` takes from a source of random numbers fit for secrets.
    ///
    /// # Errors
    /// What `fill` says.
    pub fn generate<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut key = Self(vec![0; 32]);
        fill(&mut key.0)?;
        Ok(key)
    }

    /// The key in base64. A secret: for connection strings and the service's answers only.
    pub fn as_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// How many bytes it has, never none.
    #[expect(clippy::len_without_is_empty, reason = "a key is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The HMAC-SHA256 of `data`.
    pub fn sign(&self, data: &[u8]) -> Vec<u8> {
        let mut mac = self.mac(&[]);
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }

    /// The key of one device of an enrolment group, from the group's: HMAC-SHA256 of the registration id (DPS docs,
    /// "How to use symmetric keys with enrolment groups").
    #[must_use]
    pub fn derive(&self, registration_id: &str) -> Self {
        Self(self.sign(registration_id.as_bytes()))
    }

    /// HMAC-SHA256 of `parts`, one after the other.
    pub(super) fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part.as_bytes());
        }
        mac
    }
}

/// Whether nothing but the padding is missing.
fn is_cut(text: &str) -> bool {
    let padding = "=".repeat(text.len().next_multiple_of(4) - text.len());
    !padding.is_empty() && STANDARD.decode(text.to_owned() + &padding).is_ok()
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(…)")
    }
}

impl PartialEq for SymmetricKey {
    fn eq(&self, other: &Self) -> bool {
        // Only the length, which is not a secret, may end the comparison early.
        self.0.len() == other.0.len()
            && std::hint::black_box(self.0.iter().zip(&other.0).fold(0, |diff, (a, b)| diff | (a ^ b))) == 0
    }
}

impl Eq for SymmetricKey {}

impl Drop for SymmetricKey {
    fn drop(&mut self) {
        self.0.fill(0);
        // Keeps the wipe from being optimised away as a dead store.
        std::hint::black_box(&self.0);
    }
}

/// Why a key cannot be used. Never shows the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing there.
    Empty,
    /// Not standard base64 with its padding.
    NotBase64,
    /// The padding of the base64 is missing, or some of it.
    Cut,
    /// A whole connection string.
    ConnectionString,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the key is empty",
            Self::NotBase64 => "the key is not valid base64",
            Self::Cut => {
                "the key is not valid base64: the padding at its end is missing; was it cut at a '='?"
            }
            Self::ConnectionString => {
                "this is a complete connection string; pass only the value of SharedAccessKey"
            }
        })
    }
}

impl std::error::Error for KeyError {}
