//! Codes of links, and tokens.

use std::io;

use crate::secrets;

/// 128 bits from the system's source of random numbers. Compared in constant time; there is no `Debug`.
pub(super) struct Secret([u8; 16]);

impl Secret {
    pub(super) fn generate() -> io::Result<Self> {
        secrets::random().map(Self)
    }

    pub(super) fn to_hex(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    /// Reads [`Self::to_hex`].
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_hex)).then_some(())?;
        u128::from_str_radix(text, 16).ok().map(|bits| Self(bits.to_be_bytes()))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        secrets::equal(&self.0, &other.0)
    }
}
