//! The fixed header (§2.2): which packet, which flags, how many bytes.

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::packets::{Kind, Version};

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

/// A packet's fixed header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    first_byte: u8,
    header_len: usize,
    remaining: usize,
}

impl Frame {
    /// Reads the fixed header without consuming it; `None` while it is incomplete.
    pub(super) fn peek(input: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let Some((&first_byte, rest)) = input.split_first() else { return Ok(None) };
        let mut remaining = 0;
        for (index, &byte) in rest.iter().take(4).enumerate() {
            remaining |= usize::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(Some(Self { first_byte, header_len: index + 2, remaining }));
            }
        }
        if rest.len() >= 4 {
            let frame = Self { first_byte, header_len: 5, remaining: 0 };
            return Err(frame.malformed("remaining length over four bytes (§2.2.3)"));
        }
        Ok(None)
    }

    /// `None` for a reserved one.
    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::from_byte(self.first_byte >> 4)
    }

    pub(super) fn flags(&self) -> u8 {
        self.first_byte & 0x0F
    }

    /// How many bytes the fixed header has.
    pub(super) fn header_len(&self) -> usize {
        self.header_len
    }

    /// How many bytes the whole packet has.
    pub(super) fn size(&self) -> usize {
        self.header_len + self.remaining
    }

    /// Whether the remaining length takes no more bytes than it needs.
    pub(super) fn is_minimal(&self) -> bool {
        self.header_len == 1 + length_bytes(self.remaining)
    }

    pub(super) fn malformed(&self, rule: &'static str) -> ProtocolError {
        ProtocolError::Malformed { packet: self.kind().map_or("packet", Kind::name), rule }
    }

    /// Packet types and flags that are wrong whatever the body says, so that a peer speaking another
    /// protocol is told apart by its first bytes (§2.2.1, §2.2.2).
    pub(super) fn check_direction(&self, sender: Sender, version: Version) -> Result<(), ProtocolError> {
        let kind = self.kind().filter(|kind| *kind != Kind::Auth || version == Version::Mqtt5);
        let Some(kind) = kind else { return Err(self.malformed("reserved packet type (§2.2.1)")) };
        if !may_come_from(kind, sender, version) {
            return Err(ProtocolError::Unexpected { packet: kind.name() });
        }
        let flags = self.flags();
        match kind {
            Kind::Publish if flags & 0b0110 == 0b0110 => {
                Err(self.malformed("both QoS bits set [MQTT-3.3.1-4]"))
            }
            Kind::Publish if flags & 0b1110 == 0b1000 => Err(self.malformed("DUP with QoS 0 [MQTT-3.3.1-2]")),
            Kind::Publish => Ok(()),
            _ if flags == reserved_flags(kind) => Ok(()),
            _ => Err(self.malformed("reserved flags [MQTT-2.2.2-2, in 5 MQTT-2.1.3-1]")),
        }
    }
}

fn may_come_from(kind: Kind, sender: Sender, version: Version) -> bool {
    match kind {
        Kind::Connect | Kind::Subscribe | Kind::Unsubscribe | Kind::PingReq => sender == Sender::Client,
        Kind::ConnAck | Kind::SubAck | Kind::UnsubAck | Kind::PingResp => sender == Sender::Server,
        Kind::Publish | Kind::PubAck | Kind::PubRec | Kind::PubRel | Kind::PubComp | Kind::Auth => true,
        Kind::Disconnect => sender == Sender::Client || version == Version::Mqtt5,
    }
}

/// The flags of every packet but PUBLISH, where they say something (§2.2.2).
fn reserved_flags(kind: Kind) -> u8 {
    match kind {
        Kind::PubRel | Kind::Subscribe | Kind::Unsubscribe => 0b0010,
        _ => 0,
    }
}

/// The first byte of a packet that is not a PUBLISH.
pub(super) fn first_byte(kind: Kind) -> u8 {
    (kind as u8) << 4 | reserved_flags(kind)
}

/// Writes a fixed header and makes room for the body.
///
/// # Errors
/// The packet would have more than `limit` bytes.
pub(super) fn put_header(
    output: &mut BytesMut,
    first_byte: u8,
    remaining: usize,
    limit: usize,
) -> Result<(), ProtocolError> {
    let size = 1 + length_bytes(remaining) + remaining;
    let limit = limit.min(LARGEST_PACKET);
    if size > limit {
        return Err(ProtocolError::TooLarge { size, limit });
    }
    output.reserve(size);
    output.put_u8(first_byte);
    put_length(output, remaining);
    Ok(())
}

/// Writes a packet that is a packet identifier and nothing else, in one piece: every second packet is one.
///
/// # Errors
/// As those of [`put_header`].
pub(super) fn put_bare(
    output: &mut BytesMut,
    kind: Kind,
    packet_id: u16,
    limit: usize,
) -> Result<(), ProtocolError> {
    const SIZE: usize = 4;
    if SIZE > limit {
        return Err(ProtocolError::TooLarge { size: SIZE, limit });
    }
    let [high, low] = packet_id.to_be_bytes();
    output.put_slice(&[first_byte(kind), 2, high, low]);
    Ok(())
}

/// How many bytes a variable length takes.
pub(super) fn length_bytes(length: usize) -> usize {
    match length {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Seven bits a byte, the lowest first (§2.2.3).
pub(super) fn put_length(output: &mut BytesMut, mut length: usize) {
    loop {
        let byte = (length % 0x80) as u8;
        length /= 0x80;
        output.put_u8(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return;
        }
    }
}
