//! UNSUBSCRIBE (§3.10).

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{first_byte, put_header};
use crate::packets::{Kind, Unsubscribe};

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Unsubscribe, ProtocolError> {
    let packet_id = fields.packet_id()?;
    if fields.is_empty() {
        return Err(fields.malformed("no topic filter [MQTT-3.10.3-2]"));
    }
    let mut topics = Vec::new();
    while !fields.is_empty() {
        topics.push(fields.topic_filter()?.to_owned());
    }
    Ok(Unsubscribe { packet_id, topics })
}

pub(super) fn encode(
    unsubscribe: &Unsubscribe,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    let topics_len: usize = unsubscribe.topics.iter().map(|topic| field_len(topic.as_bytes())).sum();
    put_header(output, first_byte(Kind::Unsubscribe), 2 + topics_len, limit)?;
    output.put_u16(unsubscribe.packet_id);
    for topic in &unsubscribe.topics {
        put_field(output, topic.as_bytes());
    }
    Ok(())
}
