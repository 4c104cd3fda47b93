//! Who a session belongs to: host name, device id and module id, and the MQTT fields made from them.

#[cfg(test)]
mod tests;
mod username;

use std::fmt;

pub use username::{Username, UsernameError};

use super::encoding::{encode, push_encoded};

/// The service API version this crate speaks (IoT Hub docs, MQTT support: "username").
pub const API_VERSION: &str = "2021-04-12";

/// Where a hub, and the provisioning service, take MQTT over WebSockets (IoT Hub docs, "Use MQTT").
pub const WEBSOCKET_PATH: &str = "/$iothub/websocket";

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

/// Checks a host name: letters, digits, `-`, `_` and `.`, no scheme, port or path.
pub fn check_host_name(host_name: &str) -> Result<(), IdentityError> {
    let refuse = |rule| Err(IdentityError { field: "host name", rule });
    if host_name.is_empty() {
        refuse("must not be empty")
    } else if host_name.contains("://") {
        refuse("must be a bare name, without a scheme such as mqtts:// or https://")
    } else if host_name.contains(['/', '\\']) {
        refuse("must be a bare name, without a slash or path")
    } else if host_name.contains(':') {
        refuse("must be a bare name, without a port (the port is an option of its own)")
    } else if host_name.len() > 253 {
        refuse("must have at most 253 characters")
    } else if !host_name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        refuse("may contain only ASCII letters, digits, '-', '_' and '.'")
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
        refuse("must not contain '+' or '#', which an MQTT topic name cannot contain")
    } else if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.%_*?!(),:=@$'".contains(&b)) {
        refuse("may contain only ASCII letters, digits and - . % _ * ? ! ( ) , : = @ $ '")
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
    pub(super) fn new(field: &'static str, rule: &'static str) -> Self {
        Self { field, rule }
    }

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
