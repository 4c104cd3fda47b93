//! The properties of a recorded message.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::LazyLock;

use azmqtt_dialect::{MessageProperties, PropertyBag};

/// The application property that services find a message's `$.ctime` in.
const CREATION_TIME: &str = "iothub-creation-time-utc";

/// The memory of properties besides their texts, where there are any.
const OVERHEAD: usize = size_of::<MessageProperties>() + 16;

/// The memory of an application property besides its texts, roughly: two texts of few bytes each take this much.
const PROPERTY_OVERHEAD: usize = 112;

static NONE: LazyLock<MessageProperties> = LazyLock::new(MessageProperties::default);

/// [`MessageProperties`], which most messages have none of: those take no memory and no time.
#[derive(Clone, Debug, Default)]
pub struct RecordedProperties(Option<Box<MessageProperties>>);

impl From<MessageProperties> for RecordedProperties {
    fn from(properties: MessageProperties) -> Self {
        Self((!properties.is_empty()).then(|| Box::new(properties)))
    }
}

impl From<PropertyBag> for RecordedProperties {
    fn from(bag: PropertyBag) -> Self {
        Self((!bag.is_empty()).then(|| Box::new(MessageProperties::from_bag(bag))))
    }
}

impl Deref for RecordedProperties {
    type Target = MessageProperties;

    fn deref(&self) -> &MessageProperties {
        self.0.as_deref().unwrap_or_else(|| &NONE)
    }
}

impl RecordedProperties {
    /// The size of a message with these properties and a body of `body_len` bytes, as [`MessageProperties::size`] counts it.
    pub fn size(&self, body_len: usize) -> usize {
        self.0.as_ref().map_or(body_len, |properties| properties.size(body_len))
    }

    /// Adds an application property.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.get_or_insert_default().application.push((name.to_owned(), value.to_owned()));
    }

    /// Makes them what services read. The creation time is one of the application's (azure-docs#114510). Names of these are
    /// not case-sensitive: of some that differ in case alone the first one is kept (IoT Hub docs, "Send device-to-cloud
    /// messages": one of them).
    pub(super) fn turn_to_services(&mut self) {
        let Some(properties) = &mut self.0 else { return };
        let application = &mut properties.application;
        if let Some(time) = properties.creation_time.take() {
            application.push((CREATION_TIME.to_owned(), time));
        }
        if application.len() > 1 {
            let mut seen = HashSet::with_capacity(application.len());
            application.retain(|(name, _)| seen.insert(name.to_lowercase()));
            // Room for thousands of names that were one would be kept as long as the message, and count for nothing.
            application.shrink_to_fit();
        }
    }

    /// The memory that they take, roughly, in bytes.
    pub(super) fn weight(&self) -> usize {
        let Some(properties) = &self.0 else { return 0 };
        OVERHEAD + PROPERTY_OVERHEAD * properties.application.len() + properties.size(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(names: &[&str]) -> RecordedProperties {
        let application = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        MessageProperties { application, ..MessageProperties::default() }.into()
    }

    #[test]
    fn names_that_are_one_keep_the_room_of_one() {
        let mut properties = application(&vec!["a"; 5000]);
        properties.turn_to_services();
        assert_eq!(properties.application.len(), 1);
        assert!(properties.application.capacity() < 10, "{}", properties.application.capacity());
    }

    #[test]
    fn without_any_they_weigh_nothing() {
        let mut none = RecordedProperties::from(PropertyBag::new());
        assert!(none.is_empty());
        assert_eq!((none.weight(), none.size(7)), (0, 7));
        none.push("mqtt-retain", "True");
        assert_eq!(none.size(7), 7 + "mqtt-retain".len() + "True".len());
        assert!(none.weight() > OVERHEAD + PROPERTY_OVERHEAD);
        assert_eq!(none.application, [("mqtt-retain".to_owned(), "True".to_owned())]);
    }
}
