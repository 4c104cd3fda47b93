//! A message's properties: their rules, their way onto a topic, and the service's count of a message's size.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::encoding::excerpt;
use super::property_bag::{PropertyBag, push_entry, system};
use super::time::parse_utc;

/// The largest device-to-cloud message in bytes, by the count of [`MessageProperties::size`]
/// (IoT Hub docs, "Create and read IoT Hub messages").
pub const MAX_MESSAGE_SIZE: usize = 262_144;

/// The longest topic MQTT can carry, in bytes (MQTT 3.1.1 §1.5.3).
const MAX_TOPIC_LENGTH: usize = 65_535;

/// The longest message id, in characters (IoT Hub docs, system properties: message-id).
const MAX_MESSAGE_ID_LENGTH: usize = 128;

/// System and application properties of one message.
///
/// Times are ISO 8601 in UTC. Every field is optional, and `Default` is a message without properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageProperties {
    /// At most 128 characters of ASCII letters, digits and `- : . + % _ # * ? ! ( ) , = @ ; $ '`.
    pub message_id: Option<String>,
    /// Usually the message id of the request that this answers.
    pub correlation_id: Option<String>,
    /// The origin of the message.
    pub user_id: Option<String>,
    /// For example `application/json;charset=utf-8`.
    pub content_type: Option<String>,
    /// For example `utf-8`.
    pub content_encoding: Option<String>,
    /// When the message was made.
    pub creation_time: Option<String>,
    /// When the message loses its worth.
    pub expiry: Option<String>,
    /// The destination of a cloud-to-device message.
    pub to: Option<String>,
    /// The output of a module.
    pub output_name: Option<String>,
    /// The IoT Plug and Play component (`dt-subject`).
    pub component: Option<String>,
    /// The message schema.
    pub schema: Option<String>,
    /// `urn:azureiot:Security:SecurityAgent:1` is the only one the service knows.
    pub interface_id: Option<String>,
    /// The device a module input came from.
    pub connection_device_id: Option<String>,
    /// The module a module input came from.
    pub connection_module_id: Option<String>,
    /// The feedback asked for: `none`, `positive`, `negative` or `full`.
    pub ack: Option<String>,
    /// The application's own names and values, in order.
    pub application: Vec<(String, String)>,
}

/// The system fields with their wire names, once, for every direction.
macro_rules! system_fields {
    ($make:ident) => {
        $make! {
            message_id: system::MESSAGE_ID,
            correlation_id: system::CORRELATION_ID,
            user_id: system::USER_ID,
            content_type: system::CONTENT_TYPE,
            content_encoding: system::CONTENT_ENCODING,
            creation_time: system::CREATION_TIME,
            expiry: system::EXPIRY,
            to: system::TO,
            output_name: system::OUTPUT_NAME,
            component: system::COMPONENT,
            schema: system::SCHEMA,
            interface_id: system::INTERFACE_ID,
            connection_device_id: system::CONNECTION_DEVICE_ID,
            connection_module_id: system::CONNECTION_MODULE_ID,
            ack: system::ACK,
        }
    };
}

macro_rules! field_access {
    ($($field:ident: $name:path,)*) => {
        impl MessageProperties {
            /// The system properties that are set, under their wire names.
            pub fn system(&self) -> impl Iterator<Item = (&'static str, &str)> {
                [$(($name, &self.$field)),*].into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
            }

            fn system_slot(&mut self, name: &str) -> Option<&mut Option<String>> {
                match name {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

system_fields!(field_access);

impl MessageProperties {
    /// The properties as they stand in a topic: system properties first, then the application's.
    pub fn to_bag(&self) -> PropertyBag {
        self.iter().map(|(name, value)| (name, Some(value.to_owned()))).collect()
    }

    /// Reads a bag, whatever it holds.
    ///
    /// A null value becomes an empty one. The first of a doubled system property counts; every other entry, unknown
    /// `$.` names included, is kept under its name among the application's.
    pub fn from_bag(bag: PropertyBag) -> Self {
        let mut properties = Self::default();
        for (name, value) in bag {
            let value = value.unwrap_or_default();
            match properties.system_slot(&name) {
                Some(slot @ None) => *slot = Some(value),
                _ => properties.application.push((name, value)),
            }
        }
        properties
    }

    /// Whether no property is set at all.
    pub fn is_empty(&self) -> bool {
        self.application.is_empty() && self.system().next().is_none()
    }

    /// The size of a message with these properties and a body of `body_len` bytes, by the service's count: the body,
    /// the values of system properties, the names and values of application properties.
    pub fn size(&self, body_len: usize) -> usize {
        let system: usize = self.system().map(|(_, value)| value.len()).sum();
        let application: usize = self.application.iter().map(|(name, value)| name.len() + value.len()).sum();
        body_len.saturating_add(system).saturating_add(application)
    }

    /// Checks what a device is about to send against the service's rules; the error names the field and the rule.
    pub fn validate(&self) -> Result<(), MessageError> {
        if let Some(id) = &self.message_id {
            check_message_id(id)?;
        }
        for (field, value) in [("creation_time", &self.creation_time), ("expiry", &self.expiry)] {
            if value.as_ref().is_some_and(|value| parse_utc(value).is_none()) {
                return Err(refuse(field, "must be an ISO 8601 time in UTC, such as 2026-01-31T12:00:00Z"));
            }
        }
        if let Some(ack) = &self.ack
            && !["none", "positive", "negative", "full"].contains(&ack.as_str())
        {
            return Err(refuse("ack", "must be none, positive, negative or full"));
        }
        let mut seen = HashSet::new();
        self.application.iter().try_for_each(|(name, _)| {
            if seen.insert(name) {
                check_application_name(name)
            } else {
                Err(refuse(name, "occurs more than once"))
            }
        })
    }

    /// Two application properties whose names differ in the case of letters only. The service takes such a message and
    /// keeps one of the two (IoT Hub docs, "Create and read IoT Hub messages": names are case-insensitive).
    pub fn names_that_differ_in_case(&self) -> Option<(&str, &str)> {
        /// Fewer are compared with each other, without a copy.
        const MANY: usize = 9;
        let names = || self.application.iter().map(|(name, _)| name.as_str());
        if self.application.len() < MANY {
            return names().enumerate().find_map(|(index, name)| {
                let other = names().take(index).find(|other| other.eq_ignore_ascii_case(name))?;
                Some((other, name))
            });
        }
        let mut seen = HashMap::new();
        self.application.iter().find_map(|(name, _)| {
            let other = seen.insert(name.to_ascii_lowercase(), name)?;
            Some((other.as_str(), name.as_str()))
        })
    }

    /// [`validate`](Self::validate), and the size of the whole message.
    pub fn validate_with_body(&self, body_len: usize) -> Result<(), MessageError> {
        self.validate()?;
        match self.size(body_len) {
            size if size > MAX_MESSAGE_SIZE => Err(MessageError::TooLarge { size }),
            _ => Ok(()),
        }
    }

    /// The whole topic for a message with these properties; `prefix` comes from
    /// [`telemetry_prefix`](super::topic::telemetry_prefix).
    pub fn telemetry_topic(&self, prefix: &str) -> Result<String, MessageError> {
        let mut topic = String::with_capacity(prefix.len() + 32);
        topic.push_str(prefix);
        for (index, (name, value)) in self.iter().enumerate() {
            push_entry(&mut topic, index == 0, name, Some(value));
        }
        if topic.len() > MAX_TOPIC_LENGTH {
            return Err(MessageError::TopicTooLong { length: topic.len() });
        }
        Ok(topic)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let system = self.system().map(|(name, value): (&str, &str)| (name, value));
        system.chain(self.application.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

fn check_message_id(id: &str) -> Result<(), MessageError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-:.+%_#*?!(),=@;$'".contains(&b);
    if id.is_empty() {
        Err(refuse("message_id", "must not be empty"))
    } else if !id.bytes().all(allowed) {
        Err(refuse(
            "message_id",
            "may contain only ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '",
        ))
    } else if id.len() > MAX_MESSAGE_ID_LENGTH {
        Err(refuse("message_id", "must have at most 128 characters"))
    } else {
        Ok(())
    }
}

/// Names the service stamps on every message; a device that set them would be overruled unseen.
const STAMPED: [&str; 5] = [
    "iothub-connection-device-id",
    "iothub-connection-module-id",
    "iothub-connection-auth-method",
    "iothub-connection-auth-generation-id",
    "iothub-enqueuedtime",
];

fn check_application_name(name: &str) -> Result<(), MessageError> {
    if name.is_empty() {
        Err(refuse(name, "must have a name"))
    } else if name.starts_with("$.") {
        Err(refuse(name, "must not start with '$.': that marks a system property"))
    } else if name == system::ACK {
        Err(refuse(name, "is a system property, set it by its own field"))
    } else if STAMPED.contains(&name) {
        Err(refuse(name, "is set by the service on every message"))
    } else {
        Ok(())
    }
}

fn refuse(field: &str, rule: &'static str) -> MessageError {
    MessageError::Field { field: excerpt(field, 64), rule }
}

/// Why a message is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// A property breaks a rule.
    Field {
        /// The system property's field name or the application property's name.
        field: String,
        /// The rule, as a phrase that follows the name.
        rule: &'static str,
    },
    /// Larger than [`MAX_MESSAGE_SIZE`].
    TooLarge {
        /// The size by the service's count.
        size: usize,
    },
    /// With its properties encoded the topic is longer than MQTT allows.
    TopicTooLong {
        /// The topic's length in bytes.
        length: usize,
    },
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { field, rule } => write!(f, "message property '{field}' {rule}"),
            Self::TooLarge { size } => write!(
                f,
                "the message has {size} bytes by the service's count (body, system values, application names and \
                 values); the limit is {MAX_MESSAGE_SIZE}"
            ),
            Self::TopicTooLong { length } => write!(
                f,
                "the message's properties make an MQTT topic of {length} bytes; the limit is {MAX_TOPIC_LENGTH}"
            ),
        }
    }
}

impl std::error::Error for MessageError {}
