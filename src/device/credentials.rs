//! How a device proves who it is.

use std::time::Duration;

use crate::dialect::{Identity, SasToken, SymmetricKey};

/// What the password of CONNECT is made from. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// The device's key: tokens are signed as needed.
    Key(SymmetricKey),
    /// A token signed elsewhere: it cannot be renewed here.
    Token(SasToken),
}

/// A password and what is known of its life.
pub(super) struct Password {
    pub text: String,
    /// When a new one should be in use, as a span from now; `None` if there is no way to make one.
    pub renew_after: Option<Duration>,
}

/// A token is renewed after this share of its life, so that a few failed attempts do not let it expire.
const RENEW_AFTER: f64 = 0.85;

impl Credentials {
    /// Makes the password for a CONNECT at `now`, in seconds of Unix time.
    pub(super) fn password(&self, identity: &Identity, ttl: Duration, now: u64) -> Password {
        match self {
            Self::Key(key) => {
                // Whole seconds on the wire: a part of one counts as one.
                let seconds = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0)).max(1);
                let expiry = now.saturating_add(seconds);
                let token = SasToken::sign(&identity.sas_resource(), key, expiry, None);
                let renew_after = Duration::from_secs(seconds).mul_f64(RENEW_AFTER);
                Password { text: token.to_token(), renew_after: Some(renew_after) }
            }
            Self::Token(token) => Password { text: token.to_token(), renew_after: None },
        }
    }

    /// Whether another password can be made after this one was refused.
    pub(super) fn can_renew(&self) -> bool {
        matches!(self, Self::Key(_))
    }

    /// Says why a refusal was to be expected at `now`, if it was.
    pub(super) fn explain_refusal(&self, now: u64) -> &'static str {
        match self {
            Self::Token(token) if token.expiry() <= now => "the SAS token has expired",
            Self::Token(_) => "is the token signed for this device and hub?",
            Self::Key(_) => {
                "is the key this device's, does the device exist on this hub, is that the hub's own name, and is this \
                 machine's clock right?"
            }
        }
    }
}
