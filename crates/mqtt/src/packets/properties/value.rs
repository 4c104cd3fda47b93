//! How the value of a property is written (MQTT 5 §1.5).

use crate::packets::properties::table::Wire;

/// A value that has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Of any width.
    Number(u32),
    /// A text or a body.
    Bytes(&'a [u8]),
    /// Name and value.
    Pair(&'a [u8], &'a [u8]),
}

/// Takes a value off the front of `bytes`; `None` if it is cut short.
pub(super) fn split_value(bytes: &[u8], wire: Wire) -> Option<(Value<'_>, &[u8])> {
    match wire {
        Wire::Boolean => {
            let (&byte, rest) = bytes.split_first()?;
            Some((Value::Number(byte.into()), rest))
        }
        Wire::Short | Wire::ShortNotZero => {
            let (&number, rest) = bytes.split_first_chunk()?;
            Some((Value::Number(u16::from_be_bytes(number).into()), rest))
        }
        Wire::Long | Wire::LongNotZero => {
            let (&number, rest) = bytes.split_first_chunk()?;
            Some((Value::Number(u32::from_be_bytes(number)), rest))
        }
        Wire::VariableNotZero => {
            let (number, len) = read_variable(bytes)?;
            Some((Value::Number(number), &bytes[len..]))
        }
        Wire::Text | Wire::Topic | Wire::Bytes => {
            let (field, rest) = split_field(bytes)?;
            Some((Value::Bytes(field), rest))
        }
        Wire::Pair => {
            let (name, rest) = split_field(bytes)?;
            let (value, rest) = split_field(rest)?;
            Some((Value::Pair(name, value), rest))
        }
    }
}

/// A text or a body with its length.
fn split_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(len)))
}

/// A variable byte integer (§1.5.5) at the front of `bytes`, and how many bytes it takes: seven bits each, the lowest
/// first. `None` if it is cut short, longer than four bytes, or longer than it need be [MQTT-1.5.5-1].
pub(crate) fn read_variable(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        number |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return (byte != 0 || index == 0).then_some((number, index + 1));
        }
    }
    None
}
