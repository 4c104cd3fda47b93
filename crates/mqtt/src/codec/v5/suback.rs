//! SUBACK (§3.9) and UNSUBACK (§3.11): a reason code for each filter.

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{Sender, first_byte, put_header};
use crate::codec::v5::{properties, reasons};
use crate::packets::properties::Place;
use crate::packets::{Kind, Properties, ReasonCode};

/// Packet identifier, properties, reason codes.
pub(super) fn decode(
    fields: &mut Fields<'_>,
    kind: Kind,
) -> Result<(u16, Properties, Vec<ReasonCode>), ProtocolError> {
    let packet_id = fields.packet_id()?;
    let properties = properties::read(fields, Place::from_server(kind))?.copy();
    let reasons = reasons::reasons_of(fields.take_rest(), kind, Sender::Server)?;
    Ok((packet_id, properties, reasons))
}

pub(super) fn encode(
    kind: Kind,
    (packet_id, properties, reasons): (u16, &Properties, &[ReasonCode]),
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    properties::check_legal(properties, kind)?;
    for reason in reasons {
        reasons::check_legal(*reason, kind)?;
    }
    let len = 2 + properties::encoded_len(properties) + reasons.len();
    put_header(output, first_byte(kind), len, limit)?;
    output.put_u16(packet_id);
    properties::put(output, properties);
    output.extend(reasons.iter().map(|reason| *reason as u8));
    Ok(())
}
