//! What is kept of a packet.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use bytes::Bytes;

use azmqtt_mqtt::{Connect, Level, Packet, Publish, QoS, ReasonCode, SubscribeFilter, Version, codec};

use super::properties::RecordedProperty;

/// What a client called itself in its CONNECT; nobody has checked whether it may.
#[derive(Debug)]
pub struct ClientName {
    /// Its client id, which need not follow the rules of the service.
    pub client_id: String,
    /// How many connections it has begun, as far as they are remembered.
    pub(super) connections: AtomicU64,
}

/// The memory of a record besides its texts and bytes, roughly: for the ring's bound.
const OVERHEAD: usize = 256;

/// Bodies up to this size are copied out of the read buffer, so that one of them does not hold the whole of it.
const COPY_BELOW: usize = 16 << 10;

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

/// A packet as it was on the wire, or what came in the place of one.
#[derive(Debug)]
pub struct PacketRecord {
    /// Counts the records of the whole service, from 1.
    pub sequence: u64,
    /// Who the client said it was.
    pub client: Arc<ClientName>,
    /// Which of that client's connections it was on, from 1; those that were refused count.
    pub connection: u64,
    /// When it was read or written.
    pub time: SystemTime,
    /// Which way it went.
    pub direction: Direction,
    /// What it was.
    pub content: Content,
    /// Its properties in their order. MQTT 3.1.1 has none.
    pub properties: Vec<RecordedProperty>,
}

/// The fields of a packet (§3), and what a connection may show besides packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// CONNECT. Of the password only that there was one.
    Connect {
        /// The protocol level: 4 for MQTT 3.1.1, 5 for MQTT 5. Of other versions nothing else is known but who sent it.
        level: u8,
        /// Whether a fresh session is asked for: Clean Start in MQTT 5.
        clean_session: bool,
        /// In seconds.
        keep_alive: u16,
        /// The user name, which is not a secret.
        username: Option<String>,
        /// Whether there was a password.
        has_password: bool,
        /// The will, if there is one.
        will: Option<Will>,
    },
    /// CONNACK with its code.
    ConnAck {
        /// Whether the server remembers the session.
        session_present: bool,
        /// 0 for yes. In MQTT 3.1.1 1 to 5 are refusals (§3.2.2.3), in MQTT 5 the reason codes from 0x80 on.
        code: u8,
    },
    /// PUBLISH.
    Publish {
        /// 0 with QoS 0, which has none.
        packet_id: u16,
        /// The topic name.
        topic: String,
        /// 0, 1 or 2.
        qos: u8,
        /// Whether it was sent before.
        dup: bool,
        /// The RETAIN flag.
        retain: bool,
        /// The body.
        payload: Bytes,
    },
    /// SUBSCRIBE with its filters and their options; MQTT 3.1.1 has no option but the QoS.
    Subscribe {
        /// Which version it is of.
        version: Version,
        /// Never 0.
        packet_id: u16,
        /// In their order.
        filters: Vec<SubscribeFilter>,
    },
    /// SUBACK with a code for each filter: the granted QoS, or no from 128 on.
    SubAck {
        /// That of the SUBSCRIBE.
        packet_id: u16,
        /// In the order of the filters.
        codes: Vec<u8>,
    },
    /// UNSUBSCRIBE with its filters.
    Unsubscribe {
        /// Never 0.
        packet_id: u16,
        /// In their order.
        filters: Vec<String>,
    },
    /// An answer to a packet identifier: PUBACK, UNSUBACK and those of QoS 2.
    Acknowledgement {
        /// The packet's name.
        name: &'static str,
        /// Of what it acknowledges.
        packet_id: u16,
        /// In MQTT 5 the reason code; of UNSUBACK one for each filter. MQTT 3.1.1 has none.
        codes: Vec<u8>,
    },
    /// A packet that says nothing but its name and, in MQTT 5, why: PINGREQ, PINGRESP, DISCONNECT, AUTH.
    Bare {
        /// The packet's name.
        name: &'static str,
        /// The reason code of DISCONNECT and AUTH in MQTT 5.
        code: Option<u8>,
    },
    /// Bytes that are not MQTT of the version that CONNECT has named. Nothing after them could be read.
    Malformed {
        /// The rule that they break.
        rule: String,
    },
    /// The connection ended in the middle of a packet.
    Incomplete {
        /// So much of it was there.
        bytes: usize,
    },
    /// The end of the connection.
    Closed {
        /// Why, in words.
        reason: String,
    },
}

/// A will, as the CONNECT had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// The topic name.
    pub topic: String,
    /// 0, 1 or 2.
    pub qos: u8,
    /// The RETAIN flag.
    pub retain: bool,
    /// The body.
    pub payload: Bytes,
    /// Its properties in their order. MQTT 3.1.1 has none.
    pub properties: Vec<RecordedProperty>,
}

impl Content {
    /// The packet's name as the standard writes it; `MALFORMED`, `INCOMPLETE` and `CLOSED` for what is none.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "CONNECT",
            Self::ConnAck { .. } => "CONNACK",
            Self::Publish { .. } => "PUBLISH",
            Self::Subscribe { .. } => "SUBSCRIBE",
            Self::SubAck { .. } => "SUBACK",
            Self::Unsubscribe { .. } => "UNSUBSCRIBE",
            Self::Acknowledgement { name, .. } | Self::Bare { name, .. } => name,
            Self::Malformed { .. } => "MALFORMED",
            Self::Incomplete { .. } => "INCOMPLETE",
            Self::Closed { .. } => "CLOSED",
        }
    }

    /// What the ring counts, in bytes.
    pub(super) fn weight(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Connect { username, will, .. } => {
                    let will = will.as_ref().map_or(0, |will| {
                        let properties: usize = will.properties.iter().map(RecordedProperty::weight).sum();
                        will.topic.len() + will.payload.len() + properties
                    });
                    username.as_ref().map_or(0, String::len) + will
                }
                Self::Publish { topic, payload, .. } => topic.len() + payload.len(),
                Self::Subscribe { filters, .. } => filters.iter().map(|one| 32 + one.filter.len()).sum(),
                Self::Unsubscribe { filters, .. } => filters.iter().map(|filter| 32 + filter.len()).sum(),
                Self::SubAck { codes, .. } | Self::Acknowledgement { codes, .. } => codes.len(),
                Self::Malformed { rule: text } | Self::Closed { reason: text } => text.len(),
                Self::ConnAck { .. } | Self::Bare { .. } | Self::Incomplete { .. } => 0,
            }
    }
}

impl Content {
    /// What is kept of a packet, besides its properties.
    pub(super) fn of(packet: Packet, version: Version) -> Self {
        let acknowledgement = |name, packet_id, reasons: &[ReasonCode]| Self::Acknowledgement {
            name,
            packet_id,
            codes: if version == Version::Mqtt5 { bytes_of(reasons) } else { Vec::new() },
        };
        let bare = |name, reason: Option<ReasonCode>| {
            let code = reason.filter(|_| version == Version::Mqtt5).map(|reason| reason as u8);
            Self::Bare { name, code }
        };
        match packet {
            Packet::Connect(connect) => (*connect).into(),
            Packet::ConnAck(ack) => {
                let code = match version {
                    Version::Mqtt311 => codec::return_code(ack.reason),
                    Version::Mqtt5 => ack.reason as u8,
                };
                Self::ConnAck { session_present: ack.session_present, code }
            }
            Packet::Publish(publish) => publish.into(),
            Packet::PubAck(ack) => acknowledgement("PUBACK", ack.packet_id, &[ack.reason]),
            Packet::PubRec(ack) => acknowledgement("PUBREC", ack.packet_id, &[ack.reason]),
            Packet::PubRel(ack) => acknowledgement("PUBREL", ack.packet_id, &[ack.reason]),
            Packet::PubComp(ack) => acknowledgement("PUBCOMP", ack.packet_id, &[ack.reason]),
            Packet::Subscribe(subscribe) => {
                Self::Subscribe { version, packet_id: subscribe.packet_id, filters: subscribe.filters }
            }
            Packet::SubAck(ack) => {
                // MQTT 3.1.1 has one code for no.
                let highest = if version == Version::Mqtt311 { 0x80 } else { u8::MAX };
                let codes = bytes_of(&ack.reasons).into_iter().map(|code| code.min(highest));
                Self::SubAck { packet_id: ack.packet_id, codes: codes.collect() }
            }
            Packet::Unsubscribe(unsubscribe) => {
                Self::Unsubscribe { packet_id: unsubscribe.packet_id, filters: unsubscribe.filters }
            }
            Packet::UnsubAck(ack) => acknowledgement("UNSUBACK", ack.packet_id, &ack.reasons),
            Packet::PingReq => bare("PINGREQ", None),
            Packet::PingResp => bare("PINGRESP", None),
            Packet::Disconnect(disconnect) => bare("DISCONNECT", Some(disconnect.reason)),
            Packet::Auth(auth) => bare("AUTH", Some(auth.reason)),
        }
    }
}

fn bytes_of(reasons: &[ReasonCode]) -> Vec<u8> {
    reasons.iter().map(|reason| *reason as u8).collect()
}

impl From<Connect> for Content {
    fn from(connect: Connect) -> Self {
        let will = connect.will.map(|will| Will {
            topic: will.topic,
            qos: will.qos as u8,
            retain: will.retain,
            payload: compact(will.message),
            properties: RecordedProperty::all(&will.properties),
        });
        // An empty password is as good as none, to the hub as well.
        let has_password = connect.password.is_some_and(|password| !password.is_empty());
        Self::Connect {
            level: match connect.level {
                Level::Mqtt31 => 3,
                Level::Mqtt311 => 4,
                Level::Mqtt5 => 5,
            },
            clean_session: connect.clean_start,
            keep_alive: connect.keep_alive,
            username: connect.username,
            has_password,
            will,
        }
    }
}

impl From<Publish> for Content {
    fn from(publish: Publish) -> Self {
        Self::Publish {
            packet_id: if publish.qos == QoS::AtMostOnce { 0 } else { publish.packet_id },
            topic: publish.topic.into(),
            qos: publish.qos as u8,
            dup: publish.dup,
            retain: publish.retain,
            payload: compact(publish.payload),
        }
    }
}

fn compact(body: Bytes) -> Bytes {
    if body.len() < COPY_BELOW { Bytes::copy_from_slice(&body) } else { body }
}
