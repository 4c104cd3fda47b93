//! Which properties there are (MQTT 5 §2.2.2.2, table 2-4): one row for each.

use crate::packets::kind::Kind;

/// A property's identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the standard's names; each getter of `Properties` says what it is")]
pub enum Property {
    PayloadFormatIndicator = 0x01,
    MessageExpiryInterval = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0B,
    SessionExpiryInterval = 0x11,
    AssignedClientIdentifier = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelayInterval = 0x18,
    RequestResponseInformation = 0x19,
    ResponseInformation = 0x1A,
    ServerReference = 0x1C,
    ReasonString = 0x1F,
    ReceiveMaximum = 0x21,
    TopicAliasMaximum = 0x22,
    TopicAlias = 0x23,
    MaximumQoS = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    MaximumPacketSize = 0x27,
    WildcardSubscriptionAvailable = 0x28,
    SubscriptionIdentifiersAvailable = 0x29,
    SharedSubscriptionAvailable = 0x2A,
}

impl Property {
    /// The name that the standard gives it.
    pub fn name(self) -> &'static str {
        row(self as u8).map_or("", |row| row.name)
    }

    /// Whether its value is binary data.
    pub(super) fn is_binary(self) -> bool {
        row(self as u8).is_some_and(|row| row.wire == Wire::Bytes)
    }

    /// Its place in a set of properties.
    pub(crate) fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// How a value is written, and which ones there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// A byte, 0 or 1.
    Boolean,
    /// Two bytes.
    Short,
    /// Two bytes, never 0.
    ShortNotZero,
    /// Four bytes.
    Long,
    /// Four bytes, never 0.
    LongNotZero,
    /// A variable byte integer, never 0.
    VariableNotZero,
    /// Text with its length.
    Text,
    /// Text with its length, without wildcards.
    Topic,
    /// A body with its length.
    Bytes,
    /// Two texts, each with its length.
    Pair,
}

/// A property block's owner: the packet and its sender, or the will of a CONNECT. As a set of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(u32);

impl Place {
    /// The will in a CONNECT.
    pub(crate) const WILL: Self = Self(1);
    /// Any packet of either side.
    pub(crate) const ANY: Self = Self(u32::MAX);

    /// A packet of this kind from a client.
    pub(crate) const fn from_client(kind: Kind) -> Self {
        Self(1 << kind as u8)
    }

    /// A packet of this kind from a server.
    pub(crate) const fn from_server(kind: Kind) -> Self {
        Self(1 << (16 + kind as u8))
    }

    /// A packet of this kind from either side.
    pub(crate) const fn of(kind: Kind) -> Self {
        Self(Self::from_client(kind).0 | Self::from_server(kind).0)
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What the standard says of a property.
pub(super) struct Row {
    pub(super) property: Property,
    pub(super) name: &'static str,
    pub(super) wire: Wire,
    /// Where it may stand.
    places: Place,
}

const fn row_of(property: Property, name: &'static str, wire: Wire, places: Place) -> Row {
    Row { property, name, wire, places }
}

const CONNECT: Place = Place::from_client(Kind::Connect);
const CONNACK: Place = Place::from_server(Kind::ConnAck);
const PUBLISH: Place = Place::of(Kind::Publish);
const SUBSCRIBE: Place = Place::from_client(Kind::Subscribe);
const UNSUBSCRIBE: Place = Place::from_client(Kind::Unsubscribe);
const DISCONNECT: Place = Place::of(Kind::Disconnect);
const AUTH: Place = Place::of(Kind::Auth);
/// The answers, which may say why.
const ANSWERS: Place = Place::of(Kind::PubAck)
    .or(Place::of(Kind::PubRec))
    .or(Place::of(Kind::PubRel))
    .or(Place::of(Kind::PubComp))
    .or(Place::from_server(Kind::SubAck))
    .or(Place::from_server(Kind::UnsubAck));
const MESSAGE: Place = PUBLISH.or(Place::WILL);
/// Subscription identifiers are a client's in SUBSCRIBE, and a server's in PUBLISH [MQTT-3.3.4-6].
const SUBSCRIPTION: Place = SUBSCRIBE.or(Place::from_server(Kind::Publish));
/// A server does not set the expiry in DISCONNECT [MQTT-3.14.2-2].
const SESSION: Place = CONNECT.or(CONNACK).or(Place::from_client(Kind::Disconnect));
const REFERENCE: Place = CONNACK.or(Place::from_server(Kind::Disconnect));
const AUTHENTICATION: Place = CONNECT.or(CONNACK).or(AUTH);
const BOTH_CONNECT: Place = CONNECT.or(CONNACK);
const REASON: Place = CONNACK.or(ANSWERS).or(DISCONNECT).or(AUTH);
const EVERYWHERE: Place = REASON.or(CONNECT).or(MESSAGE).or(SUBSCRIBE).or(UNSUBSCRIBE);

#[rustfmt::skip]
static ROWS: [Row; 27] = {
    use Property as P;
    use Wire as W;
    [
        row_of(P::PayloadFormatIndicator, "Payload Format Indicator", W::Boolean, MESSAGE),
        row_of(P::MessageExpiryInterval, "Message Expiry Interval", W::Long, MESSAGE),
        row_of(P::ContentType, "Content Type", W::Text, MESSAGE),
        row_of(P::ResponseTopic, "Response Topic", W::Topic, MESSAGE),
        row_of(P::CorrelationData, "Correlation Data", W::Bytes, MESSAGE),
        row_of(P::SubscriptionIdentifier, "Subscription Identifier", W::VariableNotZero, SUBSCRIPTION),
        row_of(P::SessionExpiryInterval, "Session Expiry Interval", W::Long, SESSION),
        row_of(P::AssignedClientIdentifier, "Assigned Client Identifier", W::Text, CONNACK),
        row_of(P::ServerKeepAlive, "Server Keep Alive", W::Short, CONNACK),
        row_of(P::AuthenticationMethod, "Authentication Method", W::Text, AUTHENTICATION),
        row_of(P::AuthenticationData, "Authentication Data", W::Bytes, AUTHENTICATION),
        row_of(P::RequestProblemInformation, "Request Problem Information", W::Boolean, CONNECT),
        row_of(P::WillDelayInterval, "Will Delay Interval", W::Long, Place::WILL),
        row_of(P::RequestResponseInformation, "Request Response Information", W::Boolean, CONNECT),
        row_of(P::ResponseInformation, "Response Information", W::Text, CONNACK),
        row_of(P::ServerReference, "Server Reference", W::Text, REFERENCE),
        row_of(P::ReasonString, "Reason String", W::Text, REASON),
        row_of(P::ReceiveMaximum, "Receive Maximum", W::ShortNotZero, BOTH_CONNECT),
        row_of(P::TopicAliasMaximum, "Topic Alias Maximum", W::Short, BOTH_CONNECT),
        row_of(P::TopicAlias, "Topic Alias", W::ShortNotZero, PUBLISH),
        row_of(P::MaximumQoS, "Maximum QoS", W::Boolean, CONNACK),
        row_of(P::RetainAvailable, "Retain Available", W::Boolean, CONNACK),
        row_of(P::UserProperty, "User Property", W::Pair, EVERYWHERE),
        row_of(P::MaximumPacketSize, "Maximum Packet Size", W::LongNotZero, BOTH_CONNECT),
        row_of(P::WildcardSubscriptionAvailable, "Wildcard Subscription Available", W::Boolean, CONNACK),
        row_of(P::SubscriptionIdentifiersAvailable, "Subscription Identifiers Available", W::Boolean, CONNACK),
        row_of(P::SharedSubscriptionAvailable, "Shared Subscription Available", W::Boolean, CONNACK),
    ]
};

/// The identifiers are lower than this.
const IDENTIFIERS: usize = 0x2B;

/// Where the row of an identifier is.
static POSITIONS: [u8; IDENTIFIERS] = {
    let mut positions = [u8::MAX; IDENTIFIERS];
    let mut at = 0;
    while at < ROWS.len() {
        positions[ROWS[at].property as usize] = at as u8;
        at += 1;
    }
    positions
};

/// The row of this identifier, if it is one.
pub(super) fn row(identifier: u8) -> Option<&'static Row> {
    ROWS.get(usize::from(*POSITIONS.get(usize::from(identifier))?))
}

/// The sets of properties that may stand in each single place, by its bit.
static LEGAL: [u64; 32] = {
    let mut legal = [0; 32];
    let mut at = 0;
    while at < ROWS.len() {
        let mut bit = 0;
        while bit < 32 {
            if ROWS[at].places.overlaps(Place(1 << bit)) {
                legal[bit] |= 1 << ROWS[at].property as u8;
            }
            bit += 1;
        }
        at += 1;
    }
    legal
};

/// The set of properties that may stand there.
pub(super) fn legal(place: Place) -> u64 {
    let (mut places, mut set) = (place.0, 0);
    while places != 0 {
        set |= LEGAL[places.trailing_zeros() as usize];
        places &= places - 1;
    }
    set
}

/// Whether it may stand there more than once: user properties, and the identifiers of all subscriptions that a message
/// matches (§3.3.2.3.8).
pub(super) fn may_repeat(property: Property, place: Place) -> bool {
    match property {
        Property::UserProperty => true,
        Property::SubscriptionIdentifier => place.overlaps(Place::from_server(Kind::Publish)),
        _ => false,
    }
}
