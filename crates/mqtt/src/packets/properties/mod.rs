//! The properties of a packet (MQTT 5 §2.2.2).
//!
//! They stay as they are written: a block of bytes, checked once, out of which each is read when somebody asks for it.

mod builder;
mod check;
mod table;
mod value;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use builder::{InvalidProperty, PropertiesBuilder};
pub(crate) use check::{Broken, check};
pub(crate) use table::Place;
pub use table::Property;
pub(crate) use value::read_variable;
use value::{Value, split_value};

/// The properties of one packet, each of which is valid. [`PropertiesBuilder`] makes some; `default()` is none, and is
/// free. MQTT 3.1.1 has none.
///
/// `Debug` shows their names, and no value. The bytes may be a part of a read buffer, which is kept in memory as a whole
/// then: what is kept for long, keep as [`Self::compact`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(Option<Arc<Block>>);

/// Packets with properties are few, and all packets are moved: what they hold is elsewhere.
#[derive(PartialEq, Eq)]
struct Block {
    bytes: Bytes,
    /// Which there are, as a set of bits.
    present: u64,
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $property:ident as $type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<$type> {
            self.number(Property::$property).and_then(|number| number.try_into().ok())
        }
    )*};
}

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $property:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<bool> {
            self.number(Property::$property).map(|number| number != 0)
        }
    )*};
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $property:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<&str> {
            self.bytes(Property::$property).map(checked_text)
        }
    )*};
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident = $property:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<&[u8]> {
            self.bytes(Property::$property)
        }
    )*};
}

impl Properties {
    flags! {
        /// Whether the payload is UTF-8 text (§3.3.2.3.2).
        payload_format = PayloadFormatIndicator;
        /// Whether every packet may carry reason strings and user properties (§3.1.2.11.7).
        request_problem_information = RequestProblemInformation;
        /// Whether the client wants response information (§3.1.2.11.6).
        request_response_information = RequestResponseInformation;
        /// Whether the server takes QoS 1; without this property it takes QoS 2 (§3.2.2.3.4).
        maximum_qos = MaximumQoS;
        /// Whether the server keeps messages (§3.2.2.3.5).
        retain_available = RetainAvailable;
        /// Whether subscriptions may have wildcards (§3.2.2.3.11).
        wildcard_available = WildcardSubscriptionAvailable;
        /// Whether subscriptions may have identifiers (§3.2.2.3.12).
        subscription_ids_available = SubscriptionIdentifiersAvailable;
        /// Whether there are shared subscriptions (§3.2.2.3.13).
        shared_available = SharedSubscriptionAvailable;
    }

    numbers! {
        /// In seconds (§3.3.2.3.3).
        message_expiry = MessageExpiryInterval as u32;
        /// In seconds; `u32::MAX` for never (§3.1.2.11.2).
        session_expiry = SessionExpiryInterval as u32;
        /// In seconds (§3.2.2.3.14).
        server_keep_alive = ServerKeepAlive as u16;
        /// In seconds (§3.1.3.2.2).
        will_delay = WillDelayInterval as u32;
        /// How many messages may wait for their acknowledgement; never 0 (§3.1.2.11.3).
        receive_maximum = ReceiveMaximum as u16;
        /// The highest topic alias that is taken (§3.1.2.11.5).
        topic_alias_maximum = TopicAliasMaximum as u16;
        /// The number for the topic; never 0 (§3.3.2.3.4).
        topic_alias = TopicAlias as u16;
        /// In bytes; never 0 (§3.1.2.11.4).
        maximum_packet_size = MaximumPacketSize as u32;
    }

    texts! {
        /// What the payload is, such as a media type (§3.3.2.3.9).
        content_type = ContentType;
        /// Where an answer is to be published (§3.3.2.3.5).
        response_topic = ResponseTopic;
        /// The name that the server gave the client (§3.2.2.3.7).
        assigned_client_id = AssignedClientIdentifier;
        /// The method of enhanced authentication (§4.12).
        authentication_method = AuthenticationMethod;
        /// Of what a client is to make response topics (§3.2.2.3.15).
        response_information = ResponseInformation;
        /// The server to use instead (§4.11).
        server_reference = ServerReference;
        /// For people to read (§3.2.2.3.9).
        reason_string = ReasonString;
    }

    bodies! {
        /// What an answer is to repeat (§3.3.2.3.6).
        correlation_data = CorrelationData;
        /// What the method says it is (§4.12).
        authentication_data = AuthenticationData;
    }

    /// In SUBSCRIBE that of the subscription, in PUBLISH those of all subscriptions that the message matches (§3.3.2.3.8).
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> {
        self.all(Property::SubscriptionIdentifier).filter_map(|value| match value {
            Value::Number(number) => Some(number),
            _ => None,
        })
    }

    /// Names with their values, in their order; a name may come again (§3.1.2.11.8).
    pub fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all(Property::UserProperty).filter_map(|value| match value {
            Value::Pair(name, value) => Some((checked_text(name), checked_text(value))),
            _ => None,
        })
    }

    /// All of them, in the order in which they are written.
    pub fn iter(&self) -> impl Iterator<Item = (Property, PropertyValue<'_>)> {
        Entries::of(self.block()).map(|entry| {
            let value = match entry.value {
                Value::Number(number) => PropertyValue::Number(number),
                Value::Bytes(bytes) if entry.property.is_binary() => PropertyValue::Bytes(bytes),
                Value::Bytes(text) => PropertyValue::Text(checked_text(text)),
                Value::Pair(name, value) => PropertyValue::Pair(checked_text(name), checked_text(value)),
            };
            (entry.property, value)
        })
    }

    /// Properties as [`Self::as_bytes`] gives them, whatever packet they are for.
    ///
    /// # Errors
    /// There is one that the standard forbids.
    pub fn parse(bytes: Bytes) -> Result<Self, InvalidProperty> {
        match check(&bytes, Place::ANY) {
            Ok(present) => Ok(Self::of(bytes, present)),
            Err(Broken { property, rule, .. }) => Err(InvalidProperty { property, rule }),
        }
    }

    /// As they are written, without the length before them.
    pub fn as_bytes(&self) -> &[u8] {
        self.block()
    }

    /// # Safety
    /// [`check()`] has returned `present` for these bytes.
    pub(crate) unsafe fn from_checked(bytes: Bytes, present: u64) -> Self {
        debug_assert_eq!(check(&bytes, Place::ANY), Ok(present), "a property block that was not checked");
        Self::of(bytes, present)
    }

    fn of(bytes: Bytes, present: u64) -> Self {
        Self((!bytes.is_empty()).then(|| Arc::new(Block { bytes, present })))
    }

    /// As they are written, without the length before them.
    pub(crate) fn block(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |block| &block.bytes)
    }

    fn present(&self) -> u64 {
        self.0.as_ref().map_or(0, |block| block.present)
    }

    /// # Errors
    /// One of them may not stand there.
    pub(crate) fn check_legal(&self, place: Place) -> Result<(), Broken> {
        if self.present() & !table::legal(place) == 0 {
            return Ok(());
        }
        check(self.block(), place).map(drop)
    }

    /// Where in [`Self::block`] the first of this kind begins.
    pub(crate) fn position(&self, property: Property) -> Option<usize> {
        if !self.has(property) {
            return None;
        }
        let mut position = 0;
        for entry in Entries::of(self.block()) {
            if entry.property == property {
                return Some(position);
            }
            position += entry.bytes.len();
        }
        None
    }

    /// How many bytes they take, without the length before them.
    pub fn len(&self) -> usize {
        self.block().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether this one is among them.
    pub fn has(&self, property: Property) -> bool {
        self.present() & property.bit() != 0
    }

    /// A copy that keeps no read buffer in memory.
    #[must_use]
    pub fn compact(&self) -> Self {
        if self.is_empty() {
            return Self::default();
        }
        Self::of(Bytes::copy_from_slice(self.block()), self.present())
    }

    #[inline]
    fn number(&self, property: Property) -> Option<u32> {
        // Most packets have none.
        if !self.has(property) {
            return None;
        }
        match self.all(property).next()? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    fn bytes(&self, property: Property) -> Option<&[u8]> {
        match self.all(property).next()? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The values of those of this kind. Nothing is looked through for one that is not there.
    fn all(&self, property: Property) -> impl Iterator<Item = Value<'_>> {
        let block = if self.has(property) { self.block() } else { &[] };
        Entries::of(block).filter(move |entry| entry.property == property).map(|entry| entry.value)
    }
}

/// The value of a property, by its type (§2.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyValue<'a> {
    /// Of any width; 0 or 1 for one that says whether.
    Number(u32),
    /// A UTF-8 text.
    Text(&'a str),
    /// Binary data.
    Bytes(&'a [u8]),
    /// Name and value of a user property.
    Pair(&'a str, &'a str),
}

/// Each once, by its name.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(Entries::of(self.block()).map(|entry| entry.property.name())).finish()
    }
}

/// One property of a block.
struct Entry<'a> {
    property: Property,
    value: Value<'a>,
    /// As it is written.
    bytes: &'a [u8],
}

/// The properties of a block that was checked, front first. It ends where a block that was not breaks a rule.
struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    fn of(block: &'a [u8]) -> Self {
        Self { rest: block }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (&identifier, rest) = self.rest.split_first()?;
        let row = table::row(identifier)?;
        let (value, rest) = split_value(rest, row.wire)?;
        let bytes = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        Some(Entry { property: row.property, value, bytes })
    }
}

/// A text of a block.
fn checked_text(bytes: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok(), "a property block that was not checked");
    // SAFETY: `check` has found each text of the block to be UTF-8, and a block is made by nothing else.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}
