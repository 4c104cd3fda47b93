//! UNSUBSCRIBE (§3.10).

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{first_byte, put_header};
use crate::codec::v5::properties;
use crate::packets::properties::Place;
use crate::packets::{Kind, Unsubscribe};

const KIND: Kind = Kind::Unsubscribe;

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Unsubscribe, ProtocolError> {
    let packet_id = fields.packet_id()?;
    let properties = properties::read(fields, Place::from_client(KIND))?.copy();
    if fields.is_empty() {
        return Err(fields.forbidden("no topic filter [MQTT-3.10.3-2]"));
    }
    let mut filters = Vec::new();
    while !fields.is_empty() {
        filters.push(fields.topic_filter_or_share()?.to_owned());
    }
    Ok(Unsubscribe { packet_id, properties, filters })
}

pub(super) fn encode(
    unsubscribe: &Unsubscribe,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    let Unsubscribe { packet_id, properties, filters } = unsubscribe;
    properties::check_legal(properties, KIND)?;
    let filters_len: usize = filters.iter().map(|filter| field_len(filter.as_bytes())).sum();
    let len = 2 + properties::encoded_len(properties) + filters_len;
    put_header(output, first_byte(KIND), len, limit)?;
    output.put_u16(*packet_id);
    properties::put(output, properties);
    for filter in filters {
        put_field(output, filter.as_bytes());
    }
    Ok(())
}
