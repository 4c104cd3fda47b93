//! Properties for a packet that is to be sent.

use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::packets::properties::table::Property;
use crate::packets::properties::{Entries, Properties};

/// Puts properties together, in the order of its calls. What is wrong with them, [`Self::build`] says.
#[derive(Clone, Default)]
pub struct PropertiesBuilder {
    block: BytesMut,
    /// The first whose value is too long.
    too_long: Option<Property>,
}

/// Why there cannot be such properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidProperty {
    /// The name of the first that is wrong.
    pub property: &'static str,
    /// The rule that it breaks, with its section.
    pub rule: &'static str,
}

impl fmt::Display for InvalidProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.rule)
    }
}

impl std::error::Error for InvalidProperty {}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($value:ty) = $property:ident, $put:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(self, value: $value) -> Self {
            self.$put(Property::$property, value)
        }
    )*};
}

impl PropertiesBuilder {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Whether the payload is UTF-8 text (§3.3.2.3.2).
        payload_format(bool) = PayloadFormatIndicator, boolean;
        /// In seconds (§3.3.2.3.3).
        message_expiry(u32) = MessageExpiryInterval, long;
        /// What the payload is, such as a media type (§3.3.2.3.9).
        content_type(&str) = ContentType, text;
        /// Where an answer is to be published (§3.3.2.3.5).
        response_topic(&str) = ResponseTopic, text;
        /// What an answer is to repeat (§3.3.2.3.6).
        correlation_data(&[u8]) = CorrelationData, bytes;
        /// From 1 to 268,435,455 (§3.8.2.1.2).
        subscription_identifier(u32) = SubscriptionIdentifier, variable;
        /// In seconds; `u32::MAX` for never (§3.1.2.11.2).
        session_expiry(u32) = SessionExpiryInterval, long;
        /// The name that the server gave the client (§3.2.2.3.7).
        assigned_client_id(&str) = AssignedClientIdentifier, text;
        /// In seconds (§3.2.2.3.14).
        server_keep_alive(u16) = ServerKeepAlive, short;
        /// The method of enhanced authentication (§4.12).
        authentication_method(&str) = AuthenticationMethod, text;
        /// What the method says it is (§4.12).
        authentication_data(&[u8]) = AuthenticationData, bytes;
        /// Whether every packet may carry reason strings and user properties (§3.1.2.11.7).
        request_problem_information(bool) = RequestProblemInformation, boolean;
        /// In seconds (§3.1.3.2.2).
        will_delay(u32) = WillDelayInterval, long;
        /// Whether the client wants response information (§3.1.2.11.6).
        request_response_information(bool) = RequestResponseInformation, boolean;
        /// Of what a client is to make response topics (§3.2.2.3.15).
        response_information(&str) = ResponseInformation, text;
        /// The server to use instead (§4.11).
        server_reference(&str) = ServerReference, text;
        /// For people to read (§3.2.2.3.9).
        reason_string(&str) = ReasonString, text;
        /// How many messages may wait for their acknowledgement; not 0 (§3.1.2.11.3).
        receive_maximum(u16) = ReceiveMaximum, short;
        /// The highest topic alias that is taken (§3.1.2.11.5).
        topic_alias_maximum(u16) = TopicAliasMaximum, short;
        /// A number for the topic; not 0 (§3.3.2.3.4).
        topic_alias(u16) = TopicAlias, short;
        /// Whether QoS 1 is taken; without this property QoS 2 is (§3.2.2.3.4).
        maximum_qos(bool) = MaximumQoS, boolean;
        /// Whether the server keeps messages (§3.2.2.3.5).
        retain_available(bool) = RetainAvailable, boolean;
        /// In bytes; not 0 (§3.1.2.11.4).
        maximum_packet_size(u32) = MaximumPacketSize, long;
        /// Whether subscriptions may have wildcards (§3.2.2.3.11).
        wildcard_available(bool) = WildcardSubscriptionAvailable, boolean;
        /// Whether subscriptions may have identifiers (§3.2.2.3.12).
        subscription_ids_available(bool) = SubscriptionIdentifiersAvailable, boolean;
        /// Whether there are shared subscriptions (§3.2.2.3.13).
        shared_available(bool) = SharedSubscriptionAvailable, boolean;
    }

    /// One more name with its value; a name may come again (§3.1.2.11.8).
    #[must_use]
    pub fn user_property(mut self, name: &str, value: &str) -> Self {
        self.block.put_u8(Property::UserProperty as u8);
        self.put_field(Property::UserProperty, name.as_bytes());
        self.put_field(Property::UserProperty, value.as_bytes());
        self
    }

    /// The same without those of this kind.
    #[must_use]
    pub fn without(mut self, property: Property) -> Self {
        let mut kept = BytesMut::with_capacity(self.block.len());
        for entry in Entries::of(&self.block) {
            if entry.property != property {
                kept.put_slice(entry.bytes);
            }
        }
        self.block = kept;
        self.too_long = self.too_long.filter(|too_long| *too_long != property);
        self
    }

    /// The properties, if each of them is one.
    ///
    /// # Errors
    /// A value that is too long or that the standard forbids, or a property that was set twice and may not be.
    pub fn build(self) -> Result<Properties, InvalidProperty> {
        if let Some(property) = self.too_long {
            return Err(InvalidProperty { property: property.name(), rule: "over 65,535 bytes (§1.5)" });
        }
        Properties::parse(self.block.freeze())
    }

    fn boolean(mut self, property: Property, value: bool) -> Self {
        self.block.put_slice(&[property as u8, value.into()]);
        self
    }

    fn short(mut self, property: Property, value: u16) -> Self {
        self.block.put_u8(property as u8);
        self.block.put_u16(value);
        self
    }

    fn long(mut self, property: Property, value: u32) -> Self {
        self.block.put_u8(property as u8);
        self.block.put_u32(value);
        self
    }

    fn variable(mut self, property: Property, value: u32) -> Self {
        self.block.put_u8(property as u8);
        // What is over four bytes is found out by `build`: five bytes are not such an integer.
        put_variable(&mut self.block, value);
        self
    }

    fn text(self, property: Property, value: &str) -> Self {
        self.bytes(property, value.as_bytes())
    }

    fn bytes(mut self, property: Property, value: &[u8]) -> Self {
        self.block.put_u8(property as u8);
        self.put_field(property, value);
        self
    }

    fn put_field(&mut self, property: Property, value: &[u8]) {
        let Ok(len) = u16::try_from(value.len()) else {
            self.too_long.get_or_insert(property);
            self.block.put_u16(0);
            return;
        };
        self.block.put_u16(len);
        self.block.put_slice(value);
    }
}

/// Properties to be changed.
impl From<&Properties> for PropertiesBuilder {
    fn from(properties: &Properties) -> Self {
        Self { block: BytesMut::from(properties.block()), too_long: None }
    }
}

/// A variable byte integer (§1.5.5): seven bits a byte, the lowest first.
pub(crate) fn put_variable(output: &mut BytesMut, mut number: u32) {
    while number >= 0x80 {
        output.put_u8((number % 0x80) as u8 | 0x80);
        number /= 0x80;
    }
    output.put_u8(number as u8);
}
