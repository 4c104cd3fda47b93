//! CONNACK (§3.2).

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{Sender, first_byte, put_header};
use crate::codec::v5::{properties, reasons};
use crate::packets::properties::Place;
use crate::packets::{ConnAck, Kind, ReasonCode};

const KIND: Kind = Kind::ConnAck;

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<ConnAck, ProtocolError> {
    let flags = fields.u8()?;
    if flags > 1 {
        return Err(fields.malformed("reserved acknowledge flags [MQTT-3.2.2-1]"));
    }
    let session_present = flags == 1;
    let reason = reasons::reason_of(fields.u8()?, KIND, Sender::Server)?;
    if session_present && reason != ReasonCode::Success {
        return Err(fields.forbidden("session present on a refusal [MQTT-3.2.2-6]"));
    }
    let properties = properties::read(fields, Place::from_server(KIND))?.copy();
    Ok(ConnAck { session_present, reason, properties })
}

pub(super) fn encode(ack: &ConnAck, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    reasons::check_legal(ack.reason, KIND)?;
    properties::check_legal(&ack.properties, KIND)?;
    put_header(output, first_byte(KIND), 2 + properties::encoded_len(&ack.properties), limit)?;
    output.put_u8(ack.session_present.into());
    output.put_u8(ack.reason as u8);
    properties::put(output, &ack.properties);
    Ok(())
}
