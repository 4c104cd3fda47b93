//! PUBLISH (§3.3), which most packets are: the payload is neither copied on the way in, nor anything but the topic.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{Frame, first_byte, put_header};
use crate::packets::{Kind, Publish, QoS};

const RETAIN: u8 = 0b0001;
const DUP: u8 = 0b1000;

/// Takes the message with this fixed header, all of which has come, off the front of `input`.
pub(super) fn decode(frame: &Frame, input: &mut BytesMut) -> Result<Publish, ProtocolError> {
    let flags = frame.flags();
    let Some(qos) = QoS::from_byte(flags >> 1 & 0b11) else {
        return Err(frame.malformed("both QoS bits set [MQTT-3.3.1-4]"));
    };
    let mut fields = Fields::new(frame, &input[frame.header_len()..frame.size()]);
    let topic = fields.topic_name()?.to_owned();
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { fields.packet_id()? };
    // The rest is the application's.
    let payload_len = fields.len();
    let payload = if payload_len == 0 {
        input.advance(frame.size());
        Bytes::new()
    } else {
        input.advance(frame.size() - payload_len);
        input.split_to(payload_len).freeze()
    };
    Ok(Publish { dup: flags & DUP != 0, qos, retain: flags & RETAIN != 0, topic, packet_id, payload })
}

pub(crate) fn encode(publish: &Publish, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    let Publish { dup, qos, retain, topic, packet_id, payload } = publish;
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
