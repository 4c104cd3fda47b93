//! CONNACK (§3.2).

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{first_byte, put_header};
use crate::packets::{ConnAck, Kind, ReasonCode};

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<ConnAck, ProtocolError> {
    let (flags, code) = (fields.u8()?, fields.u8()?);
    if flags > 1 {
        return Err(fields.malformed("reserved acknowledge flags (§3.2.2.1)"));
    }
    let session_present = flags == 1;
    let Some(reason) = reason_of(code) else {
        return Err(fields.malformed("reserved return code (§3.2.2.3)"));
    };
    if session_present && reason != ReasonCode::Success {
        return Err(fields.malformed("session present on a refusal [MQTT-3.2.2-4]"));
    }
    Ok(ConnAck::new(reason, session_present))
}

pub(super) fn encode(ack: &ConnAck, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    put_header(output, first_byte(Kind::ConnAck), 2, limit)?;
    output.put_u8(ack.session_present.into());
    output.put_u8(return_code(ack.reason));
    Ok(())
}

/// What the return code of a CONNACK of MQTT 3.1.1 means (§3.2.2.3); `None` for a reserved one.
fn reason_of(code: u8) -> Option<ReasonCode> {
    Some(match code {
        0 => ReasonCode::Success,
        1 => ReasonCode::UnsupportedProtocolVersion,
        2 => ReasonCode::ClientIdentifierNotValid,
        3 => ReasonCode::ServerUnavailable,
        4 => ReasonCode::BadUserNameOrPassword,
        5 => ReasonCode::NotAuthorized,
        _ => return None,
    })
}

/// The return code of a CONNACK of MQTT 3.1.1 (§3.2.2.3), 0 to 5. What it has no code for becomes the nearest one: 5 for
/// who the client is, and 3 for all else.
pub fn return_code(reason: ReasonCode) -> u8 {
    match reason {
        reason if !reason.is_error() => 0,
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::BadUserNameOrPassword => 4,
        ReasonCode::NotAuthorized | ReasonCode::Banned | ReasonCode::BadAuthenticationMethod => 5,
        _ => 3,
    }
}
