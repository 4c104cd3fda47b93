//! Property blocks of MQTT 5 (§2.2.2), as far as the rig reads and writes them.

use crate::error::{Error, Result};

const RESPONSE_TOPIC: u8 = 0x08;
const CORRELATION_DATA: u8 = 0x09;
const RECEIVE_MAXIMUM: u8 = 0x21;

/// Where an answer is wanted, and what it is to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The response topic.
    pub topic: &'a [u8],
    /// The correlation data.
    pub correlation: &'a [u8],
}

/// Splits the property block, without its length, off the head of `buf`.
pub fn split(buf: &[u8]) -> Result<(&[u8], &[u8])> {
    let (len, rest) = split_varint(buf)?;
    rest.split_at_checked(len).ok_or(Error::Protocol("properties cut short"))
}

/// Whether the PUBLISH with this block asks for an answer.
pub fn wanted(block: &[u8]) -> Result<Option<Wanted<'_>>> {
    let (mut rest, mut topic, mut correlation) = (block, None, None);
    while !rest.is_empty() {
        let (id, value, after) = split_one(rest)?;
        match id {
            RESPONSE_TOPIC => topic = Some(value),
            CORRELATION_DATA => correlation = Some(value),
            _ => {}
        }
        rest = after;
    }
    Ok(topic.zip(correlation).map(|(topic, correlation)| Wanted { topic, correlation }))
}

/// The correlation data of the PUBLISH with this block.
pub fn correlation(block: &[u8]) -> Result<Option<&[u8]>> {
    find(block, CORRELATION_DATA)
}

/// The Receive Maximum of the CONNECT with this block; 65,535 where it names none (§3.1.2.11.3).
pub fn receive_maximum(block: &[u8]) -> Result<u16> {
    match find(block, RECEIVE_MAXIMUM)? {
        None => Ok(u16::MAX),
        Some([0, 0]) => Err(Error::Protocol("Receive Maximum 0")),
        Some(value) => Ok(value.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte))),
    }
}

/// Appends a response topic.
pub fn put_response_topic(block: &mut Vec<u8>, topic: &[u8]) {
    block.push(RESPONSE_TOPIC);
    super::string(block, topic);
}

/// Appends correlation data.
pub fn put_correlation(block: &mut Vec<u8>, data: &[u8]) {
    block.push(CORRELATION_DATA);
    super::string(block, data);
}

fn find(block: &[u8], wanted: u8) -> Result<Option<&[u8]>> {
    let mut rest = block;
    while !rest.is_empty() {
        let (id, value, after) = split_one(rest)?;
        if id == wanted {
            return Ok(Some(value));
        }
        rest = after;
    }
    Ok(None)
}

/// Splits one property into its identifier, its value (of a pair the name), and what follows (table 2-4).
fn split_one(buf: &[u8]) -> Result<(u8, &[u8], &[u8])> {
    const SHORT: Error = Error::Protocol("property cut short");
    let (&id, rest) = buf.split_first().ok_or(SHORT)?;
    let width = match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => 1,
        0x13 | 0x21..=0x23 => 2,
        0x02 | 0x11 | 0x18 | 0x27 => 4,
        0x0b => rest.len() - split_varint(rest)?.1.len(),
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => {
            let (value, rest) = super::split_string(rest)?;
            return Ok((id, value, rest));
        }
        0x26 => {
            let (name, rest) = super::split_string(rest)?;
            return Ok((id, name, super::split_string(rest)?.1));
        }
        _ => return Err(Error::Protocol("unknown property")),
    };
    let (value, rest) = rest.split_at_checked(width).ok_or(SHORT)?;
    Ok((id, value, rest))
}

fn split_varint(buf: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0_usize;
    for (i, &byte) in buf.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok((value, &buf[i + 1..]));
        }
    }
    Err(Error::Protocol("variable byte integer cut short or too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_property_is_stepped_over() {
        let mut block = vec![0x01, 1, 0x23, 0, 7, 0x02, 0, 0, 0, 9, 0x0b, 0x80, 0x01];
        block.extend_from_slice(&[0x03, 0, 1, b't', 0x26, 0, 1, b'n', 0, 2, b'v', b'v']);
        assert_eq!(wanted(&block).ok(), Some(None));
        put_response_topic(&mut block, b"a/b");
        assert_eq!(wanted(&block).ok(), Some(None), "no correlation data");
        put_correlation(&mut block, b"\x00\x01");
        let found = wanted(&block).ok().flatten();
        assert_eq!(found, Some(Wanted { topic: b"a/b", correlation: b"\x00\x01" }));
        assert_eq!(correlation(&block).ok().flatten(), Some(&b"\x00\x01"[..]));
    }

    #[test]
    fn a_block_that_is_cut_or_unknown_is_refused() {
        for bad in
            [&[0x08, 0, 2, b'a'][..], &[0x02, 0, 0, 0], &[0x0b, 0x80], &[0x26, 0, 0], &[0x7f, 1], &[0x01]]
        {
            assert!(wanted(bad).is_err(), "{bad:?}");
        }
        assert!(split(&[2, 0x01]).is_err(), "longer than the packet");
        assert!(split(&[0x80, 0x80, 0x80, 0x80, 1]).is_err(), "five length bytes");
        assert_eq!(split(&[2, 0x01, 1, b'x']).ok(), Some((&[0x01, 1][..], &b"x"[..])));
    }

    #[test]
    fn the_receive_maximum_is_read() {
        assert_eq!(receive_maximum(&[]).ok(), Some(65_535));
        assert_eq!(receive_maximum(&[0x11, 0, 0, 0, 5, 0x21, 4, 0]).ok(), Some(1024));
        assert!(receive_maximum(&[0x21, 0, 0]).is_err());
    }
}
