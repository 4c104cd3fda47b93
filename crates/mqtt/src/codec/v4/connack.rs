//! CONNACK (§3.2).

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{first_byte, put_header};
use crate::packets::{ConnAck, ConnectReturnCode, Kind};

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<ConnAck, ProtocolError> {
    let (flags, code) = (fields.u8()?, fields.u8()?);
    if flags > 1 {
        return Err(fields.malformed("reserved acknowledge flags (§3.2.2.1)"));
    }
    let session_present = flags == 1;
    let Some(code) = ConnectReturnCode::from_byte(code) else {
        return Err(fields.malformed("reserved return code (§3.2.2.3)"));
    };
    if session_present && code != ConnectReturnCode::Success {
        return Err(fields.malformed("session present on a refusal [MQTT-3.2.2-4]"));
    }
    Ok(ConnAck { session_present, code })
}

pub(super) fn encode(ack: ConnAck, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    put_header(output, first_byte(Kind::ConnAck), 2, limit)?;
    output.put_u8(ack.session_present.into());
    output.put_u8(ack.code as u8);
    Ok(())
}
