//! The property block of a packet (§2.2.2): its length, then its properties.

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{length_bytes, put_length};
use crate::packets::Kind;
use crate::packets::properties::{Broken, Place, Properties, check};

/// A block that was checked, where it was read.
pub(super) struct Block<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) present: u64,
}

impl Block<'_> {
    /// Its properties, in a buffer of their own.
    pub(super) fn copy(&self) -> Properties {
        if self.bytes.is_empty() {
            return Properties::default();
        }
        // SAFETY: `read` has checked the bytes.
        unsafe { Properties::from_checked(self.bytes.to_vec().into(), self.present) }
    }
}

/// Reads and checks the block that stands in `place`.
pub(super) fn read<'a>(fields: &mut Fields<'a>, place: Place) -> Result<Block<'a>, ProtocolError> {
    let len = fields.variable()?;
    let bytes = fields.take(len as usize)?;
    if bytes.is_empty() {
        return Ok(Block { bytes, present: 0 });
    }
    let present = check(bytes, place).map_err(|broken| of_packet(broken, fields.packet()))?;
    Ok(Block { bytes, present })
}

/// The same, of a packet that may end before its properties (§3.4.2.2.1).
pub(super) fn read_rest(fields: &mut Fields<'_>, place: Place) -> Result<Properties, ProtocolError> {
    if fields.is_empty() { Ok(Properties::default()) } else { Ok(read(fields, place)?.copy()) }
}

/// How many bytes [`put`] writes.
pub(super) fn encoded_len(properties: &Properties) -> usize {
    length_bytes(properties.len()) + properties.len()
}

pub(super) fn put(output: &mut BytesMut, properties: &Properties) {
    put_length(output, properties.len());
    output.put_slice(properties.block());
}

/// # Errors
/// One of them may not stand in this packet, whoever sends it.
pub(super) fn check_legal(properties: &Properties, kind: Kind) -> Result<(), ProtocolError> {
    properties.check_legal(Place::of(kind)).map_err(|broken| of_packet(broken, kind.name()))
}

/// The same, of the will in a CONNECT.
pub(super) fn check_legal_in_will(properties: &Properties) -> Result<(), ProtocolError> {
    properties.check_legal(Place::WILL).map_err(|broken| of_packet(broken, Kind::Connect.name()))
}

fn of_packet(broken: Broken, packet: &'static str) -> ProtocolError {
    let Broken { property, rule, reason } = broken;
    ProtocolError::Property { packet, property, rule, reason }
}
