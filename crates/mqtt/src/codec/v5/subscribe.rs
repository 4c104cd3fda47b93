//! SUBSCRIBE (§3.8).

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{first_byte, put_header};
use crate::codec::v5::properties;
use crate::packets::properties::Place;
use crate::packets::{Kind, QoS, RetainHandling, Subscribe, SubscribeFilter};

const KIND: Kind = Kind::Subscribe;
const NO_LOCAL: u8 = 0b0100;
const RETAIN_AS_PUBLISHED: u8 = 0b1000;

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Subscribe, ProtocolError> {
    let packet_id = fields.packet_id()?;
    let properties = properties::read(fields, Place::from_client(KIND))?.copy();
    if fields.is_empty() {
        return Err(fields.forbidden("no topic filter [MQTT-3.8.3-2]"));
    }
    let mut filters = Vec::new();
    while !fields.is_empty() {
        filters.push(decode_filter(fields)?);
    }
    Ok(Subscribe { packet_id, properties, filters })
}

fn decode_filter(fields: &mut Fields<'_>) -> Result<SubscribeFilter, ProtocolError> {
    let filter = fields.topic_filter_or_share()?;
    let options = fields.u8()?;
    if options & 0b1100_0000 != 0 {
        return Err(fields.malformed("reserved subscription options [MQTT-3.8.3-5]"));
    }
    let Some(qos) = QoS::from_byte(options & 0b11) else {
        return Err(fields.forbidden("maximum QoS of 3 (§3.8.3.1)"));
    };
    let retain_handling = match options >> 4 {
        0 => RetainHandling::Always,
        1 => RetainHandling::IfNew,
        2 => RetainHandling::Never,
        _ => return Err(fields.forbidden("retain handling of 3 (§3.8.3.1)")),
    };
    let no_local = options & NO_LOCAL != 0;
    if no_local && filter.starts_with("$share/") {
        return Err(fields.forbidden("no local on a shared subscription [MQTT-3.8.3-4]"));
    }
    Ok(SubscribeFilter {
        filter: filter.to_owned(),
        qos,
        no_local,
        retain_as_published: options & RETAIN_AS_PUBLISHED != 0,
        retain_handling,
    })
}

pub(super) fn encode(
    subscribe: &Subscribe,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    let Subscribe { packet_id, properties, filters } = subscribe;
    properties::check_legal(properties, KIND)?;
    let filters_len: usize = filters.iter().map(|filter| field_len(filter.filter.as_bytes()) + 1).sum();
    let len = 2 + properties::encoded_len(properties) + filters_len;
    put_header(output, first_byte(KIND), len, limit)?;
    output.put_u16(*packet_id);
    properties::put(output, properties);
    for filter in filters {
        put_field(output, filter.filter.as_bytes());
        output.put_u8(options(filter));
    }
    Ok(())
}

fn options(filter: &SubscribeFilter) -> u8 {
    filter.qos as u8
        | if filter.no_local { NO_LOCAL } else { 0 }
        | if filter.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 }
        | (filter.retain_handling as u8) << 4
}
