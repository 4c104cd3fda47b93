//! The tail of a message topic: `k=v&k2=v2`, percent-encoded.

use std::borrow::Cow;
use std::fmt;

use super::encoding::{decode, push_encoded};

/// The names of system properties, as decoded. On the wire the `$` may stand raw or as `%24`.
pub mod system {
    /// message-id
    pub const MESSAGE_ID: &str = "$.mid";
    /// correlation-id
    pub const CORRELATION_ID: &str = "$.cid";
    /// user-id
    pub const USER_ID: &str = "$.uid";
    /// to
    pub const TO: &str = "$.to";
    /// content-type
    pub const CONTENT_TYPE: &str = "$.ct";
    /// content-encoding
    pub const CONTENT_ENCODING: &str = "$.ce";
    /// iothub-creation-time-utc, ISO 8601
    pub const CREATION_TIME: &str = "$.ctime";
    /// absolute expiry, ISO 8601
    pub const EXPIRY: &str = "$.exp";
    /// a module's output
    pub const OUTPUT_NAME: &str = "$.on";
    /// interface id
    pub const INTERFACE_ID: &str = "$.ifid";
    /// dt-subject: the IoT Plug and Play component
    pub const COMPONENT: &str = "$.sub";
    /// message schema
    pub const SCHEMA: &str = "$.schema";
    /// the device a module input came from
    pub const CONNECTION_DEVICE_ID: &str = "$.cdid";
    /// the module a module input came from
    pub const CONNECTION_MODULE_ID: &str = "$.cmid";
    /// the feedback asked for; without the `$.` prefix on the wire
    pub const ACK: &str = "iothub-ack";
}

/// Names and values in the order they were written.
///
/// A value is absent for a bare `k` (the service's spelling of null) and empty for `k=`. A name may stand there more
/// than once: all are kept, and [`get`](Self::get) answers with the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyBag {
    entries: Vec<(String, Option<String>)>,
}

impl PropertyBag {
    /// An empty bag.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses a bag. A raw or encoded `$`, and empty parts (`a=1&&b=2&`), are accepted.
    pub fn parse(text: &str) -> Result<Self, BagError> {
        let entries = text.split('&').filter(|part| !part.is_empty()).map(parse_entry);
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// Parses what a device sent, by the service's rule that a `:` in it must be encoded.
    pub fn parse_from_device(text: &str) -> Result<Self, BagError> {
        if text.contains(':') { Err(BagError::RawColon) } else { Self::parse(text) }
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, name: impl Into<String>, value: Option<String>) {
        self.entries.push((name.into(), value));
    }

    /// The value of the first entry of that name: `None` when there is no such entry, `Some(None)` for a null.
    pub fn get(&self, name: &str) -> Option<Option<&str>> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_deref())
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends the encoded bag to a topic.
    pub fn encode_into(&self, topic: &mut String) {
        for (index, (name, value)) in self.iter().enumerate() {
            push_entry(topic, index == 0, name, value);
        }
    }
}

impl IntoIterator for PropertyBag {
    type Item = (String, Option<String>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Into<String>> FromIterator<(K, Option<String>)> for PropertyBag {
    fn from_iter<I: IntoIterator<Item = (K, Option<String>)>>(entries: I) -> Self {
        Self { entries: entries.into_iter().map(|(name, value)| (name.into(), value)).collect() }
    }
}

impl fmt::Display for PropertyBag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.encode_into(&mut text);
        f.write_str(&text)
    }
}

/// Appends one entry, encoded, with the `&` that parts it from the one before.
pub(super) fn push_entry(out: &mut String, first: bool, name: &str, value: Option<&str>) {
    if !first {
        out.push('&');
    }
    push_encoded(out, name);
    if let Some(value) = value {
        out.push('=');
        push_encoded(out, value);
    }
}

fn parse_entry(part: &str) -> Result<(String, Option<String>), BagError> {
    let (name, value) = match part.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (part, None),
    };
    if name.is_empty() {
        return Err(BagError::EmptyName);
    }
    let owned = |text| decode(text).map(Cow::into_owned).ok_or(BagError::Encoding);
    Ok((owned(name)?, value.map(owned).transpose()?))
}

/// Why a bag cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BagError {
    /// A value without a name (`=v`).
    EmptyName,
    /// A malformed percent-escape, or one that is not UTF-8.
    Encoding,
    /// A `:` that is not encoded; the service closes the connection over it.
    RawColon,
}

impl fmt::Display for BagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyName => "a property has no name",
            Self::Encoding => "a property is not percent-encoded UTF-8",
            Self::RawColon => "a property contains a ':' that is not percent-encoded",
        })
    }
}

impl std::error::Error for BagError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_service_writes() {
        let text = "%24.mid=a%3Ab&%24.to=%2Fdevices%2Fd%2Fmessages%2FdeviceBound&iothub-ack=full&null&empty=&k=a+b%20c";
        let bag = PropertyBag::parse(text).unwrap();
        assert_eq!(bag.get(system::MESSAGE_ID), Some(Some("a:b")));
        assert_eq!(bag.get(system::TO), Some(Some("/devices/d/messages/deviceBound")));
        assert_eq!(bag.get("null"), Some(None));
        assert_eq!(bag.get("empty"), Some(Some("")));
        assert_eq!(bag.get("k"), Some(Some("a+b c")));
        assert_eq!(bag.get("absent"), None);
        assert_eq!(bag.len(), 6);
    }

    #[test]
    fn raw_and_encoded_dollar_are_the_same() {
        assert_eq!(PropertyBag::parse("$.ct=a").unwrap(), PropertyBag::parse("%24.ct=a").unwrap());
    }

    #[test]
    fn values_may_hold_an_equals_sign() {
        assert_eq!(PropertyBag::parse("k=a=b").unwrap().get("k"), Some(Some("a=b")));
    }

    #[test]
    fn the_first_of_a_doubled_name_counts_and_all_are_kept() {
        let bag = PropertyBag::parse("k=1&k=2").unwrap();
        assert_eq!((bag.get("k"), bag.len()), (Some(Some("1")), 2));
    }

    #[test]
    fn refusals() {
        assert_eq!(PropertyBag::parse("=v"), Err(BagError::EmptyName));
        assert_eq!(PropertyBag::parse("k=%f"), Err(BagError::Encoding));
        assert_eq!(PropertyBag::parse("k=%ff"), Err(BagError::Encoding));
        assert_eq!(PropertyBag::parse_from_device("k=10:30"), Err(BagError::RawColon));
        assert!(PropertyBag::parse("k=10:30").is_ok());
    }

    proptest! {
        #[test]
        fn round_trip(entries in vec((".{1,8}", option::of(".{0,8}")), 0..6)) {
            let bag: PropertyBag = entries.into_iter().collect();
            let text = bag.to_string();
            prop_assert!(text.is_ascii() && !text.contains(['+', '#', '\0', ' ', '/', ':', '$']));
            prop_assert_eq!(PropertyBag::parse_from_device(&text).unwrap(), bag);
        }

        #[test]
        fn parse_is_total(text in any::<String>(), near in "[a%2&=$.é:]{0,24}") {
            let _ = PropertyBag::parse(&text);
            if let Ok(bag) = PropertyBag::parse(&near) {
                prop_assert_eq!(PropertyBag::parse(&bag.to_string()).unwrap(), bag);
            }
        }
    }
}
