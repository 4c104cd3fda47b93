//! What is known of a client: attributes, of which groups and templates speak.

use std::collections::BTreeMap;
use std::fmt;

use crate::limits::ATTRIBUTE_BYTES;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Any number of texts.
    List(Vec<String>),
}

impl AttributeValue {
    fn bytes(&self) -> usize {
        match self {
            Self::Integer(number) => number.to_string().len(),
            Self::Text(text) => text.len(),
            // An empty one counts, too: how many there are is bounded by that.
            Self::List(texts) => texts.iter().map(|text| text.len().max(1)).sum(),
        }
    }
}

/// A client's attributes by their keys: less than 4 KB in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<String, AttributeValue>);

/// Why there cannot be such attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidAttributes {
    /// A key has other characters than letters, digits and `_`, or none.
    Key(String),
    /// Keys and values have 4,096 bytes or more.
    TooLarge {
        /// How many, in bytes.
        size: usize,
    },
}

impl fmt::Display for InvalidAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => {
                let key: String = key.chars().take(50).collect();
                write!(f, "the attribute {key:?} may contain only letters, digits and _")
            }
            Self::TooLarge { size } => {
                write!(f, "the attributes have {size} bytes, and must have less than {ATTRIBUTE_BYTES}")
            }
        }
    }
}

impl std::error::Error for InvalidAttributes {}

/// Whether `key` may name an attribute.
pub fn is_valid_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Attributes {
    /// Attributes with these keys and values; the last of a key counts.
    pub fn new(
        entries: impl IntoIterator<Item = (String, AttributeValue)>,
    ) -> Result<Self, InvalidAttributes> {
        let attributes: BTreeMap<_, _> = entries.into_iter().collect();
        if let Some(key) = attributes.keys().find(|key| !is_valid_key(key)) {
            return Err(InvalidAttributes::Key(key.clone()));
        }
        let size = attributes.iter().map(|(key, value)| key.len() + value.bytes()).sum();
        if size >= ATTRIBUTE_BYTES {
            return Err(InvalidAttributes::TooLarge { size });
        }
        Ok(Self(attributes))
    }

    /// The value under this key.
    pub fn get(&self, key: &str) -> Option<&AttributeValue> {
        self.0.get(key)
    }

    /// All of them, by their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(key: &str, value: AttributeValue) -> Result<Attributes, InvalidAttributes> {
        Attributes::new([(key.to_owned(), value)])
    }

    #[test]
    fn keys_and_sizes_are_bounded() {
        assert!(attributes("room_1", AttributeValue::Integer(5)).is_ok());
        for key in ["", "a-b", "ä", "a b"] {
            assert_eq!(
                attributes(key, AttributeValue::Integer(5)),
                Err(InvalidAttributes::Key(key.to_owned()))
            );
        }
        let text = |size| AttributeValue::Text("x".repeat(size));
        assert!(attributes("a", text(4094)).is_ok());
        assert_eq!(attributes("a", text(4095)), Err(InvalidAttributes::TooLarge { size: 4096 }));
        let list = AttributeValue::List(vec!["x".repeat(2000); 3]);
        assert_eq!(attributes("a", list), Err(InvalidAttributes::TooLarge { size: 6001 }));
        let empty = AttributeValue::List(vec![String::new(); 4095]);
        assert_eq!(attributes("a", empty), Err(InvalidAttributes::TooLarge { size: 4096 }));
    }
}
