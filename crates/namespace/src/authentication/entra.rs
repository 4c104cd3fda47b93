//! Tokens of Entra ID, for the method `OAUTH2-JWT`: the namespace has an issuer of its own, which makes them for any object id.
//!
//! The issuer's key is made when the first token is, and kept in the state directory if there is one. No key is shipped.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::KeyPair;
use rsa::PrivateKey;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::admitted::Admitted;
use super::token::{InvalidToken, PublicKey, Unverified, sign};
use crate::attributes::Attributes;
use crate::broker::Identity;
use crate::names::{AuthenticationName, ObjectId};
use crate::principal::{Principal, Standing};
use azmqtt_local::files::{FileError, read_if_there, write_whole};
use azmqtt_local::state_dir::StateError;
use azmqtt_net::certificate::pem;
use azmqtt_net::sync::Mutex;

/// The authentication method.
pub const OAUTH2_JWT: &str = "OAUTH2-JWT";

/// Whom tokens for the broker are for. The slash may be missing.
pub const AUDIENCE: &str = "https://eventgrid.azure.net/";

/// The tenant of the local issuer.
pub const TENANT_ID: &str = "00000000-0000-4000-8000-0000000a2e01";

/// The object id of the namespace's managed identity.
pub const NAMESPACE_OBJECT_ID: &str = "00000000-0000-4000-8000-0000000a2e02";

/// Bits of the issuer's key; the fewest that ring takes.
const KEY_BITS: usize = 2048;

/// A file with a key is not longer, in bytes.
const MAX_KEY_FILE: usize = 16 << 10;

/// Why the issuer does not start, or makes no token.
#[derive(Debug)]
pub enum IssuerError {
    /// The file with its key cannot be read or written.
    State(StateError),
    /// No key can be made, or it does not sign; says why.
    Key(String),
}

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(error) => error.fmt(f),
            Self::Key(reason) => write!(f, "the key of the issuer of tokens: {reason}"),
        }
    }
}

impl std::error::Error for IssuerError {}

impl From<StateError> for IssuerError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<FileError> for IssuerError {
    fn from(error: FileError) -> Self {
        Self::State(error.into())
    }
}

/// The local issuer of tokens. `Debug` is not derived: it holds a private key.
pub struct TokenIssuer {
    key: Mutex<Option<Arc<IssuerKey>>>,
    /// Where the key is kept.
    file: Option<PathBuf>,
}

struct IssuerKey {
    pair: KeyPair,
    id: String,
}

impl TokenIssuer {
    /// The issuer whose key is kept in `file`, or nowhere. Reads it if it is there.
    ///
    /// # Errors
    /// The file does not hold a key.
    pub fn open(file: Option<PathBuf>) -> Result<Self, IssuerError> {
        let key = match &file {
            Some(path) => read_if_there(path)?.map(|bytes| load(path, &bytes)).transpose()?,
            None => None,
        };
        Ok(Self { key: Mutex::new(key.map(Arc::new)), file })
    }

    /// What the claim `iss` is.
    pub fn issuer() -> String {
        format!("https://sts.windows.net/{TENANT_ID}/")
    }

    /// A token for an object id and an audience, valid from now for as long as that. The first takes a moment: the key is
    /// made.
    ///
    /// # Errors
    /// The key cannot be made or kept.
    pub fn mint(
        &self,
        object_id: &ObjectId,
        audience: &str,
        lifetime: Duration,
    ) -> Result<String, IssuerError> {
        self.make(object_id.as_str(), audience, lifetime)
    }

    /// The same for the identity of the namespace itself ([`NAMESPACE_OBJECT_ID`]).
    ///
    /// # Errors
    /// As of [`Self::mint`].
    pub fn mint_own(&self, audience: &str, lifetime: Duration) -> Result<String, IssuerError> {
        self.make(NAMESPACE_OBJECT_ID, audience, lifetime)
    }

    fn make(&self, object_id: &str, audience: &str, lifetime: Duration) -> Result<String, IssuerError> {
        let key = self.key()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = json!({
            "aud": audience,
            "iss": Self::issuer(),
            "iat": now,
            "nbf": now,
            "exp": now.saturating_add(lifetime.as_secs()),
            "appid": object_id,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": TENANT_ID,
            "ver": "1.0",
        });
        sign(&key.pair, &key.id, &claims).ok_or_else(|| IssuerError::Key("it does not sign".to_owned()))
    }

    /// The public key with which tokens are checked, in PEM. The first call makes the key.
    ///
    /// # Errors
    /// As of [`Self::mint`].
    pub fn public_key(&self) -> Result<String, IssuerError> {
        use rsa::pkcs1::DecodeRsaPublicKey;
        let key = PublicKey::of_pair(&self.key()?.pair);
        let failed = |error: &dyn fmt::Display| IssuerError::Key(error.to_string());
        let key = rsa::PublicKey::from_pkcs1_der(key.der()).map_err(|error| failed(&error))?;
        key.to_public_key_pem(LineEnding::LF).map_err(|error| failed(&error))
    }

    /// Who shows this token.
    pub(super) fn admit(&self, data: &[u8], now: SystemTime) -> Result<Admitted, InvalidToken> {
        let token = Unverified::parse(data)?;
        if !token.is_of(&Self::issuer()) {
            return Err(InvalidToken::Issuer);
        }
        // Without a key there is no token of this issuer.
        let key = self.key.lock().clone().ok_or(InvalidToken::Signature)?;
        if token.key_id().is_some_and(|id| id != key.id) {
            return Err(InvalidToken::KeyId);
        }
        let claims = token.verify([&PublicKey::of_pair(&key.pair)])?;
        claims.check_audience(|audience| {
            audience.trim_end_matches('/').eq_ignore_ascii_case(AUDIENCE.trim_end_matches('/'))
        })?;
        let valid_for = claims.valid_for(now)?;
        let object_id = ObjectId::parse(claims.text("oid")?)
            .map_err(|_| InvalidToken::Claim("oid", "is no object id"))?;
        let name = AuthenticationName::from(&object_id);
        let principal = Principal { name, attributes: Attributes::default() };
        let identity = Identity { principal: Arc::new(principal), standing: Standing::Roles };
        Ok(Admitted { identity, valid_for })
    }

    fn key(&self) -> Result<Arc<IssuerKey>, IssuerError> {
        let mut place = self.key.lock();
        if let Some(key) = &*place {
            return Ok(key.clone());
        }
        let key = Arc::new(generate(self.file.as_deref())?);
        *place = Some(key.clone());
        Ok(key)
    }
}

/// Makes a key, and keeps it in the file.
fn generate(file: Option<&Path>) -> Result<IssuerKey, IssuerError> {
    let failed = |error: &dyn fmt::Display| IssuerError::Key(error.to_string());
    let key = PrivateKey::new(&mut getrandom::SysRng, KEY_BITS).map_err(|error| failed(&error))?;
    let der = key.to_pkcs8_der().map_err(|error| failed(&error))?;
    let key = IssuerKey::read(der.as_bytes()).map_err(|error| failed(&error))?;
    if let Some(file) = file {
        write_whole(file, pem::write("PRIVATE KEY", der.as_bytes()).as_bytes())?;
    }
    Ok(key)
}

fn load(path: &Path, bytes: &[u8]) -> Result<IssuerKey, StateError> {
    let damaged = |reason: &str| StateError::corrupt(path, reason);
    if bytes.len() > MAX_KEY_FILE {
        return Err(damaged("it is too long for a key"));
    }
    let sections = pem::read(bytes).map_err(|_| damaged("it is not PEM"))?;
    let [section] = &sections[..] else { return Err(damaged("it must contain exactly one key")) };
    IssuerKey::read(&section.der).map_err(|reason| StateError::corrupt(path, reason))
}

impl IssuerKey {
    /// Reads a key: DER of PKCS #8.
    fn read(der: &[u8]) -> Result<Self, ring::error::KeyRejected> {
        let pair = KeyPair::from_pkcs8(der)?;
        let digest = Sha256::digest(pair.public().as_ref());
        Ok(Self { id: URL_SAFE_NO_PAD.encode(digest), pair })
    }
}
