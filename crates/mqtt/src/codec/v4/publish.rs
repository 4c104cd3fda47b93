//! PUBLISH (§3.3), which most packets are: nothing is copied on the way in.

use bytes::{Buf, BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{Frame, first_byte, put_header};
use crate::packets::{Kind, Properties, Publish, QoS, Text};

const RETAIN: u8 = 0b0001;
const DUP: u8 = 0b1000;

/// Takes the message with this fixed header, all of which has come, off the front of `input`.
pub(super) fn decode(frame: &Frame, input: &mut BytesMut) -> Result<Publish, ProtocolError> {
    let flags = frame.flags();
    let Some(qos) = QoS::from_byte(flags >> 1 & 0b11) else {
        return Err(frame.malformed("both QoS bits set [MQTT-3.3.1-4]"));
    };
    let mut fields = Fields::new(frame, &input[frame.header_len()..frame.size()]);
    let topic_len = fields.topic_name()?.len();
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { fields.packet_id()? };
    // The rest is the application's.
    let payload_len = fields.len();

    input.advance(frame.header_len() + 2);
    let mut rest = input.split_to(frame.size() - frame.header_len() - 2).freeze();
    // SAFETY: it is what `topic_name` has found to be text.
    let topic = unsafe { Text::from_utf8_unchecked(rest.split_to(topic_len)) };
    rest.advance(rest.len() - payload_len);
    Ok(Publish {
        dup: flags & DUP != 0,
        qos,
        retain: flags & RETAIN != 0,
        topic,
        packet_id,
        properties: Properties::default(),
        payload: rest,
    })
}

pub(crate) fn encode(publish: &Publish, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    let Publish { dup, qos, retain, topic, packet_id, properties: _, payload } = publish;
    let has_id = *qos != QoS::AtMostOnce;
    debug_assert!(!has_id || *packet_id != 0, "a packet identifier of 0 [MQTT-2.3.1-1]");
    let flags = (*qos as u8) << 1 | if *dup { DUP } else { 0 } | if *retain { RETAIN } else { 0 };
    let len = field_len(topic.as_bytes()) + if has_id { 2 } else { 0 } + payload.len();
    put_header(output, first_byte(Kind::Publish) | flags, len, limit)?;
    put_field(output, topic.as_bytes());
    if has_id {
        output.put_u16(*packet_id);
    }
    output.put_slice(payload);
    Ok(())
}
