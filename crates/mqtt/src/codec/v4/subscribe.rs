//! SUBSCRIBE (§3.8) and SUBACK (§3.9).

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{first_byte, put_header};
use crate::packets::{Kind, Properties, QoS, ReasonCode, SubAck, Subscribe, SubscribeFilter};

const FAILURE: u8 = 0x80;

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Subscribe, ProtocolError> {
    let packet_id = fields.packet_id()?;
    if fields.is_empty() {
        return Err(fields.malformed("no topic filter [MQTT-3.8.3-3]"));
    }
    let mut filters = Vec::new();
    while !fields.is_empty() {
        let filter = fields.topic_filter()?;
        let Some(qos) = QoS::from_byte(fields.u8()?) else {
            return Err(fields.malformed("requested QoS [MQTT-3-8.3-4]"));
        };
        filters.push(SubscribeFilter::new(filter, qos));
    }
    Ok(Subscribe { packet_id, properties: Properties::default(), filters })
}

pub(super) fn encode(
    subscribe: &Subscribe,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    let filters_len: usize =
        subscribe.filters.iter().map(|filter| field_len(filter.filter.as_bytes()) + 1).sum();
    put_header(output, first_byte(Kind::Subscribe), 2 + filters_len, limit)?;
    output.put_u16(subscribe.packet_id);
    for filter in &subscribe.filters {
        put_field(output, filter.filter.as_bytes());
        output.put_u8(filter.qos as u8);
    }
    Ok(())
}

pub(super) fn decode_ack(fields: &mut Fields<'_>) -> Result<SubAck, ProtocolError> {
    let packet_id = fields.packet_id()?;
    if fields.is_empty() {
        return Err(fields.malformed("no return codes (§3.9.3)"));
    }
    let codes = fields.take_rest().iter().map(|&code| match code {
        FAILURE => Some(ReasonCode::UnspecifiedError),
        code => QoS::from_byte(code).map(ReasonCode::granted),
    });
    let Some(reasons) = codes.collect() else {
        return Err(fields.malformed("reserved return code [MQTT-3.9.3-2]"));
    };
    Ok(SubAck::new(packet_id, reasons))
}

pub(super) fn encode_ack(ack: &SubAck, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    put_header(output, first_byte(Kind::SubAck), 2 + ack.reasons.len(), limit)?;
    output.put_u16(ack.packet_id);
    // All that it can say of a refusal.
    output.extend(ack.reasons.iter().map(|reason| if reason.is_error() { FAILURE } else { *reason as u8 }));
    Ok(())
}
