//! Who proves the client's identity by AUTH (MQTT 5 §4.12), and keeps doing so.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use azmqtt_net::BoxFuture;

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A CONNECT.
    Connect,
    /// An AUTH with Re-authenticate (0x19) on a connection that stands.
    Renew,
}

/// What is shown to the broker as authentication data. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The authentication data.
    pub data: Bytes,
    /// When to ask for the next one, from now; `None` for never.
    pub renew_after: Option<Duration>,
    /// Until when it is valid, in seconds of Unix time; `None` if that is not known.
    pub expiry: Option<u64>,
    /// What the broker may not like about it, for the error if it does not; nothing that is secret. With `None` the client
    /// looks itself, where the data of the method are JSON Web Tokens.
    pub doubts: Option<String>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("renew_after", &self.renew_after)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

/// Makes the authentication data of one method. Its futures run on the client's task, which they must not block; dropping
/// one takes the question back. An error says what happened, and holds no secret.
pub trait Authenticator: Send + Sync {
    /// The authentication method, such as `OAUTH2-JWT`.
    fn method(&self) -> &str;

    /// The data that an authentication begins with.
    fn begin(&self, purpose: Purpose) -> BoxFuture<'_, Result<Credential, String>>;

    /// The answer to a challenge of the broker's (AUTH 0x18).
    fn challenge(&self, data: Bytes) -> BoxFuture<'_, Result<Bytes, String>> {
        let _ = data;
        Box::pin(std::future::ready(Err(format!("{} knows no challenge", self.method()))))
    }

    /// Whether AUTH 0x18 during a renewal means "try again later", and not a challenge.
    fn wait_allowed(&self) -> bool {
        false
    }

    /// Resolves when there is a new credential, which is to be shown at once. Never, by default.
    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// What errors call it.
    fn name(&self) -> &str {
        self.method()
    }
}
