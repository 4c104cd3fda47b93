//! The namespace itself as it is kept.

use std::fmt;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::stamp::Stamp;
use crate::config::NamespaceConfig;
use crate::documents::{ApiSurface, NamespaceDocument};
use crate::limits::Limits;
use crate::secret;
use azmqtt_local::state_dir::StateError;

/// The namespace as it is kept.
#[derive(Debug, Clone)]
pub struct NamespaceRecord {
    /// As its owner has written it.
    pub document: NamespaceDocument,
    /// When it was made and changed.
    pub stamp: Stamp,
    /// Its access keys.
    pub keys: Keys,
    /// Nobody has written it yet: it is what a namespace starts with.
    pub is_initial: bool,
}

/// The access keys of a namespace, in base64. Publishing by HTTP to its topics would use them, which is not here. Never shown
/// by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(pub [String; 2]);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// Where a namespace is said to be that nobody has placed.
const LOCATION: &str = "local";

impl NamespaceRecord {
    /// What a namespace starts with.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(config: &NamespaceConfig) -> io::Result<Self> {
        let Limits { clients, session_expiry, sessions_per_name, .. } = config.limits;
        let hours = u16::try_from(session_expiry.div_ceil(3600)).unwrap_or(u16::MAX);
        let sessions = u16::try_from(sessions_per_name).unwrap_or(u16::MAX);
        let units = u16::try_from(clients / 10_000).unwrap_or(u16::MAX);
        let document = NamespaceDocument::new(LOCATION, units, hours, sessions);
        let keys = Keys(secret::access_keys()?);
        Ok(Self { document, stamp: Stamp::now(), keys, is_initial: true })
    }

    pub(super) fn to_file(&self) -> Value {
        json!({ "body": self.document.body(), "at": self.stamp.to_file(), "keys": self.keys.0 })
    }

    pub(super) fn from_file(path: &Path, value: &Value) -> Result<Self, StateError> {
        let corrupt = |reason: &str| StateError::corrupt(path, reason);
        let document =
            NamespaceDocument::read(value.get("body").unwrap_or(&Value::Null), ApiSurface::Preview);
        let document = document.map_err(|error| StateError::corrupt(path, error))?;
        let stamp = Stamp::from_file(value.get("at")).ok_or_else(|| corrupt("it says no time"))?;
        let key = |index: usize| value.get("keys")?.get(index)?.as_str().map(str::to_owned);
        let (Some(first), Some(second)) = (key(0), key(1)) else { return Err(corrupt("it has no keys")) };
        Ok(Self { document, stamp, keys: Keys([first, second]), is_initial: false })
    }
}
