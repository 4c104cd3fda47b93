//! The strict codec: whole packets out of a byte stream and into one, and nothing that the standard forbids.
//!
//! Every rule that is checked is named in the error, by its number where the standard has given it one. Framing
//! (`frame`) and data types (`fields`) are the same in all versions of MQTT; the packets of 3.1.1 are in `v4`, those of 5
//! in `v5`.

mod error;
mod fields;
mod frame;
mod topic;
mod v4;
mod v5;

use bytes::{Buf, BytesMut};

pub use error::ProtocolError;
pub use frame::{LARGEST_PACKET, Sender, announced, packet_length};
pub use topic::{is_valid_filter, is_valid_share};
pub use v4::return_code;

use crate::packets::{Connect, Kind, Level, Packet, Publish, TopicAlias, Version};
use fields::Fields;
use frame::Frame;

/// The largest packet that device and hub accept, in bytes: IoT Hub's 262,144-byte message with a topic of
/// the longest legal length fits.
pub const MAX_PACKET_SIZE: usize = 262_144 + 65_535 + 16;

/// Takes the next whole packet off the front of `input`, or `None` until more bytes have come.
///
/// A CONNECT names its version itself, and `version` is the newest that is taken: a server that speaks both begins with
/// [`Version::Mqtt5`], and goes on with that of the CONNECT's [`Level`].
///
/// # Errors
/// The first rule that the bytes break, or a packet of more than `limit` bytes; the stream is unusable afterwards.
pub fn decode(
    input: &mut BytesMut,
    sender: Sender,
    version: Version,
    limit: usize,
) -> Result<Option<Packet>, ProtocolError> {
    let Some(frame) = Frame::peek(input)? else { return Ok(None) };
    frame.check_direction(sender, version)?;
    let size = frame.size();
    if size > limit {
        return Err(ProtocolError::TooLarge { size, limit });
    }
    if input.len() < size {
        return Ok(None);
    }
    let is_of_v5 = match (version, frame.kind()) {
        (Version::Mqtt311, _) => false,
        (Version::Mqtt5, Some(Kind::Connect)) => v5::is_of_v5(&input[frame.header_len()..size]),
        (Version::Mqtt5, _) => true,
    };
    if is_of_v5 { v5::decode(&frame, input, sender) } else { v4::decode(&frame, input) }.map(Some)
}

/// Appends `packet` to `output`; a CONNECT by its own level. What MQTT 3.1.1 has no word for is left out: properties, and
/// reason codes, of which CONNACK and SUBACK say the nearest ([`return_code`]). What is too long for a field of 65,535
/// bytes is cut off: it is checked where it is made.
///
/// # Errors
/// The packet would have more than `limit` bytes, is AUTH in MQTT 3.1.1, or has a property or reason code that packets of
/// its kind never have. Nothing is written then.
pub fn encode(
    packet: &Packet,
    version: Version,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    match (packet, version) {
        (Packet::Connect(connect), _) => encode_connect(connect, output, limit),
        (_, Version::Mqtt311) => v4::encode(packet, output, limit),
        (_, Version::Mqtt5) => v5::encode(packet, output, limit),
    }
}

/// Appends `connect`, as [`encode`] does.
pub(crate) fn encode_connect(
    connect: &Connect,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    match connect.level {
        Level::Mqtt31 | Level::Mqtt311 => v4::encode_connect(connect, output, limit),
        Level::Mqtt5 => v5::encode_connect(connect, output, limit),
    }
}

/// Appends `publish`, as [`encode`] does.
pub(crate) fn encode_publish(
    publish: &Publish,
    version: Version,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    match version {
        Version::Mqtt311 => v4::encode_publish(publish, output, limit),
        Version::Mqtt5 => v5::encode_publish(publish, TopicAlias::None, None, output, limit),
    }
}

/// Appends `publish` as MQTT 5 has it, with an alias for its topic, and with `expiry` in the place of its message expiry
/// interval, if it has one.
///
/// # Errors
/// As those of [`encode`].
pub fn encode_publish_with(
    publish: &Publish,
    alias: TopicAlias,
    expiry: Option<u32>,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    v5::encode_publish(publish, alias, expiry, output, limit)
}

/// Takes a PUBLISH of the server's off the front of `input` in which nothing is wrong but the topic, which [`decode`] has
/// refused. Yields its packet identifier, 0 at QoS 0; `None` if something else is wrong, or it is of QoS 2.
pub(crate) fn skip_bad_topic(input: &mut BytesMut) -> Option<u16> {
    let frame = Frame::peek(input).ok()??;
    if frame.kind() != Some(Kind::Publish)
        || frame.flags() & 0b0100 != 0
        || frame.check_direction(Sender::Server, Version::Mqtt311).is_err()
    {
        return None;
    }
    let mut fields = Fields::new(&frame, input.get(frame.header_len()..frame.size())?);
    fields.bytes().ok()?;
    let packet_id = if frame.flags() & 0b0010 == 0 { 0 } else { fields.packet_id().ok()? };
    input.advance(frame.size());
    Some(packet_id)
}
