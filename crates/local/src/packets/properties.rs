//! What is kept of the properties of MQTT 5 (§2.2.2).

use bytes::Bytes;

use azmqtt_mqtt::{Properties, Property, PropertyValue};

/// One property, as the packet had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedProperty {
    /// Which one.
    pub property: Property,
    /// Its value.
    pub value: RecordedValue,
}

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedValue {
    /// A number; 0 or 1 for a property that says whether.
    Number(u32),
    /// A text.
    Text(String),
    /// Binary data.
    Bytes(Bytes),
    /// Name and value of a user property.
    Pair(String, String),
    /// Authentication data, which is a secret: it is not kept.
    Secret,
}

/// The memory of a property besides its texts and bytes, roughly: for the ring's bound.
const OVERHEAD: usize = 64;

impl RecordedProperty {
    /// All of them, in their order.
    pub(super) fn all(properties: &Properties) -> Vec<Self> {
        let recorded = |(property, value)| Self { property, value: RecordedValue::of(property, value) };
        properties.iter().map(recorded).collect()
    }

    /// What the ring counts, in bytes.
    pub(super) fn weight(&self) -> usize {
        OVERHEAD
            + match &self.value {
                RecordedValue::Number(_) | RecordedValue::Secret => 0,
                RecordedValue::Text(text) => text.len(),
                RecordedValue::Bytes(bytes) => bytes.len(),
                RecordedValue::Pair(name, value) => name.len() + value.len(),
            }
    }
}

impl RecordedValue {
    fn of(property: Property, value: PropertyValue<'_>) -> Self {
        match value {
            _ if property == Property::AuthenticationData => Self::Secret,
            PropertyValue::Number(number) => Self::Number(number),
            PropertyValue::Text(text) => Self::Text(text.to_owned()),
            PropertyValue::Bytes(bytes) => Self::Bytes(Bytes::copy_from_slice(bytes)),
            PropertyValue::Pair(name, value) => Self::Pair(name.to_owned(), value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use azmqtt_mqtt::PropertiesBuilder;

    use super::*;

    #[test]
    fn properties_keep_their_order_and_their_types_but_no_secret() {
        let properties = PropertiesBuilder::new()
            .user_property("a", "1")
            .session_expiry(60)
            .authentication_method("K8S-SAT")
            .authentication_data(b"hunter2")
            .user_property("a", "2")
            .build()
            .unwrap();
        let recorded = RecordedProperty::all(&properties);
        let pair = |value: &str| RecordedValue::Pair("a".to_owned(), value.to_owned());
        let values: Vec<_> = recorded.iter().map(|property| property.value.clone()).collect();
        assert_eq!(
            values,
            [
                pair("1"),
                RecordedValue::Number(60),
                RecordedValue::Text("K8S-SAT".to_owned()),
                RecordedValue::Secret,
                pair("2")
            ]
        );
        assert!(!format!("{recorded:?}").contains("104, 117"), "the bytes of the secret");
        assert!(!format!("{recorded:?}").contains("hunter2"));
        assert_eq!(recorded[1].property.name(), "Session Expiry Interval");
    }
}
