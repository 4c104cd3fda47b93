//! Who a session belongs to: host name, device id and module id, and the MQTT fields made from them.

use std::fmt;

use super::encoding::{decode, encode, push_encoded};

/// The service API version this crate speaks (IoT Hub docs, MQTT support: "username").
pub const API_VERSION: &str = "2021-04-12";

/// The longest device or module id, in characters (IoT Hub docs, identity registry).
pub const MAX_ID_LENGTH: usize = 128;

/// A device, or a module of a device, on a hub.
///
/// The fields are public because they are plain data; [`Identity::new`] is the way in that checks them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The hub's host name, as dialled and as signed.
    pub host_name: String,
    /// Case-sensitive, at most 128 characters.
    pub device_id: String,
    /// Present when the session is a module's.
    pub module_id: Option<String>,
}

/// What an MQTT user name may say besides the identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsernameOptions {
    /// Free text that names the client software (`DeviceClientType`).
    pub product_info: Option<String>,
    /// The DTDL model id, for example `dtmi:com:example:Thermostat;1`.
    pub model_id: Option<String>,
}

impl Identity {
    /// Checks the host name and both ids.
    pub fn new(host_name: &str, device_id: &str, module_id: Option<&str>) -> Result<Self, IdentityError> {
        check_host_name(host_name)?;
        check_id("device id", device_id)?;
        if let Some(module_id) = module_id {
            check_id("module id", module_id)?;
        }
        Ok(Self {
            host_name: host_name.to_owned(),
            device_id: device_id.to_owned(),
            module_id: module_id.map(str::to_owned),
        })
    }

    /// The MQTT client id: `{device}` or `{device}/{module}`.
    pub fn client_id(&self) -> String {
        match &self.module_id {
            None => self.device_id.clone(),
            Some(module_id) => format!("{}/{module_id}", self.device_id),
        }
    }

    /// The MQTT user name: `{host}/{device}[/{module}]/?api-version=…[&DeviceClientType=…][&model-id=…]`.
    pub fn username(&self, options: &UsernameOptions) -> String {
        let mut username = format!("{}/{}/?api-version={API_VERSION}", self.host_name, self.client_id());
        let extras = [("DeviceClientType", &options.product_info), ("model-id", &options.model_id)];
        for (name, value) in extras {
            if let Some(value) = value {
                username.push('&');
                username.push_str(name);
                username.push('=');
                push_encoded(&mut username, value);
            }
        }
        username
    }

    /// The resource a SAS token for this identity is signed over, before the encoding of the whole:
    /// `{host}/devices/{device}[/modules/{module}]`.
    ///
    /// Ids are encoded on their own first, so that one with reserved characters stays one path segment.
    pub fn sas_resource(&self) -> String {
        let mut resource = format!("{}/devices/{}", self.host_name, encode(&self.device_id));
        if let Some(module_id) = &self.module_id {
            resource.push_str("/modules/");
            push_encoded(&mut resource, module_id);
        }
        resource
    }
}

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

fn is_query(text: &str) -> bool {
    text.starts_with('?') || text.split_once('=').is_some_and(|(key, _)| USERNAME_KEYS.contains(&key))
}

/// Checks a host name: letters, digits, `-`, `_` and `.`, no scheme, port or path.
pub fn check_host_name(host_name: &str) -> Result<(), IdentityError> {
    let refuse = |rule| Err(IdentityError { field: "host name", rule });
    if host_name.is_empty() {
        refuse("must not be empty")
    } else if host_name.contains("://") {
        refuse("must be a bare name, without a scheme such as https://")
    } else if host_name.contains(['/', '\\']) {
        refuse("must be a bare name, without a slash or path")
    } else if host_name.contains(':') {
        refuse("must be a bare name, without a port (the port is an option of its own)")
    } else if host_name.len() > 253 {
        refuse("must have at most 253 characters")
    } else if !host_name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        refuse("may hold only ASCII letters, digits, '-', '_' and '.'")
    } else if host_name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        refuse("must be labels of 1 to 63 characters joined by dots")
    } else {
        Ok(())
    }
}

/// Checks a device or module id; `field` is how the error calls it.
///
/// The character set is the registry's (IoT Hub docs, identity registry: "device identity properties") less `+` and
/// `#`: those two are legal in the registry but not in a topic name, and over MQTT the id is part of topics as it is.
pub fn check_id(field: &'static str, id: &str) -> Result<(), IdentityError> {
    let refuse = |rule| Err(IdentityError { field, rule });
    if id.is_empty() {
        refuse("must not be empty")
    } else if id.contains(['+', '#']) {
        refuse("must not hold '+' or '#': they cannot stand in an MQTT topic name")
    } else if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.%_*?!(),:=@$'".contains(&b)) {
        refuse("may hold only ASCII letters, digits and - . % _ * ? ! ( ) , : = @ $ '")
    } else if id.len() > MAX_ID_LENGTH {
        refuse("must have at most 128 characters")
    } else {
        Ok(())
    }
}

/// A host name or id that breaks a rule. Says which one and why, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityError {
    field: &'static str,
    rule: &'static str,
}

impl IdentityError {
    /// What was wrong: `host name`, `device id` or `module id`.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The rule it breaks, as a phrase that follows the field's name.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.rule)
    }
}

impl std::error::Error for IdentityError {}

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
