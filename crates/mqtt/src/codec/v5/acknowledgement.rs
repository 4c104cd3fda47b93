//! PUBACK, PUBREC, PUBREL and PUBCOMP (§3.4 to §3.7), which end early if there is nothing to say.

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{Sender, first_byte, put_bare, put_header};
use crate::codec::v5::{properties, reasons};
use crate::packets::{Kind, Properties, ReasonCode};

/// Packet identifier, reason code, properties.
pub(super) fn decode(
    fields: &mut Fields<'_>,
    kind: Kind,
    sender: Sender,
) -> Result<(u16, ReasonCode, Properties), ProtocolError> {
    let packet_id = fields.packet_id()?;
    if fields.is_empty() {
        return Ok((packet_id, ReasonCode::Success, Properties::default()));
    }
    let reason = reasons::reason_of(fields.u8()?, kind, sender)?;
    let properties = properties::read_rest(fields, reasons::place(kind, sender))?;
    Ok((packet_id, reason, properties))
}

pub(super) fn encode(
    kind: Kind,
    (packet_id, reason, properties): (u16, ReasonCode, &Properties),
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    if properties.is_empty() && reason == ReasonCode::Success {
        return put_bare(output, kind, packet_id, limit);
    }
    reasons::check_legal(reason, kind)?;
    properties::check_legal(properties, kind)?;
    let rest = if properties.is_empty() { 0 } else { properties::encoded_len(properties) };
    put_header(output, first_byte(kind), 3 + rest, limit)?;
    output.put_u16(packet_id);
    output.put_u8(reason as u8);
    if !properties.is_empty() {
        properties::put(output, properties);
    }
    Ok(())
}
