//! A message's properties as headers of HTTP (IoT Hub docs, "Create and read IoT Hub messages": the names over HTTPS).

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::error::HubError;
use azmqtt_dialect::MessageProperties;

/// What an application property's name has before it.
const APPLICATION: &str = "iothub-app-";

/// The properties that a request's headers give a message. Header names have no case: the application's come in small
/// letters. Other headers are none of the message's.
///
/// # Errors
/// [`HubError::Argument`], which names the property.
pub(super) fn read(headers: &HeaderMap) -> Result<MessageProperties, HubError> {
    let mut properties = MessageProperties::default();
    for (name, value) in headers {
        let name = name.as_str();
        if name.starts_with("iothub-") {
            let text = std::str::from_utf8(value.as_bytes());
            let text = text.map_err(|_| HubError::Argument(format!("{name} must be UTF-8 text")))?;
            set(&mut properties, name, text);
        }
    }
    checked(properties)
}

/// The same of the `properties` of an entry in a batch, where names have their case.
pub(super) fn read_json(object: &Map<String, Value>) -> Result<MessageProperties, HubError> {
    let mut properties = MessageProperties::default();
    for (name, value) in object {
        let text = value.as_str().ok_or_else(|| HubError::Argument(format!("{name} must be text")))?;
        set(&mut properties, name, text);
    }
    checked(properties)
}

fn checked(properties: MessageProperties) -> Result<MessageProperties, HubError> {
    let valid = properties.validate();
    valid.map(|()| properties).map_err(|error| HubError::Argument(error.to_string()))
}

fn set(properties: &mut MessageProperties, name: &str, value: &str) {
    if let Some(name) = strip_application(name) {
        properties.application.push((name.to_owned(), value.to_owned()));
    } else if let Some(slot) = slot(properties, &name.to_ascii_lowercase()) {
        *slot = Some(value.to_owned());
    }
}

fn strip_application(name: &str) -> Option<&str> {
    let prefix = name.get(..APPLICATION.len())?;
    prefix.eq_ignore_ascii_case(APPLICATION).then(|| &name[APPLICATION.len()..])
}

/// The names of system properties over HTTPS.
fn slot<'a>(properties: &'a mut MessageProperties, name: &str) -> Option<&'a mut Option<String>> {
    Some(match name {
        "iothub-messageid" => &mut properties.message_id,
        "iothub-correlationid" => &mut properties.correlation_id,
        "iothub-userid" => &mut properties.user_id,
        "iothub-to" => &mut properties.to,
        "iothub-expiry" => &mut properties.expiry,
        "iothub-ack" => &mut properties.ack,
        "iothub-contenttype" => &mut properties.content_type,
        "iothub-contentencoding" => &mut properties.content_encoding,
        "iothub-creation-time-utc" | "iothub-creationtimeutc" => &mut properties.creation_time,
        "iothub-interface-id" => &mut properties.interface_id,
        "iothub-outputname" => &mut properties.output_name,
        _ => return None,
    })
}

/// The headers of a message for a device. What no header can hold is percent-encoded.
pub(super) fn write(properties: &MessageProperties, headers: &mut HeaderMap) {
    let system = [
        ("iothub-messageid", &properties.message_id),
        ("iothub-correlationid", &properties.correlation_id),
        ("iothub-userid", &properties.user_id),
        ("iothub-to", &properties.to),
        ("iothub-expiry", &properties.expiry),
        ("iothub-ack", &properties.ack),
        ("iothub-contenttype", &properties.content_type),
        ("iothub-contentencoding", &properties.content_encoding),
    ];
    for (name, value) in system {
        if let Some(value) = value {
            append(headers, name, value);
        }
    }
    for (name, value) in &properties.application {
        let name = encode(name, |byte| byte.is_ascii_alphanumeric() || b"-_.!~*'".contains(&byte));
        append(headers, &format!("{APPLICATION}{name}"), value);
    }
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    let value = encode(value, |byte| (b' '..=b'~').contains(&byte));
    // Both hold nothing any more that they must not; a name may still be too long for a header, and the message has no
    // other place for it.
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(&*value)) {
        headers.append(name, value);
    }
}

fn encode(text: &str, fits: impl Fn(u8) -> bool) -> Cow<'_, str> {
    if text.bytes().all(&fits) {
        return text.into();
    }
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if fits(byte) && byte != b'%' {
            encoded.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let properties = MessageProperties {
            message_id: Some("m-1".to_owned()),
            correlation_id: Some("c".to_owned()),
            expiry: Some("2030-01-01T00:00:00Z".to_owned()),
            ack: Some("full".to_owned()),
            content_type: Some("application/json".to_owned()),
            application: vec![("a".to_owned(), "1 %".to_owned()), ("b".to_owned(), String::new())],
            ..MessageProperties::default()
        };
        let mut headers = HeaderMap::new();
        write(&properties, &mut headers);
        assert_eq!(read(&headers).unwrap(), properties);
    }

    #[test]
    fn what_no_header_can_hold_is_encoded() {
        let properties = MessageProperties {
            application: vec![("na me".to_owned(), "é\n".to_owned())],
            ..MessageProperties::default()
        };
        let mut headers = HeaderMap::new();
        write(&properties, &mut headers);
        assert_eq!(headers["iothub-app-na%20me"], "%C3%A9%0A");
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        for (name, value) in [("iothub-ack", "all"), ("iothub-messageid", "a b"), ("iothub-expiry", "soon")] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            read(&headers).unwrap_err();
        }
        let mut headers = HeaderMap::new();
        headers.insert("iothub-app-x", HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(read(&headers).unwrap_err().to_string(), "iothub-app-x must be UTF-8 text");
        headers.insert("iothub-app-x", HeaderValue::from_bytes("ü".as_bytes()).unwrap());
        assert_eq!(read(&headers).unwrap().application, [("x".to_owned(), "ü".to_owned())]);
    }

    proptest! {
        #[test]
        fn any_property_makes_headers(name in any::<String>(), value in any::<String>()) {
            let application = vec![(name, value)];
            write(&MessageProperties { application, ..MessageProperties::default() }, &mut HeaderMap::new());
        }
    }
}
