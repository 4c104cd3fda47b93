//! The few packets of MQTT 3.1.1 that the rig speaks, by a scanner that borrows and never allocates.
//!
//! Nothing here is a general MQTT library: unknown packets are an error, QoS 2 too.

use std::num::NonZeroU16;

use crate::error::{Error, Result};

/// Largest packet that either side accepts, in bytes. The service's own limit is 256 KiB a message.
pub const MAX_PACKET: usize = 320 * 1024;

/// PINGRESP, whole.
pub const PINGRESP: [u8; 2] = [0xd0, 0];
/// CONNACK with return code 0 and no session, whole.
pub const CONNACK_OK: [u8; 4] = [0x20, 2, 0, 0];
/// DISCONNECT, whole.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

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
    pub fn publish(&self) -> Result<Publish<'a>> {
        let (topic, rest) = split_string(self.body)?;
        match (self.first >> 1) & 3 {
            0 => Ok(Publish { topic, id: None, payload: rest }),
            1 => {
                let [hi, lo, payload @ ..] = rest else { return Err(Error::Protocol("packet id missing")) };
                let id = NonZeroU16::new(u16::from_be_bytes([*hi, *lo]));
                Ok(Publish { topic, id: Some(id.ok_or(Error::Protocol("packet id 0"))?), payload })
            }
            _ => Err(Error::Protocol("QoS 2")),
        }
    }
}

/// A PUBLISH; `id` is there at QoS 1 and absent at QoS 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Topic name, not checked for UTF-8.
    pub topic: &'a [u8],
    /// Packet identifier.
    pub id: Option<NonZeroU16>,
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

/// The client id of a CONNECT body (MQTT 3.1.1 §3.1), which must name protocol level 4.
pub fn connect_client_id(body: &[u8]) -> Result<&[u8]> {
    let (name, rest) = split_string(body)?;
    let [level, _flags, _keep_hi, _keep_lo, payload @ ..] = rest else {
        return Err(Error::Protocol("CONNECT cut short"));
    };
    if name != b"MQTT" || *level != 4 {
        return Err(Error::Protocol("not MQTT 3.1.1"));
    }
    Ok(split_string(payload)?.0)
}

/// How many filters a SUBSCRIBE or UNSUBSCRIBE body asks for; `with_qos` says which of the two it is.
pub fn filters(body: &[u8], with_qos: bool) -> Result<Vec<u8>> {
    let mut rest = body.get(2..).ok_or(Error::Protocol("packet id missing"))?;
    let mut granted = Vec::new();
    while !rest.is_empty() {
        rest = split_string(rest)?.1;
        if with_qos {
            let [qos, tail @ ..] = rest else { return Err(Error::Protocol("SUBSCRIBE cut short")) };
            granted.push((*qos).min(1));
            rest = tail;
        }
    }
    Ok(granted)
}

fn header(out: &mut Vec<u8>, first: u8, mut len: usize) {
    out.push(first);
    loop {
        let byte = (len & 0x7f) as u8;
        len >>= 7;
        out.push(if len == 0 { byte } else { byte | 0x80 });
        if len == 0 {
            return;
        }
    }
}

fn string(out: &mut Vec<u8>, s: &[u8]) {
    out.extend_from_slice(&(s.len() as u16).to_be_bytes());
    out.extend_from_slice(s);
}

/// Appends a PUBLISH; with `id` it has QoS 1, without QoS 0.
pub fn put_publish(out: &mut Vec<u8>, topic: &[u8], id: Option<NonZeroU16>, payload: &[u8]) {
    let len = 2 + topic.len() + if id.is_some() { 2 } else { 0 } + payload.len();
    header(out, if id.is_some() { 0x32 } else { 0x30 }, len);
    string(out, topic);
    if let Some(id) = id {
        out.extend_from_slice(&id.get().to_be_bytes());
    }
    out.extend_from_slice(payload);
}

/// Appends a PUBACK.
pub fn put_puback(out: &mut Vec<u8>, id: NonZeroU16) {
    let [hi, lo] = id.get().to_be_bytes();
    out.extend_from_slice(&[0x40, 2, hi, lo]);
}

/// Appends a SUBACK that grants `qos`.
pub fn put_suback(out: &mut Vec<u8>, id: NonZeroU16, qos: &[u8]) {
    header(out, 0x90, 2 + qos.len());
    out.extend_from_slice(&id.get().to_be_bytes());
    out.extend_from_slice(qos);
}

/// Appends an UNSUBACK.
pub fn put_unsuback(out: &mut Vec<u8>, id: NonZeroU16) {
    let [hi, lo] = id.get().to_be_bytes();
    out.extend_from_slice(&[0xb0, 2, hi, lo]);
}

/// Appends a SUBSCRIBE for one filter at QoS 1.
pub fn put_subscribe(out: &mut Vec<u8>, id: NonZeroU16, filter: &[u8]) {
    header(out, 0x82, 2 + 2 + filter.len() + 1);
    out.extend_from_slice(&id.get().to_be_bytes());
    string(out, filter);
    out.push(1);
}

/// Appends a CONNECT with a clean session and a keep-alive of 240 s.
pub fn put_connect(out: &mut Vec<u8>, client_id: &[u8], username: &[u8], password: &[u8]) {
    header(out, 0x10, 10 + 6 + client_id.len() + username.len() + password.len());
    string(out, b"MQTT");
    out.extend_from_slice(&[4, 0xc2, 0, 240]);
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

    fn id(n: u16) -> NonZeroU16 {
        NonZeroU16::new(n).unwrap_or_else(|| panic!("zero"))
    }

    #[test]
    fn a_publish_comes_back() {
        for payload_len in [0, 100, 127, 128, 20_000] {
            let payload = vec![7; payload_len];
            for packet_id in [None, Some(id(1)), Some(id(65535))] {
                let mut out = Vec::new();
                put_publish(&mut out, b"a/b", packet_id, &payload);
                let packet = scan(&out).ok().flatten().unwrap_or_else(|| panic!("not whole"));
                assert_eq!(packet.len, out.len());
                let publish = packet.publish().unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(publish, Publish { topic: b"a/b", id: packet_id, payload: &payload });
            }
        }
    }

    #[test]
    fn every_cut_is_not_whole_yet() {
        let mut out = Vec::new();
        put_publish(&mut out, b"topic", Some(id(9)), &[1; 200]);
        for cut in 0..out.len() {
            assert_eq!(scan(&out[..cut]).ok(), Some(None), "cut at {cut}");
        }
    }

    #[test]
    fn bad_packets_are_refused() {
        assert!(scan(&[0x30, 0xff, 0xff, 0xff, 0xff, 1]).is_err(), "five length bytes");
        assert!(scan(&[0x30, 0xff, 0xff, 0xff, 0x7f]).is_err(), "256 MiB");
        let publish = |bytes: &'static [u8]| scan(bytes).ok().flatten().map(|p| p.publish().is_ok());
        assert_eq!(publish(&[0x30, 2, 0, 5]), Some(false), "topic longer than the packet");
        assert_eq!(publish(&[0x32, 5, 0, 1, b'a', 0, 0]), Some(false), "packet id 0");
        assert_eq!(publish(&[0x34, 5, 0, 1, b'a', 0, 1]), Some(false), "QoS 2");
    }

    #[test]
    fn connect_and_subscribe_are_understood() {
        let mut out = Vec::new();
        put_connect(&mut out, b"dev", b"user", b"pass");
        let packet = scan(&out).ok().flatten().unwrap_or_else(|| panic!("not whole"));
        assert_eq!((packet.kind(), packet.len), (kind::CONNECT, out.len()));
        assert_eq!(connect_client_id(packet.body).ok(), Some(&b"dev"[..]));
        out.clear();
        put_subscribe(&mut out, id(3), b"x/#");
        let packet = scan(&out).ok().flatten().unwrap_or_else(|| panic!("not whole"));
        assert_eq!(filters(packet.body, true).ok(), Some(vec![1]));
        assert!(filters(&packet.body[..packet.body.len() - 1], true).is_err());
    }
}
