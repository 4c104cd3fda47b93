//! A token that a check shows to the broker.

use std::fmt;

use bytes::Bytes;

use crate::managed::{Authenticator, Credential, Purpose};
use azmqtt_net::BoxFuture;

/// Authentication data that Event Grid takes, in bytes ("Limits": 8 KB).
const EVENT_GRID_LIMIT: usize = 8 * 1024;

/// A token as CONNECT shows it. `Debug` does not show it.
#[derive(Clone)]
pub struct Token {
    /// The authentication method, such as `OAUTH2-JWT`.
    pub method: String,
    /// The token.
    pub text: Bytes,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Shows this token and no other.
impl Authenticator for Token {
    fn method(&self) -> &str {
        &self.method
    }

    fn begin(&self, _: Purpose) -> BoxFuture<'_, Result<Credential, String>> {
        // The check says itself what is to be seen of it.
        let doubts = Some(String::new());
        let credential = Credential { data: self.text.clone(), renew_after: None, expiry: None, doubts };
        Box::pin(std::future::ready(Ok(credential)))
    }
}

/// What is wrong with the size of a token for a broker of Event Grid.
pub(super) fn too_long(token: &Token) -> Option<String> {
    let length = token.text.len();
    (length > EVENT_GRID_LIMIT)
        .then(|| format!("the token has {length} bytes, and Event Grid allows {EVENT_GRID_LIMIT}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;

    #[test]
    fn nothing_of_a_token_is_shown() {
        let token = Token { method: "CUSTOM-JWT".to_owned(), text: "secret.secret.secret".into() };
        assert!(!format!("{token:?}").contains("secret"));
        assert!(!Claims::read(&token.text).unwrap_err().contains("secret"));
        assert_eq!(too_long(&token), None);
        let long = Token { text: vec![b'a'; 8193].into(), ..token };
        assert!(too_long(&long).unwrap().contains("8193"));
    }
}
