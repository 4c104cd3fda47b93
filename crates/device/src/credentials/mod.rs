//! How a device proves who it is: by tokens that it signs or has signed, by tokens made elsewhere, or by a client
//! certificate.
//!
//! [`Credentials::sign_resource`] is for every request that shows a token (CONNECT, HTTPS, device provisioning);
//! [`Credentials::certificate`] is for the TLS side of those that show none. A [`Signer`] or [`TokenSource`] may take
//! its time: both are asked in a future of their own, never by the task that keeps a connection, and within a deadline.

mod certificate;
mod keys;
mod ready;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use self::keys::Keys;
use self::ready::ReadyToken;
use super::error::{Error, Step};

use azmqtt_dialect::sas::UnsignedToken;
use azmqtt_dialect::{Identity, SasToken, SymmetricKey};
use azmqtt_net::{BoxFuture, ClientCertificate, connect_step};

/// Makes signatures with a key that is kept elsewhere: in a TPM, in an HSM, with the IoT Edge runtime.
pub trait Signer: Send + Sync {
    /// The raw HMAC-SHA256 of `data`, 32 bytes; an error says what happened, without a secret. Dropping the future
    /// takes the question back.
    fn sign<'a>(&'a self, data: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>>;

    /// What errors call it.
    fn name(&self) -> &str;
}

/// Gets tokens that are signed elsewhere.
pub trait TokenSource: Send + Sync {
    /// A new token; an error says what happened, without a secret. Dropping the future takes the question back.
    fn token(&self) -> BoxFuture<'_, Result<SasToken, String>>;

    /// What errors call it.
    fn name(&self) -> &str;
}

/// What a device proves its identity with. Clones share what they learn (which key the hub takes, the newest token).
/// `Debug` shows no secret.
#[derive(Clone)]
pub struct Credentials(Kind);

#[derive(Clone)]
enum Kind {
    /// The device's own keys: tokens are signed as needed.
    Keys(Arc<Keys>),
    /// The same with a key that is kept elsewhere.
    Signer(Arc<dyn Signer>),
    /// A token signed elsewhere, and perhaps a way to get the next.
    Token(Arc<ReadyToken>),
    /// X.509: the TLS handshake proves the identity, and there is no token.
    Certificate(ClientCertificate),
}

/// A password and what is known of its life.
pub(super) struct Password {
    /// Empty for X.509.
    pub text: String,
    /// When it expires, in Unix seconds; `None` without a token.
    pub expiry: Option<u64>,
    /// When a new one should be in use, as a span from now; `None` if there is no way to make one.
    pub renew_after: Option<Duration>,
}

/// What a connection is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// There is none: a token that is still good will do.
    Connect,
    /// There is one: its token, which expires at this time in Unix seconds, must be replaced, or it can just stay as
    /// it is.
    Renew {
        /// 0 for a connection without a token.
        expiry: u64,
    },
}

/// What the hub refused in a row, for one who asks.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u32,
    /// The first was of the secondary key.
    first: bool,
}

/// A token, and when it should be replaced.
struct Authorization {
    token: SasToken,
    renew_after: Option<Duration>,
}

/// A token is renewed after this share of its life, so that a few failed attempts do not let it expire.
const RENEW_AFTER: f64 = 0.85;

impl Credentials {
    /// The device's own key.
    pub fn key(primary: SymmetricKey) -> Self {
        Self::keys(primary, None)
    }

    /// The device's own keys; the second is tried when the hub refuses the first.
    pub fn keys(primary: SymmetricKey, secondary: Option<SymmetricKey>) -> Self {
        Self(Kind::Keys(Arc::new(Keys::new(primary, secondary))))
    }

    /// A key that is kept elsewhere.
    pub fn signer(signer: Arc<dyn Signer>) -> Self {
        Self(Kind::Signer(signer))
    }

    /// A token signed elsewhere. Without a source it cannot be renewed.
    pub fn token(token: SasToken, source: Option<Arc<dyn TokenSource>>) -> Self {
        Self(Kind::Token(Arc::new(ReadyToken::new(token, source, unix_now()))))
    }

    /// X.509. Endpoints that are dialled with it need the same certificate as
    /// [`Endpoint::client_certificate`](super::Endpoint::client_certificate).
    pub fn x509(certificate: ClientCertificate) -> Self {
        Self(Kind::Certificate(certificate))
    }

    /// The client certificate, for X.509.
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        match &self.0 {
            Kind::Certificate(certificate) => Some(certificate),
            Kind::Keys(_) | Kind::Signer(_) | Kind::Token(_) => None,
        }
    }

    /// A token for `resource` (not yet encoded as a whole, see [`Identity::sas_resource`]) that is valid for `ttl`,
    /// as far as it is signed here; `None` for X.509, where the TLS handshake says it all. `policy` is the token's
    /// `skn`, absent for a device's own key. Takes no longer than `limit`.
    ///
    /// # Errors
    /// [`Error::ConnectionFailed`] with [`Step::Credentials`].
    pub async fn sign_resource(
        &self,
        resource: &str,
        ttl: Duration,
        policy: Option<&str>,
        limit: Duration,
    ) -> Result<Option<SasToken>, Error> {
        let authorized = self.authorize(resource, ttl, policy, Purpose::Connect, limit).await;
        authorized.map(|authorized| authorized.map(|it| it.token)).map_err(failed)
    }

    /// Makes the password for a CONNECT.
    pub(super) async fn password(
        &self,
        identity: &Identity,
        ttl: Duration,
        purpose: Purpose,
        limit: Duration,
    ) -> Result<Password, Error> {
        let resource = identity.sas_resource();
        match self.authorize(&resource, ttl, None, purpose, limit).await.map_err(failed)? {
            Some(Authorization { token, renew_after }) => {
                Ok(Password { text: token.to_token(), expiry: Some(token.expiry()), renew_after })
            }
            None => Ok(Password { text: String::new(), expiry: None, renew_after: None }),
        }
    }

    /// Whether the password must be at hand before a stream is opened: whoever makes tokens elsewhere may take longer
    /// than a hub waits for CONNECT. A signature had better be fresh.
    pub(super) fn come_first(&self) -> bool {
        matches!(self.0, Kind::Token(_))
    }

    async fn authorize(
        &self,
        resource: &str,
        ttl: Duration,
        policy: Option<&str>,
        purpose: Purpose,
        limit: Duration,
    ) -> Result<Option<Authorization>, String> {
        let signer: &dyn Signer = match &self.0 {
            Kind::Certificate(_) => return Ok(None),
            Kind::Token(token) => {
                let (token, renew_after) = token.get(resource, purpose, limit).await?;
                return Ok(Some(Authorization { token, renew_after }));
            }
            Kind::Keys(keys) => keys.as_ref(),
            Kind::Signer(signer) => signer.as_ref(),
        };
        // Whole seconds on the wire: a part of one counts as one.
        let seconds = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0)).max(1);
        let unsigned = UnsignedToken::new(resource, unix_now().saturating_add(seconds), policy);
        let signature = bounded(signer.name(), "no signature", limit, signer.sign(unsigned.data())).await?;
        let token = unsigned.signed(&signature).map_err(|error| format!("{}: {error}", signer.name()))?;
        Ok(Some(Authorization {
            token,
            renew_after: Some(Duration::from_secs(seconds).mul_f64(RENEW_AFTER)),
        }))
    }

    /// The hub refused. Prepares what is to be tried next; false when everything was.
    pub(super) fn try_next(&self, refusals: &mut Refusals) -> bool {
        refusals.count += 1;
        match &self.0 {
            Kind::Keys(keys) => keys.try_next(refusals),
            // It may have been refused for its time.
            Kind::Signer(_) => refusals.count == 1,
            Kind::Token(token) => refusals.count == 1 && token.refused(),
            Kind::Certificate(_) => false,
        }
    }

    /// Says what a refusal usually means.
    pub(super) fn explain_refusal(&self) -> String {
        let now = unix_now();
        match &self.0 {
            Kind::Token(token) => token.explain_refusal(now),
            Kind::Keys(keys) => format!("{}, {USUAL}", keys.question()),
            Kind::Signer(signer) => format!("does {} use this device's key, {USUAL}", signer.name()),
            Kind::Certificate(certificate) => certificate::explain_refusal(certificate, now),
        }
    }
}

/// What else to look at after a refusal of a token that was signed here.
const USUAL: &str =
    "does the device exist on this hub, is that the hub's own name, and is this machine's clock right?";

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Keys(_) => f.write_str("Credentials::Keys(…)"),
            Kind::Signer(signer) => write!(f, "Credentials::Signer({})", signer.name()),
            Kind::Token(_) => f.write_str("Credentials::Token(…)"),
            Kind::Certificate(certificate) => certificate.fmt(f),
        }
    }
}

/// Seconds of Unix time.
pub(super) fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn failed(reason: String) -> Error {
    Error::ConnectionFailed { step: Step::Credentials, reason }
}

/// Asks somebody who may never answer.
async fn bounded<T>(
    name: &str,
    missing: &str,
    limit: Duration,
    asked: BoxFuture<'_, Result<T, String>>,
) -> Result<T, String> {
    connect_step::begins(Step::Credentials);
    let answered = timeout(limit, asked).await;
    connect_step::is_over();
    match answered {
        Ok(answer) => answer.map_err(|error| format!("{name}: {error}")),
        Err(_) => Err(format!("{name}: {missing} within {} s", limit.as_secs_f64())),
    }
}
