//! The strict codec: whole packets out of a byte stream, and nothing that MQTT 3.1.1 forbids.
//!
//! rumqttc's codec frames, parses and encodes. It also takes wrong header flags, trailing bytes, empty or
//! NUL topics and packet identifier 0, so every frame is checked here first, against the numbered
//! statements of the standard.

use std::fmt;

use bytes::{Buf, BytesMut};
use rumqttc::mqttbytes::v4::Packet;

/// The largest packet that device and hub accept, in bytes: IoT Hub's 262,144-byte message with a topic of
/// the longest legal length fits.
pub const MAX_PACKET_SIZE: usize = 262_144 + 65_535 + 16;

/// The largest packet that MQTT can express, in bytes: a fixed header of five, and what its remaining length can say
/// (§2.2.3).
pub const LARGEST_PACKET: usize = 5 + 268_435_455;

/// Who sent the bytes: some packets are legal in one direction only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The side that opened the connection.
    Client,
    /// The side that accepted it.
    Server,
}

/// Why the peer's bytes are not MQTT 3.1.1. The connection cannot go on after any of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProtocolError {
    /// The packet announces more bytes than this side takes.
    TooLarge {
        /// The announced size in bytes.
        size: usize,
        /// How many would be taken.
        limit: usize,
    },
    /// The packet breaks a rule of the standard.
    Malformed {
        /// The packet's name, as in "PUBLISH".
        packet: &'static str,
        /// The broken rule, with its section.
        rule: &'static str,
    },
    /// A legal packet at a moment, or from a side, where it is not allowed.
    Unexpected {
        /// The packet's name.
        packet: &'static str,
    },
    /// CONNECT asks for a protocol level other than 4 (MQTT 3.1.1), such as 3 (MQTT 3.1) or 5.
    UnsupportedLevel(u8),
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(f, "a packet of {size} bytes was announced, the limit is {limit}")
            }
            Self::Malformed { packet, rule } => write!(f, "malformed {packet}: {rule}"),
            Self::Unexpected { packet } => write!(f, "unexpected {packet}"),
            Self::UnsupportedLevel(level) => {
                match level {
                    3 => f.write_str("the client speaks MQTT 3.1")?,
                    5 => f.write_str("the client speaks MQTT 5")?,
                    _ => write!(f, "the client speaks MQTT of protocol level {level}")?,
                }
                f.write_str(": set it to MQTT 3.1.1 (protocol level 4), the only version there is here")
            }
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Takes the next whole packet off the front of `input`, or `None` until more bytes have come.
///
/// # Errors
/// The first rule that the bytes break, or a packet of more than `limit` bytes; the stream is unusable afterwards.
pub fn decode(input: &mut BytesMut, sender: Sender, limit: usize) -> Result<Option<Packet>, ProtocolError> {
    let Some(frame) = Frame::peek(input)? else { return Ok(None) };
    frame.check_direction(sender)?;
    let size = frame.size();
    if size > limit {
        return Err(ProtocolError::TooLarge { size, limit });
    }
    let Some(bytes) = input.get(..size) else {
        return Ok(None);
    };
    frame.check_body(&bytes[frame.header_len..])?;
    match Packet::read(input, limit) {
        Ok(packet) => Ok(Some(packet)),
        // Unreachable by construction, yet the codec has the last word on its own format.
        Err(_) => Err(frame.malformed("the codec refuses it")),
    }
}

/// Takes a PUBLISH of the server's off the front of `input` in which nothing is wrong but the topic, which [`decode`] has
/// refused. Yields its packet identifier, 0 at QoS 0; `None` if something else is wrong, or it is of QoS 2.
pub fn skip_bad_topic(input: &mut BytesMut) -> Option<u16> {
    let frame = Frame::peek(input).ok()??;
    if frame.kind() != PUBLISH
        || frame.first_byte & 0b0100 != 0
        || frame.check_direction(Sender::Server).is_err()
    {
        return None;
    }
    let mut fields = Fields { frame: &frame, rest: input.get(frame.header_len..frame.size())? };
    fields.bytes().ok()?;
    let packet_id =
        if frame.first_byte & 0b0010 == 0 { 0 } else { fields.u16().ok().filter(|id| *id != 0)? };
    let size = frame.size();
    input.advance(size);
    Some(packet_id)
}

/// The length of the first packet in `input`, if it is there as a whole and has the length that it announces.
pub fn packet_length(input: &[u8]) -> Option<usize> {
    let size = Frame::peek(input).ok()??.size();
    (size <= input.len()).then_some(size)
}

/// How many bytes the packet at the front of `input` announces, as far as it has come: 0 while its header has not.
/// `None` for no packet.
pub fn announced(input: &[u8]) -> Option<usize> {
    if input.is_empty() {
        return None;
    }
    Some(Frame::peek(input).ok().flatten().map_or(0, |frame| frame.size()))
}

/// A packet's fixed header (§2.2).
struct Frame {
    first_byte: u8,
    header_len: usize,
    remaining: usize,
}

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;
const SUBSCRIBE: u8 = 8;
const SUBACK: u8 = 9;
const UNSUBSCRIBE: u8 = 10;
const UNSUBACK: u8 = 11;
const PINGREQ: u8 = 12;
const PINGRESP: u8 = 13;
const DISCONNECT: u8 = 14;

impl Frame {
    /// Reads the fixed header without consuming it; `None` while it is incomplete.
    fn peek(input: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let Some((&first_byte, rest)) = input.split_first() else { return Ok(None) };
        let mut remaining = 0;
        for (index, &byte) in rest.iter().take(4).enumerate() {
            remaining |= usize::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(Some(Self { first_byte, header_len: index + 2, remaining }));
            }
        }
        if rest.len() >= 4 {
            let packet = name(first_byte >> 4);
            return Err(ProtocolError::Malformed {
                packet,
                rule: "remaining length over four bytes (§2.2.3)",
            });
        }
        Ok(None)
    }

    fn size(&self) -> usize {
        self.header_len + self.remaining
    }

    fn kind(&self) -> u8 {
        self.first_byte >> 4
    }

    fn malformed(&self, rule: &'static str) -> ProtocolError {
        ProtocolError::Malformed { packet: name(self.kind()), rule }
    }

    /// Packet types and flags that are wrong whatever the body says, so that a peer speaking another
    /// protocol is told apart by its first bytes (§2.2.1, §2.2.2).
    fn check_direction(&self, sender: Sender) -> Result<(), ProtocolError> {
        let legal = match self.kind() {
            CONNECT | SUBSCRIBE | UNSUBSCRIBE | PINGREQ | DISCONNECT => sender == Sender::Client,
            CONNACK | SUBACK | UNSUBACK | PINGRESP => sender == Sender::Server,
            PUBLISH..=PUBCOMP => true,
            _ => return Err(self.malformed("reserved packet type (§2.2.1)")),
        };
        if !legal {
            return Err(ProtocolError::Unexpected { packet: name(self.kind()) });
        }
        let flags = self.first_byte & 0x0F;
        match self.kind() {
            PUBLISH if flags & 0b0110 == 0b0110 => Err(self.malformed("both QoS bits set [MQTT-3.3.1-4]")),
            PUBLISH if flags & 0b1110 == 0b1000 => Err(self.malformed("DUP with QoS 0 [MQTT-3.3.1-2]")),
            PUBLISH => Ok(()),
            PUBREL | SUBSCRIBE | UNSUBSCRIBE if flags == 0b0010 => Ok(()),
            PUBREL | SUBSCRIBE | UNSUBSCRIBE => Err(self.malformed("reserved flags [MQTT-2.2.2-2]")),
            _ if flags == 0 => Ok(()),
            _ => Err(self.malformed("reserved flags [MQTT-2.2.2-2]")),
        }
    }

    fn check_body(&self, body: &[u8]) -> Result<(), ProtocolError> {
        let mut fields = Fields { frame: self, rest: body };
        match self.kind() {
            CONNECT => check_connect(&mut fields)?,
            CONNACK => check_connack(&mut fields)?,
            PUBLISH => return check_publish(&mut fields, self.first_byte),
            PUBACK..=PUBCOMP | UNSUBACK => fields.packet_id()?,
            SUBSCRIBE => check_filters(&mut fields, true)?,
            UNSUBSCRIBE => check_filters(&mut fields, false)?,
            SUBACK => check_suback(&mut fields)?,
            _ => {}
        }
        if fields.rest.is_empty() { Ok(()) } else { Err(self.malformed("trailing bytes")) }
    }
}

fn check_connect(fields: &mut Fields<'_>) -> Result<(), ProtocolError> {
    // MQTT 3.1 has another name, and a level of its own.
    let (name, level) = (fields.string()?, fields.u8()?);
    if name != "MQTT" && (name, level) != ("MQIsdp", 3) {
        return Err(fields.frame.malformed("protocol name is not MQTT [MQTT-3.1.2-1]"));
    }
    if level != 4 {
        return Err(ProtocolError::UnsupportedLevel(level));
    }
    let flags = fields.u8()?;
    let (will, username, password) = (flags & 0x04 != 0, flags & 0x80 != 0, flags & 0x40 != 0);
    if flags & 0x01 != 0 {
        return Err(fields.frame.malformed("reserved connect flag [MQTT-3.1.2-3]"));
    }
    if flags & 0b0001_1000 == 0b0001_1000 || (!will && flags & 0b0011_1000 != 0) {
        return Err(fields.frame.malformed("will flags [MQTT-3.1.2-11..15]"));
    }
    if password && !username {
        return Err(fields.frame.malformed("password without user name [MQTT-3.1.2-22]"));
    }
    fields.u16()?; // keep alive
    fields.string()?; // client identifier
    if will {
        fields.topic_name()?;
        fields.bytes()?;
    }
    if username {
        fields.string()?;
    }
    if password {
        // The standard allows any bytes; the codec holds text, and a SAS token is text.
        fields.string()?;
    }
    Ok(())
}

fn check_connack(fields: &mut Fields<'_>) -> Result<(), ProtocolError> {
    let (flags, code) = (fields.u8()?, fields.u8()?);
    match (flags, code) {
        (0, 0..=5) | (1, 0) => Ok(()),
        (1, 1..=5) => Err(fields.frame.malformed("session present on a refusal [MQTT-3.2.2-4]")),
        (0 | 1, _) => Err(fields.frame.malformed("reserved return code (§3.2.2.3)")),
        _ => Err(fields.frame.malformed("reserved acknowledge flags (§3.2.2.1)")),
    }
}

fn check_publish(fields: &mut Fields<'_>, first_byte: u8) -> Result<(), ProtocolError> {
    fields.topic_name()?;
    if first_byte & 0b0110 != 0 {
        fields.packet_id()?;
    }
    Ok(()) // the rest is the application's
}

fn check_filters(fields: &mut Fields<'_>, with_qos: bool) -> Result<(), ProtocolError> {
    fields.packet_id()?;
    if fields.rest.is_empty() {
        return Err(fields.frame.malformed("no topic filter [MQTT-3.8.3-3] [MQTT-3.10.3-2]"));
    }
    loop {
        let filter = fields.string()?;
        if !is_valid_filter(filter) {
            return Err(fields.frame.malformed("topic filter (§4.7)"));
        }
        if with_qos && fields.u8()? > 2 {
            return Err(fields.frame.malformed("requested QoS [MQTT-3-8.3-4]"));
        }
        if fields.rest.is_empty() {
            return Ok(());
        }
    }
}

fn check_suback(fields: &mut Fields<'_>) -> Result<(), ProtocolError> {
    fields.packet_id()?;
    if fields.rest.is_empty() {
        return Err(fields.frame.malformed("no return codes (§3.9.3)"));
    }
    if !fields.rest.iter().all(|code| matches!(code, 0..=2 | 0x80)) {
        return Err(fields.frame.malformed("reserved return code [MQTT-3.9.3-2]"));
    }
    fields.rest = &[];
    Ok(())
}

/// Whether `filter` follows §4.7.1: `#` alone in the last level, `+` alone in its level, not empty.
pub fn is_valid_filter(filter: &str) -> bool {
    if filter.is_empty() {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let wildcard = level.contains(['+', '#']);
        if wildcard && (level.len() != 1 || (level == "#" && levels.peek().is_some())) {
            return false;
        }
    }
    true
}

/// A reader over a packet's body that knows the standard's data types (§1.5).
struct Fields<'a> {
    frame: &'a Frame,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], ProtocolError> {
        let (head, rest) =
            self.rest.split_at_checked(len).ok_or_else(|| self.frame.malformed("a field crosses the end"))?;
        self.rest = rest;
        Ok(head)
    }

    fn u8(&mut self) -> Result<u8, ProtocolError> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, ProtocolError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn bytes(&mut self) -> Result<&'a [u8], ProtocolError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    fn string(&mut self) -> Result<&'a str, ProtocolError> {
        let bytes = self.bytes()?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| self.frame.malformed("text is not UTF-8 [MQTT-1.5.3-1]"))?;
        if text.contains('\0') {
            return Err(self.frame.malformed("U+0000 in text [MQTT-1.5.3-2]"));
        }
        Ok(text)
    }

    fn topic_name(&mut self) -> Result<(), ProtocolError> {
        let topic = self.string()?;
        if topic.is_empty() {
            return Err(self.frame.malformed("empty topic name [MQTT-4.7.3-1]"));
        }
        if topic.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
            return Err(self.frame.malformed("wildcard in a topic name [MQTT-3.3.2-2]"));
        }
        Ok(())
    }

    fn packet_id(&mut self) -> Result<(), ProtocolError> {
        if self.u16()? == 0 {
            return Err(self.frame.malformed("packet identifier 0 [MQTT-2.3.1-1]"));
        }
        Ok(())
    }
}

/// The name of a packet type, as the standard writes it.
fn name(kind: u8) -> &'static str {
    match kind {
        CONNECT => "CONNECT",
        CONNACK => "CONNACK",
        PUBLISH => "PUBLISH",
        PUBACK => "PUBACK",
        5 => "PUBREC",
        PUBREL => "PUBREL",
        PUBCOMP => "PUBCOMP",
        SUBSCRIBE => "SUBSCRIBE",
        SUBACK => "SUBACK",
        UNSUBSCRIBE => "UNSUBSCRIBE",
        UNSUBACK => "UNSUBACK",
        PINGREQ => "PINGREQ",
        PINGRESP => "PINGRESP",
        DISCONNECT => "DISCONNECT",
        _ => "packet",
    }
}

/// The name of a decoded packet, for error texts.
pub(super) fn packet_name(packet: &Packet) -> &'static str {
    name(match packet {
        Packet::Connect(_) => CONNECT,
        Packet::ConnAck(_) => CONNACK,
        Packet::Publish(_) => PUBLISH,
        Packet::PubAck(_) => PUBACK,
        Packet::PubRec(_) => 5,
        Packet::PubRel(_) => PUBREL,
        Packet::PubComp(_) => PUBCOMP,
        Packet::Subscribe(_) => SUBSCRIBE,
        Packet::SubAck(_) => SUBACK,
        Packet::Unsubscribe(_) => UNSUBSCRIBE,
        Packet::UnsubAck(_) => UNSUBACK,
        Packet::PingReq => PINGREQ,
        Packet::PingResp => PINGRESP,
        Packet::Disconnect => DISCONNECT,
    })
}
