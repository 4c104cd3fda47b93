//! Device and module connection strings: `HostName=…;DeviceId=…;SharedAccessKey=…`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use super::identity::{Identity, IdentityError, check_host_name, check_id};
use super::pasted::{self, PastedError};
use super::sas::{KeyError, SasError, SasToken, SymmetricKey};

/// A parsed connection string of a device or module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionString {
    /// The hub's host name.
    pub host_name: String,
    /// The device's id.
    pub device_id: String,
    /// The module's id, when the string is a module's.
    pub module_id: Option<String>,
    /// The Edge gateway to dial instead of the hub.
    pub gateway_host_name: Option<String>,
    /// How to prove the identity. Its `Debug` hides secrets.
    pub auth: Auth,
}

/// How a device proves its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// By tokens signed with its own key.
    SharedAccessKey(SymmetricKey),
    /// By a token signed elsewhere.
    SharedAccessSignature(SasToken),
    /// By a client certificate, which a connection string only announces (`x509=true`).
    X509,
}

/// The keys of a connection string, in the order they are written.
const KEYS: [&str; 8] = [
    "HostName",
    "DeviceId",
    "ModuleId",
    "SharedAccessKeyName",
    "SharedAccessKey",
    "SharedAccessSignature",
    "GatewayHostName",
    "x509",
];
const HOST: usize = 0;
const DEVICE: usize = 1;
const MODULE: usize = 2;
const KEY_NAME: usize = 3;
const KEY: usize = 4;
const SIGNATURE: usize = 5;
const GATEWAY: usize = 6;
const X509: usize = 7;

impl ConnectionString {
    /// Parses a connection string.
    ///
    /// Key names are read without regard to case, whitespace around each part and a trailing `;` are tolerated, and a
    /// value may hold `=`. What surrounds the whole in an environment file or in `az`'s JSON is taken off, see [`bare`].
    /// Errors name keys, never the value of a key or signature.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        let text = bare(text)?;
        let values = split(&text)?;
        let required = |at: usize| values[at].ok_or(ConnectionStringError::Missing(KEYS[at]));
        if values[DEVICE].is_none() && values[KEY_NAME].is_some() {
            return Err(ConnectionStringError::ServicePolicy);
        }
        let host_name = required(HOST)?;
        let device_id = required(DEVICE)?;
        if values[KEY_NAME].is_some() {
            return Err(ConnectionStringError::PolicyOnDevice);
        }
        let invalid = |at: usize| move |error| ConnectionStringError::Invalid(KEYS[at], error);
        check_host_name(host_name).map_err(invalid(HOST))?;
        check_id("device id", device_id).map_err(invalid(DEVICE))?;
        values[MODULE].map_or(Ok(()), |id| check_id("module id", id)).map_err(invalid(MODULE))?;
        values[GATEWAY].map_or(Ok(()), check_host_name).map_err(invalid(GATEWAY))?;
        Ok(Self {
            host_name: host_name.to_owned(),
            device_id: device_id.to_owned(),
            module_id: values[MODULE].map(str::to_owned),
            gateway_host_name: values[GATEWAY].map(str::to_owned),
            auth: read_auth(&values)?,
        })
    }

    /// Writes the connection string, secrets included: for the hub's answers, never for a log.
    pub fn to_string_with_secrets(&self) -> String {
        let mut out = format!("HostName={};DeviceId={}", self.host_name, self.device_id);
        let mut push = |at: usize, value: &str| {
            out.push(';');
            out.push_str(KEYS[at]);
            out.push('=');
            out.push_str(value);
        };
        if let Some(module_id) = &self.module_id {
            push(MODULE, module_id);
        }
        match &self.auth {
            Auth::SharedAccessKey(key) => push(KEY, &key.as_base64()),
            Auth::SharedAccessSignature(token) => push(SIGNATURE, token.as_str()),
            Auth::X509 => push(X509, "true"),
        }
        if let Some(gateway) = &self.gateway_host_name {
            push(GATEWAY, gateway);
        }
        out
    }

    /// The identity the string speaks of.
    pub fn identity(&self) -> Identity {
        Identity {
            host_name: self.host_name.clone(),
            device_id: self.device_id.clone(),
            module_id: self.module_id.clone(),
        }
    }
}

/// A connection string, of a device or a service, without the quotes, the `NAME=`, the JSON or the byte order mark
/// around it.
pub fn bare(text: &str) -> Result<Cow<'_, str>, ConnectionStringError> {
    const KIND: pasted::Kind = pasted::Kind {
        starts: &[
            ("HostName", '='),
            ("DeviceId", '='),
            ("ModuleId", '='),
            ("SharedAccessKeyName", '='),
            ("SharedAccessKey", '='),
            ("SharedAccessSignature", '='),
            ("GatewayHostName", '='),
            ("x509", '='),
        ],
        member: "connectionString",
    };
    pasted::unwrap(text, &KIND).map_err(ConnectionStringError::Pasted)
}

/// The values by their place in [`KEYS`].
type Values<'a> = [Option<&'a str>; KEYS.len()];

fn split(text: &str) -> Result<Values<'_>, ConnectionStringError> {
    let mut values: Values<'_> = [None; KEYS.len()];
    let parts = text.split(';').map(str::trim).enumerate().filter(|(_, part)| !part.is_empty());
    for (index, part) in parts {
        let position = index + 1;
        let (name, value) = part.split_once('=').ok_or(ConnectionStringError::NotAPair { position })?;
        let (name, value) = (pasted::trim(name), pasted::without_quotes(value));
        let Some(at) = KEYS.iter().position(|key| key.eq_ignore_ascii_case(name)) else {
            return Err(ConnectionStringError::Unknown { position, name: harmless_name(name) });
        };
        if value.is_empty() {
            return Err(ConnectionStringError::Empty(KEYS[at]));
        }
        if values[at].replace(value).is_some() {
            return Err(ConnectionStringError::Doubled(KEYS[at]));
        }
    }
    if values.iter().all(Option::is_none) {
        return Err(ConnectionStringError::Missing(KEYS[HOST]));
    }
    Ok(values)
}

/// A bare key pasted alone ends in `=` and so looks like a name; only what cannot be one is shown.
fn harmless_name(name: &str) -> Option<String> {
    let harmless = (1..=24).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    harmless.then(|| name.to_owned())
}

fn read_auth(values: &Values<'_>) -> Result<Auth, ConnectionStringError> {
    let x509 = match values[X509] {
        None => false,
        Some(value) if value.eq_ignore_ascii_case("true") => true,
        Some(value) if value.eq_ignore_ascii_case("false") => false,
        Some(_) => return Err(ConnectionStringError::NotABoolean(KEYS[X509])),
    };
    match (values[KEY], values[SIGNATURE], x509) {
        (Some(key), None, false) => {
            SymmetricKey::from_pasted(key).map(Auth::SharedAccessKey).map_err(ConnectionStringError::Key)
        }
        (None, Some(token), false) => {
            SasToken::parse(token).map(Auth::SharedAccessSignature).map_err(ConnectionStringError::Token)
        }
        (None, None, true) => Ok(Auth::X509),
        (None, None, false) => {
            Err(ConnectionStringError::Missing("SharedAccessKey, SharedAccessSignature or x509=true"))
        }
        (Some(_), Some(_), _) => {
            Err(ConnectionStringError::Contradiction("SharedAccessKey", "SharedAccessSignature"))
        }
        (Some(_), _, true) => Err(ConnectionStringError::Contradiction("SharedAccessKey", "x509=true")),
        (_, Some(_), true) => Err(ConnectionStringError::Contradiction("SharedAccessSignature", "x509=true")),
    }
}

/// Why a connection string cannot be used. Names keys, never the value of a key or signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionStringError {
    /// It cannot be told from what surrounds it.
    Pasted(PastedError),
    /// A needed key is absent.
    Missing(&'static str),
    /// A key stands there twice.
    Doubled(&'static str),
    /// A key has no value.
    Empty(&'static str),
    /// A key nobody knows; its name is withheld when it might be a pasted secret.
    Unknown {
        /// Which part of the string, from 1.
        position: usize,
        /// The name, when it is surely no secret.
        name: Option<String>,
    },
    /// A part without `=`.
    NotAPair {
        /// Which part of the string, from 1.
        position: usize,
    },
    /// Two keys that exclude each other.
    Contradiction(&'static str, &'static str),
    /// A value that must be `true` or `false` is neither.
    NotABoolean(&'static str),
    /// A host name or id breaks a rule.
    Invalid(&'static str, IdentityError),
    /// `SharedAccessKey` cannot be decoded.
    Key(KeyError),
    /// `SharedAccessSignature` cannot be parsed.
    Token(SasError),
    /// A hub policy's connection string, which is for services.
    ServicePolicy,
    /// A hub policy's key beside a device id. Devices have keys of their own and should not hold a hub's.
    PolicyOnDevice,
}

impl fmt::Display for ConnectionStringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection string: ")?;
        match self {
            Self::Pasted(error) => error.fmt(f),
            Self::Missing(key) => write!(f, "{key} is missing"),
            Self::Doubled(key) => write!(f, "{key} occurs more than once"),
            Self::Empty(key) => write!(f, "{key} is empty"),
            Self::Unknown { name: Some(name), .. } => write!(f, "unknown key '{name}'"),
            Self::Unknown { position, name: None } => {
                write!(f, "part {position} starts with an unknown key (not shown, it may be a secret)")
            }
            Self::NotAPair { position } => write!(f, "part {position} is not of the form key=value"),
            Self::Contradiction(one, other) => write!(f, "{one} and {other} exclude each other"),
            Self::NotABoolean(key) => write!(f, "{key} must be true or false"),
            Self::Invalid(key, error) => write!(f, "{key}: {error}"),
            Self::Key(error) => write!(f, "SharedAccessKey: {error}"),
            Self::Token(error) => write!(f, "SharedAccessSignature: {error}"),
            Self::ServicePolicy => f.write_str(
                "DeviceId is missing and SharedAccessKeyName is present: this is the connection string of a hub \
                 policy, for services; use the device's own",
            ),
            Self::PolicyOnDevice => f.write_str(
                "SharedAccessKeyName names a hub policy, whose key does not belong on a device; use the device's own \
                 key, or a SharedAccessSignature made with the policy's",
            ),
        }
    }
}

impl std::error::Error for ConnectionStringError {}
