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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn identity(module_id: Option<&str>) -> Identity {
        Identity::new("h.azure-devices.net", "d1", module_id).unwrap()
    }

    #[test]
    fn connect_fields_of_a_device() {
        let identity = identity(None);
        assert_eq!(identity.client_id(), "d1");
        let username = identity.username(&UsernameOptions::default());
        assert_eq!(username, "h.azure-devices.net/d1/?api-version=2021-04-12");
        assert_eq!(identity.sas_resource(), "h.azure-devices.net/devices/d1");
    }

    #[test]
    fn connect_fields_of_a_module() {
        let identity = identity(Some("m1"));
        assert_eq!(identity.client_id(), "d1/m1");
        let options = UsernameOptions {
            product_info: Some("azmqtt/0.1 (Linux)".to_owned()),
            model_id: Some("dtmi:com:example:Thermostat;1".to_owned()),
        };
        assert_eq!(
            identity.username(&options),
            "h.azure-devices.net/d1/m1/?api-version=2021-04-12&DeviceClientType=azmqtt%2F0.1%20%28Linux%29\
             &model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1"
        );
        assert_eq!(identity.sas_resource(), "h.azure-devices.net/devices/d1/modules/m1");
    }

    #[test]
    fn ids_are_encoded_in_resources_and_nowhere_else() {
        let identity = Identity::new("h", "a@b", None).unwrap();
        assert_eq!(identity.sas_resource(), "h/devices/a%40b");
        assert_eq!(identity.client_id(), "a@b");
    }

    #[test]
    fn older_and_odd_user_names_are_read() {
        let parse = |text| Username::parse(text).unwrap();
        let old = parse("h/d/api-version=2016-11-14");
        assert_eq!((old.module_id, old.api_version.as_deref()), (None, Some("2016-11-14")));
        let old = parse("h/d/m/api-version=2016-11-14&DeviceClientType=a/b");
        assert_eq!((old.module_id.as_deref(), old.product_info.as_deref()), (Some("m"), Some("a/b")));
        assert_eq!(parse("h/d/?api-version=1&api-version=2").api_version.as_deref(), Some("1"));
        for bare in ["h/d", "h/d/", "h/d/?", "h/d/?x=y&"] {
            let username = parse(bare);
            assert_eq!((username.device_id.as_str(), username.api_version), ("d", None), "{bare}");
        }
        assert_eq!(parse("h/d/m").module_id.as_deref(), Some("m"));
        assert_eq!(parse("h/d/m/").identity(), Identity::new("h", "d", Some("m")).unwrap());
    }

    #[test]
    fn bad_user_names() {
        assert_eq!(Username::parse("h"), Err(UsernameError::MissingDevice));
        assert_eq!(Username::parse("h/d/?api-version=%zz"), Err(UsernameError::Encoding));
        for bad in ["/d/", "h//", "h/a+b/", "h:1/d/", "h/d/m#/?"] {
            assert!(matches!(Username::parse(bad), Err(UsernameError::Identity(_))), "{bad}");
        }
    }

    #[test]
    fn host_names_say_what_is_wrong() {
        for good in ["localhost", "127.0.0.1", "my_hub-1.device.azure-devices.net"] {
            assert_eq!(check_host_name(good), Ok(()), "{good}");
        }
        for (bad, hint) in [
            ("", "empty"),
            ("https://h.net", "scheme"),
            ("h.net/", "slash"),
            ("h.net:8883", "port"),
            ("h net", "letters"),
            ("hé.net", "letters"),
            ("h..net", "labels"),
            ("h.net.", "labels"),
        ] {
            let error = check_host_name(bad).unwrap_err();
            assert!(error.to_string().contains(hint), "{bad}: {error}");
        }
        assert!(check_host_name(&"a.".repeat(200)).is_err());
    }

    #[test]
    fn ids_say_what_is_wrong() {
        assert_eq!(check_id("device id", "-.%_*?!(),:=@$'azAZ09"), Ok(()));
        assert_eq!(check_id("device id", &"a".repeat(128)), Ok(()));
        for (bad, hint) in
            [("", "empty"), ("a+b", "MQTT"), ("#", "MQTT"), ("a/b", "letters"), ("é", "letters")]
        {
            let error = check_id("module id", bad).unwrap_err();
            assert!(
                error.to_string().starts_with("module id") && error.to_string().contains(hint),
                "{error}"
            );
        }
        assert!(check_id("device id", &"a".repeat(129)).unwrap_err().rule().contains("128"));
    }

    const ID: &str = "[A-Za-z0-9.%_*?!(),:=@$'-]{1,12}";

    proptest! {
        #[test]
        fn user_names_round_trip(
            host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
            device in ID,
            // A module whose own name looks like a query cannot be told apart from the older spelling.
            module in option::of(ID.prop_filter("query", |id| !is_query(id))),
            product_info in option::of(".{0,12}"),
            model_id in option::of(".{0,12}"),
        ) {
            let identity = Identity::new(&host, &device, module.as_deref()).unwrap();
            let options = UsernameOptions { product_info, model_id };
            let parsed = Username::parse(&identity.username(&options)).unwrap();
            prop_assert_eq!(parsed.identity(), identity);
            prop_assert_eq!(parsed.api_version.as_deref(), Some(API_VERSION));
            prop_assert_eq!(parsed.product_info, options.product_info);
            prop_assert_eq!(parsed.model_id, options.model_id);
        }

        #[test]
        fn parsing_is_total(any in any::<String>(), near in "[a-z/?=&%é]{0,24}") {
            let _ = Username::parse(&any);
            let _ = Username::parse(&near);
        }
    }
}
