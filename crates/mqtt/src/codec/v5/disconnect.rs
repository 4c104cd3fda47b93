//! DISCONNECT (§3.14), which ends early if there is nothing to say.

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{Sender, first_byte, put_header};
use crate::codec::v5::{properties, reasons};
use crate::packets::{Disconnect, Kind, ReasonCode};

const KIND: Kind = Kind::Disconnect;

pub(super) fn decode(fields: &mut Fields<'_>, sender: Sender) -> Result<Disconnect, ProtocolError> {
    if fields.is_empty() {
        return Ok(Disconnect::normal());
    }
    let reason = reasons::reason_of(fields.u8()?, KIND, sender)?;
    let properties = properties::read_rest(fields, reasons::place(KIND, sender))?;
    Ok(Disconnect { reason, properties })
}

pub(super) fn encode(
    disconnect: &Disconnect,
    output: &mut BytesMut,
    limit: usize,
) -> Result<(), ProtocolError> {
    let Disconnect { reason, properties } = disconnect;
    reasons::check_legal(*reason, KIND)?;
    properties::check_legal(properties, KIND)?;
    if properties.is_empty() && *reason == ReasonCode::Success {
        return put_header(output, first_byte(KIND), 0, limit);
    }
    let rest = if properties.is_empty() { 0 } else { properties::encoded_len(properties) };
    put_header(output, first_byte(KIND), 1 + rest, limit)?;
    output.put_u8(*reason as u8);
    if !properties.is_empty() {
        properties::put(output, properties);
    }
    Ok(())
}
