//! What belongs to one connection: how its packets are written, and what either side takes.

use std::fmt;
use std::time::Instant;

use bytes::BytesMut;

use crate::aliases::{IncomingAliases, OutgoingAliases};
use crate::codec::{self, LARGEST_PACKET, MAX_PACKET_SIZE, ProtocolError, Sender};
use crate::errors::{AuthenticateError, PublishError, SubscribeError};
use crate::expiry;
use crate::limits::Limits;
use crate::packets::{
    Auth, Connect, Disconnect, Packet, Properties, PropertiesBuilder, Property, Publish, ReasonCode,
    TopicAlias, Version,
};

/// The writing and reading of packets on one connection.
pub struct Link {
    /// Encoded bytes that the caller has still to write, front first.
    pub output: BytesMut,
    pub version: Version,
    /// What this side takes, as it has told the peer.
    pub ours: Limits,
    /// What the peer takes, as it has told.
    pub theirs: Limits,
    /// No packet that comes in is larger than this, in bytes, whatever this side tells.
    largest: usize,
    /// No packet that goes out is larger than this, whatever the peer tells.
    largest_sent: usize,
    /// Whether this side gives aliases to topics, if the peer takes them.
    gives_aliases: bool,
    outgoing_aliases: OutgoingAliases,
    incoming_aliases: IncomingAliases,
}

/// By hand, because a CONNECT in the output holds a password.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("output_bytes", &self.output.len())
            .field("version", &self.version)
            .field("ours", &self.ours)
            .field("theirs", &self.theirs)
            .finish_non_exhaustive()
    }
}

impl Default for Link {
    fn default() -> Self {
        let mut link = Self {
            output: BytesMut::new(),
            version: Version::Mqtt311,
            ours: Limits::default(),
            theirs: Limits::default(),
            largest: MAX_PACKET_SIZE,
            largest_sent: MAX_PACKET_SIZE,
            gives_aliases: true,
            outgoing_aliases: OutgoingAliases::default(),
            incoming_aliases: IncomingAliases::default(),
        };
        link.reset(Version::Mqtt311);
        link
    }
}

impl Link {
    /// Takes packets of up to `largest` bytes, and writes as large ones as the peer takes.
    pub fn set_largest(&mut self, largest: usize) {
        (self.largest, self.largest_sent) = (largest, LARGEST_PACKET);
        self.reset(self.version);
    }

    /// Gives no aliases to topics, whatever the peer takes.
    pub fn give_no_aliases(&mut self) {
        self.gives_aliases = false;
        self.outgoing_aliases.reset(0);
    }

    /// A new connection, on which nothing is written and nobody has told limits.
    pub fn reset(&mut self, version: Version) {
        self.output.clear();
        self.version = version;
        self.announce(&Properties::default());
        self.learn(&Properties::default());
    }

    /// This side tells the peer in these properties what it takes.
    pub fn announce(&mut self, properties: &Properties) {
        self.ours = Limits::of(properties, self.largest);
        self.incoming_aliases.reset(self.ours.topic_alias_maximum);
    }

    /// The peer has told in these properties what it takes.
    pub fn learn(&mut self, properties: &Properties) {
        self.theirs = Limits::of(properties, self.largest_sent);
        let aliases = if self.gives_aliases { self.theirs.topic_alias_maximum } else { 0 };
        self.outgoing_aliases.reset(aliases);
    }

    pub fn is_v5(&self) -> bool {
        self.version == Version::Mqtt5
    }

    /// Takes the next packet off the front of `input`.
    #[inline]
    pub fn decode(&self, input: &mut BytesMut, sender: Sender) -> Result<Option<Packet>, ProtocolError> {
        codec::decode(input, sender, self.version, self.ours.maximum_packet_size)
    }

    /// Encodes a packet. One that is larger than the peer takes is dropped, as if it had been sent [MQTT-3.1.2-25].
    pub fn encode(&mut self, packet: &Packet) {
        let written = self.try_encode(packet);
        debug_assert!(!matches!(written, Err(Unwritten::Invalid)), "no packet has this: {packet:?}");
    }

    /// Encodes PUBACK, PUBREC, SUBACK or UNSUBACK with a reason string and user properties, where the peer wants them
    /// [MQTT-3.1.2-29] and they fit [MQTT-3.4.2-2, MQTT-3.4.2-3]; otherwise without.
    pub fn encode_answer(&mut self, mut packet: Packet) {
        let is_wanted = self.is_v5() && self.theirs.problem_information;
        if words_of(&mut packet).is_some_and(|words| !words.is_empty()) {
            if is_wanted && self.try_encode(&packet).is_ok() {
                return;
            }
            words_of(&mut packet).map(std::mem::take);
        }
        self.encode(&packet);
    }

    /// Encodes a packet, if the peer takes one of its size. Nothing is written otherwise.
    pub fn try_encode(&mut self, packet: &Packet) -> Result<(), Unwritten> {
        codec::encode(packet, self.version, &mut self.output, self.theirs.maximum_packet_size)
            .map_err(Unwritten::from)
    }

    /// Encodes CONNECT, which its fields bound.
    pub fn encode_connect(&mut self, connect: &Connect) {
        let written = codec::encode_connect(connect, &mut self.output, LARGEST_PACKET);
        debug_assert!(written.is_ok(), "CONNECT is bounded by its fields: {written:?}");
    }

    /// Encodes AUTH.
    ///
    /// # Errors
    /// It is larger than the peer takes. Nothing is written then.
    pub fn encode_auth(
        &mut self,
        reason: ReasonCode,
        method: &str,
        data: &[u8],
    ) -> Result<(), AuthenticateError> {
        let mut properties = PropertiesBuilder::new().authentication_method(method);
        if !data.is_empty() {
            properties = properties.authentication_data(data);
        }
        // Only the size can be wrong.
        let limit = usize::from(u16::MAX);
        let too_large = |_| AuthenticateError::PacketTooLarge { size: data.len(), limit };
        let properties = properties.build().map_err(too_large)?;
        let auth = Packet::Auth(Auth { reason, properties });
        self.try_encode(&auth).map_err(AuthenticateError::from)
    }

    /// Encodes DISCONNECT: in MQTT 5, where it fits, with its properties.
    pub fn encode_disconnect(&mut self, disconnect: Disconnect) {
        let reason = disconnect.reason;
        let bare = without_words(&disconnect.properties);
        let least = [Disconnect { reason, properties: bare }, Disconnect::new(reason)];
        if self.try_encode(&Packet::Disconnect(disconnect)).is_err() {
            let _ = least.into_iter().any(|least| self.try_encode(&Packet::Disconnect(least)).is_ok());
        }
    }

    /// The peer broke the protocol: MQTT 5 has words for that (§4.13).
    pub fn complain(&mut self, error: &ProtocolError) {
        if self.is_v5() {
            self.encode_disconnect(Disconnect::new(error.reason()));
        }
    }

    /// Encodes a message, with the seconds that are left of its time and an alias for its topic.
    ///
    /// # Errors
    /// The peer does not take it, or its time is over. Nothing is written then.
    pub fn publish(
        &mut self,
        publish: &Publish,
        expires: Option<Instant>,
        now: Instant,
    ) -> Result<(), PublishError> {
        debug_assert!(
            publish.fits(LARGEST_PACKET),
            "an outgoing message must be bounded where it is made: {publish:?}"
        );
        let limit = self.theirs.maximum_packet_size;
        let expiry = match expires {
            Some(expires) => Some(expiry::remaining(expires, now).ok_or(PublishError::Expired)?),
            None => None,
        };
        if !self.is_v5() {
            let written = codec::encode_publish(publish, self.version, &mut self.output, limit);
            return written.map_err(|error| Unwritten::from(error).into());
        }
        self.theirs.check(publish)?;
        if publish.properties.topic_alias().is_some() {
            // The aliases are the session's.
            return Err(PublishError::Invalid);
        }
        let alias = self.outgoing_aliases.choose(&publish.topic);
        let mut write = |alias| codec::encode_publish_with(publish, alias, expiry, &mut self.output, limit);
        match (alias, write(alias)) {
            (TopicAlias::New(alias), Ok(())) => {
                self.outgoing_aliases.told(alias, &publish.topic);
                Ok(())
            }
            // It may fit without the alias.
            (TopicAlias::New(_), Err(_)) => write(TopicAlias::None),
            (_, written) => written,
        }
        .map_err(|error| Unwritten::from(error).into())
    }

    /// Gives an incoming message the topic that its alias stands for, and checks what this side has told the peer.
    pub fn admit(&mut self, publish: &mut Publish) -> Result<(), ProtocolError> {
        self.ours.admit(publish)?;
        self.incoming_aliases.resolve(publish)
    }

    /// A packet came with these properties, which is neither PUBLISH nor CONNACK nor DISCONNECT.
    ///
    /// # Errors
    /// It explains itself to a client that asked for no explanations [MQTT-3.1.2-29].
    #[inline]
    pub fn check_problem_information(
        &self,
        packet: &'static str,
        properties: &Properties,
    ) -> Result<(), ProtocolError> {
        if self.ours.problem_information || properties.is_empty() {
            return Ok(());
        }
        if properties.reason_string().is_none() && properties.user_properties().next().is_none() {
            return Ok(());
        }
        let rule = "a reason string or user property that was not asked for [MQTT-3.1.2-29]";
        Err(ProtocolError::Forbidden { packet, rule, reason: ReasonCode::ProtocolError })
    }
}

/// The properties of an answer, which are all for people to read.
fn words_of(packet: &mut Packet) -> Option<&mut Properties> {
    match packet {
        Packet::PubAck(puback) => Some(&mut puback.properties),
        Packet::PubRec(pubrec) => Some(&mut pubrec.properties),
        Packet::SubAck(suback) => Some(&mut suback.properties),
        Packet::UnsubAck(unsuback) => Some(&mut unsuback.properties),
        _ => None,
    }
}

/// The properties without those that are for people to read.
pub fn without_words(properties: &Properties) -> Properties {
    let words = [Property::ReasonString, Property::UserProperty];
    let bare = words.into_iter().fold(PropertiesBuilder::from(properties), PropertiesBuilder::without);
    bare.build().unwrap_or_default()
}

/// Why a packet is not written.
#[derive(Debug, Clone, Copy)]
pub enum Unwritten {
    /// The peer takes no larger one than `limit`, in bytes.
    TooLarge { size: usize, limit: usize },
    /// It has a property or a reason that packets of its kind never have.
    Invalid,
}

impl From<ProtocolError> for Unwritten {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::TooLarge { size, limit } => Self::TooLarge { size, limit },
            _ => Self::Invalid,
        }
    }
}

impl From<Unwritten> for PublishError {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::TooLarge { size, limit } => Self::PacketTooLarge { size, limit },
            Unwritten::Invalid => Self::Invalid,
        }
    }
}

impl From<Unwritten> for SubscribeError {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::TooLarge { size, limit } => Self::PacketTooLarge { size, limit },
            Unwritten::Invalid => Self::Invalid,
        }
    }
}

impl From<Unwritten> for AuthenticateError {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::TooLarge { size, limit } => Self::PacketTooLarge { size, limit },
            // Its reasons and properties are made here.
            Unwritten::Invalid => Self::NotAsked,
        }
    }
}
