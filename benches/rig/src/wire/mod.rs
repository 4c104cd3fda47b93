//! The few packets of MQTT 3.1.1 and 5 that the rig speaks, by a scanner that borrows and never allocates.
//!
//! Nothing here is a general MQTT library: unknown packets are an error, QoS 2 too.

pub mod properties;

use std::num::NonZeroU16;

use crate::error::{Error, Result};

/// Largest packet that either side accepts, in bytes. The service's own limit is 256 KiB a message.
pub const MAX_PACKET: usize = 320 * 1024;

/// PINGRESP, whole.
pub const PINGRESP: [u8; 2] = [0xd0, 0];
/// DISCONNECT, whole.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

/// The protocol level that a CONNECT names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// MQTT 3.1.1
    #[default]
    Four,
    /// MQTT 5
    Five,
}

impl Level {
    /// CONNACK that accepts without a session, whole. In MQTT 5 it has Receive Maximum 65,535 and Maximum QoS 1, and
    /// allows no topic aliases.
    pub fn connack(self) -> &'static [u8] {
        match self {
            Self::Four => &[0x20, 2, 0, 0],
            Self::Five => &[0x20, 8, 0, 0, 5, 0x21, 0xff, 0xff, 0x24, 1],
        }
    }

    /// A PUBLISH without properties.
    pub fn publish<'a>(self, topic: &'a [u8], id: Option<NonZeroU16>, payload: &'a [u8]) -> Publish<'a> {
        Publish { topic, id, properties: self.no_properties(), payload }
    }

    /// The property block of a packet that has none: in MQTT 5 it is empty, before that there is no block.
    fn no_properties(self) -> Option<&'static [u8]> {
        (self == Self::Five).then_some(&[])
    }
}

/// Packet types, the high four bits of the first byte (MQTT 3.1.1 §2.2.1).
pub mod kind {
    /// CONNECT
    pub const CONNECT: u8 = 1;
    /// CONNACK
    pub const CONNACK: u8 = 2;
    /// PUBLISH
    pub const PUBLISH: u8 = 3;
    /// PUBACK
    pub const PUBACK: u8 = 4;
    /// SUBSCRIBE
    pub const SUBSCRIBE: u8 = 8;
    /// SUBACK
    pub const SUBACK: u8 = 9;
    /// UNSUBSCRIBE
    pub const UNSUBSCRIBE: u8 = 10;
    /// PINGREQ
    pub const PINGREQ: u8 = 12;
    /// DISCONNECT
    pub const DISCONNECT: u8 = 14;
}

/// One whole packet at the head of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// First byte: type and flags.
    pub first: u8,
    /// Everything after the fixed header.
    pub body: &'a [u8],
    /// Bytes that the packet takes in the buffer, header included.
    pub len: usize,
}

impl<'a> Packet<'a> {
    /// The packet type, see [`kind`].
    pub fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The packet's two-byte identifier, for the types that begin with one.
    pub fn id(&self) -> Result<NonZeroU16> {
        let [hi, lo, ..] = *self.body else { return Err(Error::Protocol("packet id missing")) };
        NonZeroU16::new(u16::from_be_bytes([hi, lo])).ok_or(Error::Protocol("packet id 0"))
    }

    /// Reads the packet as a PUBLISH.
    pub fn publish(&self, level: Level) -> Result<Publish<'a>> {
        let (topic, rest) = split_string(self.body)?;
        let (id, rest) = match (self.first >> 1) & 3 {
            0 => (None, rest),
            1 => {
                let [hi, lo, rest @ ..] = rest else { return Err(Error::Protocol("packet id missing")) };
                let id = NonZeroU16::new(u16::from_be_bytes([*hi, *lo]));
                (Some(id.ok_or(Error::Protocol("packet id 0"))?), rest)
            }
            _ => return Err(Error::Protocol("QoS 2")),
        };
        let (properties, payload) = split_properties(level, rest)?;
        Ok(Publish { topic, id, properties, payload })
    }
}

/// A PUBLISH; `id` is there at QoS 1 and absent at QoS 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Topic name, not checked for UTF-8.
    pub topic: &'a [u8],
    /// Packet identifier.
    pub id: Option<NonZeroU16>,
    /// The property block of MQTT 5, without its length; MQTT 3.1.1 has none.
    pub properties: Option<&'a [u8]>,
    /// Payload.
    pub payload: &'a [u8],
}

/// Finds the packet at the head of `buf`; `None` when it is not whole yet.
#[inline]
pub fn scan(buf: &[u8]) -> Result<Option<Packet<'_>>> {
    let mut len = 0_usize;
    for i in 0..4 {
        let Some(&byte) = buf.get(1 + i) else { return Ok(None) };
        len |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let head = 2 + i;
            if len > MAX_PACKET {
                return Err(Error::Protocol("packet too large"));
            }
            return Ok(buf.get(head..head + len).map(|body| Packet { first: buf[0], body, len: head + len }));
        }
    }
    Err(Error::Protocol("remaining length of more than four bytes"))
}

/// Splits a length-prefixed string off the head of `buf` (MQTT 3.1.1 §1.5.3).
pub fn split_string(buf: &[u8]) -> Result<(&[u8], &[u8])> {
    let [hi, lo, rest @ ..] = buf else { return Err(Error::Protocol("string cut short")) };
    rest.split_at_checked(usize::from(u16::from_be_bytes([*hi, *lo])))
        .ok_or(Error::Protocol("string cut short"))
}

fn split_properties(level: Level, buf: &[u8]) -> Result<(Option<&[u8]>, &[u8])> {
    match level {
        Level::Four => Ok((None, buf)),
        Level::Five => properties::split(buf).map(|(block, rest)| (Some(block), rest)),
    }
}

/// What the sink needs of a CONNECT.
#[derive(Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// MQTT 3.1.1 or 5.
    pub level: Level,
    /// Messages at QoS 1 that the client takes without having acknowledged the first; 65,535 in MQTT 3.1.1.
    pub receive_maximum: u16,
    /// Client identifier.
    pub client_id: &'a [u8],
}

/// Reads a CONNECT body (§3.1).
pub fn connect(body: &[u8]) -> Result<Connect<'_>> {
    let (name, rest) = split_string(body)?;
    let [level, _flags, _keep_hi, _keep_lo, rest @ ..] = rest else {
        return Err(Error::Protocol("CONNECT cut short"));
    };
    let level = match (name, level) {
        (b"MQTT", 4) => Level::Four,
        (b"MQTT", 5) => Level::Five,
        _ => return Err(Error::Protocol("neither MQTT 3.1.1 nor 5")),
    };
    let (block, payload) = split_properties(level, rest)?;
    let receive_maximum = properties::receive_maximum(block.unwrap_or_default())?;
    Ok(Connect { level, receive_maximum, client_id: split_string(payload)?.0 })
}

/// The codes that answer the filters of a SUBSCRIBE body: QoS 1 at most.
pub fn subscribe(level: Level, body: &[u8]) -> Result<Vec<u8>> {
    let mut rest = filters(level, body)?;
    let mut granted = Vec::new();
    while !rest.is_empty() {
        let [options, tail @ ..] = split_string(rest)?.1 else {
            return Err(Error::Protocol("SUBSCRIBE cut short"));
        };
        granted.push((options & 3).min(1));
        rest = tail;
    }
    Ok(granted)
}

/// The codes that answer the filters of an UNSUBSCRIBE body; MQTT 3.1.1 does not send them.
pub fn unsubscribe(level: Level, body: &[u8]) -> Result<Vec<u8>> {
    let mut rest = filters(level, body)?;
    let mut codes = Vec::new();
    while !rest.is_empty() {
        rest = split_string(rest)?.1;
        codes.push(0);
    }
    Ok(codes)
}

fn filters(level: Level, body: &[u8]) -> Result<&[u8]> {
    let rest = body.get(2..).ok_or(Error::Protocol("packet id missing"))?;
    split_properties(level, rest).map(|(_, filters)| filters)
}

fn header(out: &mut Vec<u8>, first: u8, len: usize) {
    out.push(first);
    varint(out, len);
}

fn varint(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        out.push(if value == 0 { byte } else { byte | 0x80 });
        if value == 0 {
            return;
        }
    }
}

fn string(out: &mut Vec<u8>, s: &[u8]) {
    out.extend_from_slice(&(s.len() as u16).to_be_bytes());
    out.extend_from_slice(s);
}

/// Bytes that [`put_properties`] appends.
fn properties_len(block: Option<&[u8]>) -> usize {
    let digits = |len: usize| usize::from(len >= 1 << 7) + usize::from(len >= 1 << 14) + 1;
    block.map_or(0, |block| digits(block.len()) + block.len())
}

fn put_properties(out: &mut Vec<u8>, block: Option<&[u8]>) {
    if let Some(block) = block {
        varint(out, block.len());
        out.extend_from_slice(block);
    }
}

/// Appends a PUBLISH.
pub fn put_publish(out: &mut Vec<u8>, publish: &Publish<'_>) {
    let Publish { topic, id, properties, payload } = *publish;
    let id_len = if id.is_some() { 2 } else { 0 };
    let len = 2 + topic.len() + id_len + properties_len(properties) + payload.len();
    header(out, if id.is_some() { 0x32 } else { 0x30 }, len);
    string(out, topic);
    if let Some(id) = id {
        out.extend_from_slice(&id.get().to_be_bytes());
    }
    put_properties(out, properties);
    out.extend_from_slice(payload);
}

/// Appends a PUBACK; its short form in MQTT 5, which means success, has the same bytes (§3.4.2.1).
pub fn put_puback(out: &mut Vec<u8>, id: NonZeroU16) {
    let [hi, lo] = id.get().to_be_bytes();
    out.extend_from_slice(&[0x40, 2, hi, lo]);
}

/// Appends a SUBACK with `codes`.
pub fn put_suback(out: &mut Vec<u8>, level: Level, id: NonZeroU16, codes: &[u8]) {
    put_answer(out, 0x90, level, id, codes);
}

/// Appends an UNSUBACK with `codes`, which MQTT 3.1.1 does not have.
pub fn put_unsuback(out: &mut Vec<u8>, level: Level, id: NonZeroU16, codes: &[u8]) {
    put_answer(out, 0xb0, level, id, if level == Level::Four { &[] } else { codes });
}

fn put_answer(out: &mut Vec<u8>, first: u8, level: Level, id: NonZeroU16, codes: &[u8]) {
    let none = level.no_properties();
    header(out, first, 2 + properties_len(none) + codes.len());
    out.extend_from_slice(&id.get().to_be_bytes());
    put_properties(out, none);
    out.extend_from_slice(codes);
}

/// Appends a SUBSCRIBE for one filter at QoS 1.
pub fn put_subscribe(out: &mut Vec<u8>, level: Level, id: NonZeroU16, filter: &[u8]) {
    let none = level.no_properties();
    header(out, 0x82, 2 + properties_len(none) + 2 + filter.len() + 1);
    out.extend_from_slice(&id.get().to_be_bytes());
    put_properties(out, none);
    string(out, filter);
    out.push(1);
}

/// Appends a CONNECT with a clean session and a keep-alive of 240 s.
pub fn put_connect(out: &mut Vec<u8>, level: Level, client_id: &[u8], username: &[u8], password: &[u8]) {
    let none = level.no_properties();
    header(out, 0x10, 10 + properties_len(none) + 6 + client_id.len() + username.len() + password.len());
    string(out, b"MQTT");
    out.extend_from_slice(&[if level == Level::Four { 4 } else { 5 }, 0xc2, 0, 240]);
    put_properties(out, none);
    string(out, client_id);
    string(out, username);
    string(out, password);
}

/// The packet ids in order, 1 to 65535 and round again.
pub fn next_id(id: NonZeroU16) -> NonZeroU16 {
    id.checked_add(1).unwrap_or(NonZeroU16::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 2] = [Level::Four, Level::Five];

    fn id(n: u16) -> NonZeroU16 {
        NonZeroU16::new(n).unwrap_or_else(|| panic!("zero"))
    }

    fn whole(bytes: &[u8]) -> Packet<'_> {
        let packet = scan(bytes).ok().flatten().unwrap_or_else(|| panic!("not whole"));
        assert_eq!(packet.len, bytes.len());
        packet
    }

    #[test]
    fn a_publish_comes_back() {
        let blocks = [vec![], vec![7; 127], vec![7; 128], vec![7; 20_000]];
        for payload_len in [0, 100, 127, 128, 20_000] {
            let payload = vec![7; payload_len];
            for packet_id in [None, Some(id(1)), Some(id(65535))] {
                for block in [None].into_iter().chain(blocks.iter().map(|block| Some(&block[..]))) {
                    let publish =
                        Publish { topic: b"a/b", id: packet_id, properties: block, payload: &payload };
                    let level = if block.is_some() { Level::Five } else { Level::Four };
                    let mut out = Vec::new();
                    put_publish(&mut out, &publish);
                    assert_eq!(whole(&out).publish(level).unwrap_or_else(|e| panic!("{e}")), publish);
                }
            }
        }
    }

    #[test]
    fn every_cut_is_not_whole_yet() {
        for level in LEVELS {
            let mut out = Vec::new();
            put_publish(&mut out, &level.publish(b"topic", Some(id(9)), &[1; 200]));
            for cut in 0..out.len() {
                assert_eq!(scan(&out[..cut]).ok(), Some(None), "cut at {cut}");
            }
        }
    }

    #[test]
    fn bad_packets_are_refused() {
        assert!(scan(&[0x30, 0xff, 0xff, 0xff, 0xff, 1]).is_err(), "five length bytes");
        assert!(scan(&[0x30, 0xff, 0xff, 0xff, 0x7f]).is_err(), "256 MiB");
        for level in LEVELS {
            let refused = |bytes: &'static [u8]| whole(bytes).publish(level).is_err();
            assert!(refused(&[0x30, 2, 0, 5]), "topic longer than the packet");
            assert!(refused(&[0x32, 5, 0, 1, b'a', 0, 0]), "packet id 0");
            assert!(refused(&[0x34, 5, 0, 1, b'a', 0, 1]), "QoS 2");
        }
        assert!(whole(&[0x30, 3, 0, 1, b'a']).publish(Level::Five).is_err(), "no property block");
    }

    #[test]
    fn connect_and_subscribe_are_understood() {
        for level in LEVELS {
            let mut out = Vec::new();
            put_connect(&mut out, level, b"dev", b"user", b"pass");
            assert_eq!(whole(&out).kind(), kind::CONNECT);
            let expected = Connect { level, receive_maximum: 65_535, client_id: b"dev" };
            assert_eq!(connect(whole(&out).body).ok(), Some(expected));
            out.clear();
            put_subscribe(&mut out, level, id(3), b"x/#");
            let body = whole(&out).body;
            assert_eq!(subscribe(level, body).ok(), Some(vec![1]));
            assert!(subscribe(level, &body[..body.len() - 1]).is_err());
        }
        assert!(connect(b"\x00\x04MQTT\x03\x02\x00\x3c\x00\x01a").is_err(), "MQTT 3.1");
    }

    #[test]
    fn the_limits_of_a_connect_of_mqtt_5_are_read() {
        let body = b"\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x14\x00\x01a";
        let expected = Connect { level: Level::Five, receive_maximum: 20, client_id: b"a" };
        assert_eq!(connect(body).ok(), Some(expected));
    }

    #[test]
    fn subscription_options_are_no_qos() {
        let body = b"\x00\x01\x00\x00\x01a\x2e\x00\x01b\x00";
        assert_eq!(subscribe(Level::Five, body).ok(), Some(vec![1, 0]));
        assert_eq!(unsubscribe(Level::Five, b"\x00\x01\x00\x00\x01a\x00\x01b").ok(), Some(vec![0, 0]));
        let mut out = Vec::new();
        put_unsuback(&mut out, Level::Five, id(1), &[0, 0]);
        put_unsuback(&mut out, Level::Four, id(1), &[0, 0]);
        assert_eq!(out, [0xb0, 5, 0, 1, 0, 0, 0, 0xb0, 2, 0, 1]);
    }
}
