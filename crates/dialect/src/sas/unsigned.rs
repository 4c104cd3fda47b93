//! A token that waits for its signature, for keys that are not at hand.

use std::fmt;

use super::super::encoding::encode;
use super::token::SasToken;

/// Bytes of an HMAC-SHA256.
const SIGNATURE: usize = 32;

/// What a token says, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedToken {
    /// Percent-encoded.
    pub(super) resource: String,
    pub(super) expiry: u64,
    pub(super) policy: Option<String>,
    data: String,
}

impl UnsignedToken {
    /// `resource` is not yet encoded as a whole, `expiry` is in Unix seconds, `policy` becomes `skn`; as for
    /// [`SasToken::sign`].
    pub fn new(resource: &str, expiry: u64, policy: Option<&str>) -> Self {
        let resource = encode(resource).into_owned();
        let data = format!("{resource}\n{expiry}");
        Self { resource, expiry, policy: policy.map(str::to_owned), data }
    }

    /// What is to be signed: the encoded resource, a line feed, the expiry.
    pub fn data(&self) -> &[u8] {
        self.data.as_bytes()
    }

    /// The token. `signature` is the HMAC-SHA256 of [`data`](Self::data), raw.
    pub fn signed(self, signature: &[u8]) -> Result<SasToken, SignatureError> {
        if signature.len() == SIGNATURE {
            Ok(SasToken::assemble(self, signature.to_vec()))
        } else {
            Err(SignatureError { length: signature.len() })
        }
    }
}

/// A signature that cannot be an HMAC-SHA256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureError {
    /// In bytes.
    pub length: usize,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.length;
        write!(
            f,
            "the signature has {length} bytes; the raw HMAC-SHA256 (not in base64 or hex) has {SIGNATURE}"
        )
    }
}

impl std::error::Error for SignatureError {}
