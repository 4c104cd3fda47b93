//! AUTH (§3.15), which is empty if there is nothing to say. What is authenticated with stays where it was read.

use bytes::{Buf, BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{Frame, Sender, first_byte, put_header};
use crate::codec::v5::{properties, reasons};
use crate::packets::{Auth, Kind, Properties, Property, ReasonCode};

const KIND: Kind = Kind::Auth;

/// Takes the packet with this fixed header, all of which has come, off the front of `input`.
pub(super) fn decode(frame: &Frame, input: &mut BytesMut, sender: Sender) -> Result<Auth, ProtocolError> {
    let mut fields = Fields::new(frame, &input[frame.header_len()..frame.size()]);
    let byte = if fields.is_empty() { ReasonCode::Success as u8 } else { fields.u8()? };
    let reason = reasons::reason_of(byte, KIND, sender)?;
    let (len, present) = if fields.is_empty() {
        (0, 0)
    } else {
        let block = properties::read(&mut fields, reasons::place(KIND, sender))?;
        (block.bytes.len(), block.present)
    };
    fields.finish()?;
    if reason != ReasonCode::Success || len > 0 {
        check_method(present & Property::AuthenticationMethod.bit() != 0)?;
    }

    let mut block = input.split_to(frame.size());
    block.advance(frame.size() - len);
    // SAFETY: `read` has checked the last `len` bytes of the packet, and nothing follows them.
    let properties = unsafe { Properties::from_checked(block.freeze(), present) };
    Ok(Auth { reason, properties })
}

fn check_method(is_there: bool) -> Result<(), ProtocolError> {
    if is_there {
        return Ok(());
    }
    let rule = "no authentication method (§3.15.2.2.2)";
    Err(ProtocolError::Forbidden { packet: KIND.name(), rule, reason: ReasonCode::ProtocolError })
}

pub(super) fn encode(auth: &Auth, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    let Auth { reason, properties } = auth;
    reasons::check_legal(*reason, KIND)?;
    properties::check_legal(properties, KIND)?;
    if properties.is_empty() && *reason == ReasonCode::Success {
        return put_header(output, first_byte(KIND), 0, limit);
    }
    check_method(properties.has(Property::AuthenticationMethod))?;
    put_header(output, first_byte(KIND), 1 + properties::encoded_len(properties), limit)?;
    output.put_u8(*reason as u8);
    properties::put(output, properties);
    Ok(())
}
