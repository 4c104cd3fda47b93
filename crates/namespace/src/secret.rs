//! Secrets of the management API: the bearer token, and access keys.

use std::fmt;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use azmqtt_local::secrets;

/// Bytes of a token or key.
const BYTES: usize = 32;

/// The bearer token of the namespace's owner: random, says nothing. Never shown by `Debug`, compared in constant time.
#[derive(Clone)]
pub struct BearerToken(String);

impl BearerToken {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate() -> io::Result<Self> {
        Ok(Self(URL_SAFE_NO_PAD.encode(secrets::random::<BYTES>()?)))
    }

    /// The token: a secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the token. The time that it takes says nothing of where they differ.
    pub fn is(&self, presented: &str) -> bool {
        secrets::equal(self.0.as_bytes(), presented.as_bytes())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// Two access keys, in base64.
///
/// # Errors
/// The system gives no random numbers.
pub fn access_keys() -> io::Result<[String; 2]> {
    let key = || secrets::random::<BYTES>().map(|bytes| STANDARD.encode(bytes));
    Ok([key()?, key()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_random_and_not_shown() {
        let (one, other) = (BearerToken::generate().unwrap(), BearerToken::generate().unwrap());
        assert_ne!(one.as_str(), other.as_str());
        assert_eq!(one.as_str().len(), 43);
        assert!(
            one.is(one.as_str()) && !one.is(other.as_str()) && !one.is("") && !one.is(&one.as_str()[1..])
        );
        assert!(!format!("{one:?}").contains(one.as_str()));
    }
}
