//! What the sink says to each packet. Pure: bytes in, bytes out.

use std::io::Write;

use crate::error::{Error, Result};
use crate::sink::flood::Flood;
use crate::wire::{self, Packet, kind};

const REPORTED: &[u8] = b"$iothub/twin/PATCH/properties/reported/?";
const GET: &[u8] = b"$iothub/twin/GET/?";
const TWIN: &[u8] = br#"{"desired":{"interval":5,"$version":1},"reported":{"$version":1}}"#;

/// The MQTT side of one connection.
#[derive(Default)]
pub struct Session {
    /// Empty until the CONNECT.
    pub client_id: Vec<u8>,
    /// Messages that the client has asked for.
    pub flood: Option<Flood>,
    connected: bool,
    version: u64,
}

/// What happens to the connection after a packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes on.
    Continue,
    /// The client said DISCONNECT.
    Close,
}

impl Session {
    /// Answers one packet. Answers to PUBLISH go to `late`, which the caller may delay; all others to `now`.
    pub fn answer(&mut self, packet: &Packet<'_>, now: &mut Vec<u8>, late: &mut Vec<u8>) -> Result<Then> {
        if !self.connected && packet.kind() != kind::CONNECT {
            return Err(Error::Protocol("packet before CONNECT"));
        }
        match packet.kind() {
            kind::PUBLISH => self.publish(packet, late)?,
            kind::PUBACK => {
                if let Some(flood) = &mut self.flood {
                    flood.acknowledged();
                }
            }
            kind::CONNECT => {
                if self.connected {
                    return Err(Error::Protocol("second CONNECT"));
                }
                self.client_id = wire::connect_client_id(packet.body)?.to_vec();
                self.connected = true;
                now.extend_from_slice(&wire::CONNACK_OK);
            }
            kind::SUBSCRIBE => wire::put_suback(now, packet.id()?, &wire::filters(packet.body, true)?),
            kind::UNSUBSCRIBE => {
                wire::filters(packet.body, false)?;
                wire::put_unsuback(now, packet.id()?);
            }
            kind::PINGREQ => now.extend_from_slice(&wire::PINGRESP),
            kind::DISCONNECT => return Ok(Then::Close),
            _ => return Err(Error::Protocol("packet that only a server sends")),
        }
        Ok(Then::Continue)
    }

    fn publish(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<()> {
        let publish = packet.publish()?;
        if let Some(id) = publish.id {
            wire::put_puback(out, id);
        }
        if publish.topic.first() == Some(&b'$') {
            self.twin(publish.topic, out);
        } else if publish.payload.starts_with(b"FLOOD ") {
            let flood = Flood::parse(publish.payload).ok_or(Error::Protocol("bad FLOOD request"))?;
            self.flood = Some(flood);
        }
        Ok(())
    }

    fn twin(&mut self, topic: &[u8], out: &mut Vec<u8>) {
        let mut reply = Vec::with_capacity(64);
        if let Some(rid) = topic.strip_prefix(REPORTED).and_then(request_id) {
            self.version += 1;
            reply.extend_from_slice(b"$iothub/twin/res/204/?$rid=");
            reply.extend_from_slice(rid);
            // Writing to a Vec cannot fail.
            let _ = write!(reply, "&$version={}", self.version);
            wire::put_publish(out, &reply, None, b"");
        } else if let Some(rid) = topic.strip_prefix(GET).and_then(request_id) {
            reply.extend_from_slice(b"$iothub/twin/res/200/?$rid=");
            reply.extend_from_slice(rid);
            wire::put_publish(out, &reply, None, TWIN);
        }
    }
}

/// The `$rid` of a bag `$rid=…[&…]`.
fn request_id(bag: &[u8]) -> Option<&[u8]> {
    bag.split(|b| *b == b'&').find_map(|field| field.strip_prefix(b"$rid="))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    fn ask(session: &mut Session, bytes: &[u8]) -> Result<(Then, Vec<u8>, Vec<u8>)> {
        let packet = wire::scan(bytes)?.ok_or(Error::Protocol("cut"))?;
        let (mut now, mut late) = (Vec::new(), Vec::new());
        session.answer(&packet, &mut now, &mut late).map(|then| (then, now, late))
    }

    fn connected() -> Session {
        let mut session = Session::default();
        let mut bytes = Vec::new();
        wire::put_connect(&mut bytes, b"dev", b"u", b"p");
        let (_, now, _) = ask(&mut session, &bytes).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(now, wire::CONNACK_OK);
        session
    }

    fn published(topic: &[u8], payload: &[u8], qos1: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::put_publish(&mut bytes, topic, qos1.then_some(NonZeroU16::MAX), payload);
        let mut session = connected();
        let (then, now, late) = ask(&mut session, &bytes).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((then, now.len()), (Then::Continue, 0));
        late
    }

    #[test]
    fn qos_1_is_acknowledged_and_qos_0_is_not() {
        assert_eq!(published(b"devices/dev/messages/events/", b"x", true), [0x40, 2, 0xff, 0xff]);
        assert!(published(b"devices/dev/messages/events/", b"x", false).is_empty());
    }

    #[test]
    fn a_patch_gets_its_own_request_id() {
        for (topic, qos1, acks) in [
            (&b"$iothub/twin/PATCH/properties/reported/?$rid=a1"[..], true, 4),
            (b"$iothub/twin/PATCH/properties/reported/?$rid=a1&$version=7", false, 0),
            (b"$iothub/twin/PATCH/properties/reported/?$version=7&$rid=a1", false, 0),
        ] {
            let late = published(topic, b"{}", qos1);
            let reply = wire::scan(&late[acks..]).ok().flatten().unwrap_or_else(|| panic!("no reply"));
            let reply = reply.publish().unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(reply.topic, b"$iothub/twin/res/204/?$rid=a1&$version=1");
            assert_eq!(reply.id, None);
        }
    }

    #[test]
    fn a_get_gets_a_document() {
        let late = published(b"$iothub/twin/GET/?$rid=0", b"", false);
        let reply = wire::scan(&late).ok().flatten().unwrap_or_else(|| panic!("no reply"));
        let reply = reply.publish().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((reply.topic, reply.payload), (&b"$iothub/twin/res/200/?$rid=0"[..], TWIN));
    }

    #[test]
    fn order_is_kept() {
        assert!(ask(&mut Session::default(), &[0xc0, 0]).is_err(), "ping before CONNECT");
        assert!(ask(&mut connected(), &[0x20, 2, 0, 0]).is_err(), "CONNACK from a client");
        let (then, ..) = ask(&mut connected(), &wire::DISCONNECT).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(then, Then::Close);
    }
}
