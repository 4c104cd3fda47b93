//! MQTT user names as a hub reads them.

use std::fmt;

use super::{Identity, IdentityError};
use crate::encoding::decode;

/// What a hub reads from an MQTT user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    /// The host name the client believes it dialled.
    pub host_name: String,
    /// The device's id.
    pub device_id: String,
    /// The module's id, when the session is a module's.
    pub module_id: Option<String>,
    /// Without one the service takes telemetry but refuses twin patches.
    pub api_version: Option<String>,
    /// `DeviceClientType`, decoded.
    pub product_info: Option<String>,
    /// `model-id`, decoded.
    pub model_id: Option<String>,
}

/// The parameters of a user name that are known to be used, hence also where an older spelling without `?` starts.
const USERNAME_KEYS: [&str; 4] = ["api-version", "DeviceClientType", "model-id", "auth-chain"];

impl Username {
    /// Parses `{host}/{device}[/{module}]/?api-version=…`; the older spelling without the `?` is accepted.
    /// Unknown parameters are ignored and the first of a repeated one counts.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        let (host_name, rest) = text.split_once('/').ok_or(UsernameError::MissingDevice)?;
        let (device_id, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let (module_id, query) = if rest.is_empty() || is_query(rest) {
            (None, rest)
        } else {
            let (module_id, query) = rest.split_once('/').unwrap_or((rest, ""));
            (Some(module_id), query)
        };
        let identity = Identity::new(host_name, device_id, module_id).map_err(UsernameError::Identity)?;
        let mut username = Self {
            host_name: identity.host_name,
            device_id: identity.device_id,
            module_id: identity.module_id,
            api_version: None,
            product_info: None,
            model_id: None,
        };
        username.read_query(query)?;
        Ok(username)
    }

    /// The identity in this user name.
    pub fn identity(&self) -> Identity {
        Identity {
            host_name: self.host_name.clone(),
            device_id: self.device_id.clone(),
            module_id: self.module_id.clone(),
        }
    }

    fn read_query(&mut self, query: &str) -> Result<(), UsernameError> {
        for pair in query.strip_prefix('?').unwrap_or(query).split('&') {
            let Some((key, value)) = pair.split_once('=') else { continue };
            let slot = match key {
                "api-version" => &mut self.api_version,
                "DeviceClientType" => &mut self.product_info,
                "model-id" => &mut self.model_id,
                _ => continue,
            };
            if slot.is_none() {
                *slot = Some(decode(value).ok_or(UsernameError::Encoding)?.into_owned());
            }
        }
        Ok(())
    }
}

pub(super) fn is_query(text: &str) -> bool {
    text.starts_with('?') || text.split_once('=').is_some_and(|(key, _)| USERNAME_KEYS.contains(&key))
}

/// Why a hub cannot read a user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsernameError {
    /// No `/` after the host name.
    MissingDevice,
    /// The host name or an id breaks a rule.
    Identity(IdentityError),
    /// A parameter is not well-formed percent-encoded UTF-8.
    Encoding,
}

impl fmt::Display for UsernameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingDevice => {
                f.write_str("user name has no device id: expected {host}/{device}/?api-version=…")
            }
            Self::Identity(error) => write!(f, "user name: {error}"),
            Self::Encoding => f.write_str("user name has a malformed percent-encoding"),
        }
    }
}

impl std::error::Error for UsernameError {}
