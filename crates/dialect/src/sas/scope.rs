//! What a token is for.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::token::SasToken;

/// The names in a token's resource, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SasScope {
    /// The hub, or whatever else stands first.
    pub host: String,
    /// The device; absent when the token is for the whole hub.
    pub device_id: Option<String>,
    /// The module of that device.
    pub module_id: Option<String>,
}

impl SasToken {
    /// The resource without its percent-encoding as a whole; ids may still have one of their own.
    pub fn decoded_resource(&self) -> Cow<'_, str> {
        plain(self.resource())
    }

    /// Reads `{host}/devices/{device}/modules/{module}` from the resource.
    pub fn scope(&self) -> SasScope {
        let resource = self.decoded_resource();
        let segments: Vec<&str> = resource.split('/').collect();
        let id = |text: &str| Some(plain(text).into_owned());
        let (host, device_id, module_id) = match *segments.as_slice() {
            [host, "devices", device, "modules", module] => (host, id(device), id(module)),
            [host, "devices", device] => (host, id(device), None),
            [host, ..] => (host, None, None),
            [] => ("", None, None),
        };
        SasScope { host: host.to_owned(), device_id, module_id }
    }
}

fn plain(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SymmetricKey;

    fn scope(resource: &str) -> (String, Option<String>, Option<String>) {
        let key = SymmetricKey::from_base64("c2VjcmV0IGtleSBvZiBhIHRlc3Q=").unwrap();
        let SasScope { host, device_id, module_id } = SasToken::sign(resource, &key, 1, None).scope();
        (host, device_id, module_id)
    }

    #[test]
    fn the_names_are_read_from_the_resource() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(scope("hub/devices/dev"), ("hub".into(), some("dev"), None));
        assert_eq!(scope("hub/devices/dev/modules/mod"), ("hub".into(), some("dev"), some("mod")));
        // Encoded on their own before the whole is.
        assert_eq!(scope("hub/devices/a%23b"), ("hub".into(), some("a#b"), None));
        assert_eq!(scope("hub"), ("hub".into(), None, None));
        assert_eq!(scope("hub/something/else"), ("hub".into(), None, None));
    }
}
