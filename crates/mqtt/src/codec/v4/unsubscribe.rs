//! UNSUBSCRIBE (§3.10).

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{first_byte, put_header};
use crate::packets::{Kind, Properties, Unsubscribe};

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Unsubscribe, ProtocolError> {
    let packet_id = fields.packet_id()?;
    if fields.is_empty() {
        return Err(fields.malformed("no topic filter [MQTT-3.10.3-2]"));
    }
    let mut filters = Vec::new();
    while !fields.is_empty() {
        filters.push(fields.topic_filter()?.to_owned());
    }
    Ok(Unsubscribe { packet_id, properties: Properties::default(), filters })
}

pub(super) fn encode(
    unsubscribe: &Unsubscribe,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    let filters_len: usize = unsubscribe.filters.iter().map(|filter| field_len(filter.as_bytes())).sum();
    put_header(output, first_byte(Kind::Unsubscribe), 2 + filters_len, limit)?;
    output.put_u16(unsubscribe.packet_id);
    for filter in &unsubscribe.filters {
        put_field(output, filter.as_bytes());
    }
    Ok(())
}
