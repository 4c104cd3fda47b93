//! PUBLISH (§3.3), which most packets are: nothing is copied on the way in.

use bytes::{Buf, BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{Frame, Sender, first_byte, length_bytes, put_header, put_length};
use crate::codec::v5::{properties, reasons};
use crate::packets::{Kind, Properties, Property, Publish, QoS, Text, TopicAlias};

const RETAIN: u8 = 0b0001;
const DUP: u8 = 0b1000;

/// Takes the message with this fixed header, all of which has come, off the front of `input`.
pub(super) fn decode(frame: &Frame, input: &mut BytesMut, sender: Sender) -> Result<Publish, ProtocolError> {
    let flags = frame.flags();
    let Some(qos) = QoS::from_byte(flags >> 1 & 0b11) else {
        return Err(frame.malformed("both QoS bits set [MQTT-3.3.1-4]"));
    };
    let mut fields = Fields::new(frame, &input[frame.header_len()..frame.size()]);
    let topic = fields.topic_name_or_none()?;
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { fields.packet_id()? };
    let block = properties::read(&mut fields, reasons::place(Kind::Publish, sender))?;
    if topic.is_empty() && block.present & Property::TopicAlias.bit() == 0 {
        return Err(fields.forbidden("neither a topic name nor a topic alias (§3.3.2.1)"));
    }
    let (topic_len, block_len, present) = (topic.len(), block.bytes.len(), block.present);
    // The rest is the application's.
    let payload_len = fields.len();

    input.advance(frame.header_len() + 2);
    let mut rest = input.split_to(frame.size() - frame.header_len() - 2).freeze();
    // SAFETY: it is what `topic_name_or_none` has found to be text.
    let topic = unsafe { Text::from_utf8_unchecked(rest.split_to(topic_len)) };
    rest.advance(rest.len() - payload_len - block_len);
    let properties = if block_len == 0 {
        Properties::default()
    } else {
        // SAFETY: `read` has checked these bytes.
        unsafe { Properties::from_checked(rest.split_to(block_len), present) }
    };
    Ok(Publish {
        dup: flags & DUP != 0,
        qos,
        retain: flags & RETAIN != 0,
        topic,
        packet_id,
        properties,
        payload: rest,
    })
}

/// With an alias, and another message expiry interval than its own if it has one.
pub(crate) fn encode(
    publish: &Publish,
    alias: TopicAlias,
    expiry: Option<u32>,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    let Publish { dup, qos, retain, topic, packet_id, properties, payload } = publish;
    properties::check_legal(properties, Kind::Publish)?;
    let has_id = *qos != QoS::AtMostOnce;
    debug_assert!(!has_id || *packet_id != 0, "a packet identifier of 0 [MQTT-2.2.1-4]");
    let flags = (*qos as u8) << 1 | if *dup { DUP } else { 0 } | if *retain { RETAIN } else { 0 };
    let (topic, alias) = match alias {
        TopicAlias::None => (topic.as_bytes(), None),
        TopicAlias::New(alias) => (topic.as_bytes(), Some(alias)),
        TopicAlias::Known(alias) => (&[][..], Some(alias)),
    };
    let block_len = properties.len() + if alias.is_some() { 3 } else { 0 };
    let len =
        field_len(topic) + if has_id { 2 } else { 0 } + length_bytes(block_len) + block_len + payload.len();
    put_header(output, first_byte(Kind::Publish) | flags, len, limit)?;
    put_field(output, topic);
    if has_id {
        output.put_u16(*packet_id);
    }
    put_length(output, block_len);
    let block_start = output.len();
    output.put_slice(properties.block());
    if let (Some(expiry), Some(at)) = (expiry, properties.position(Property::MessageExpiryInterval)) {
        output[block_start + at..][1..5].copy_from_slice(&expiry.to_be_bytes());
    }
    if let Some(alias) = alias {
        output.put_u8(Property::TopicAlias as u8);
        output.put_u16(alias);
    }
    output.put_slice(payload);
    Ok(())
}
