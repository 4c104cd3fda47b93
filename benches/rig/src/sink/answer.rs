//! What the sink says to each packet. Pure: bytes in, bytes out.

use std::io::Write;
use std::num::NonZeroU16;

use crate::error::{Error, Result};
use crate::sink::flood::Flood;
use crate::wire::properties::{self, Wanted};
use crate::wire::{self, Level, Packet, Publish, kind};

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
    level: Level,
    receive_maximum: u16,
    /// Answers at QoS 1 so far, for their packet ids.
    answers: u16,
    twin_version: u64,
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
                let connect = wire::connect(packet.body)?;
                self.client_id = connect.client_id.to_vec();
                self.level = connect.level;
                self.receive_maximum = connect.receive_maximum;
                self.connected = true;
                now.extend_from_slice(self.level.connack());
            }
            kind::SUBSCRIBE => {
                let granted = wire::subscribe(self.level, packet.body)?;
                wire::put_suback(now, self.level, packet.id()?, &granted);
            }
            kind::UNSUBSCRIBE => {
                let codes = wire::unsubscribe(self.level, packet.body)?;
                wire::put_unsuback(now, self.level, packet.id()?, &codes);
            }
            kind::PINGREQ => now.extend_from_slice(&wire::PINGRESP),
            kind::DISCONNECT => return Ok(Then::Close),
            _ => return Err(Error::Protocol("packet that only a server sends")),
        }
        Ok(Then::Continue)
    }

    fn publish(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<()> {
        let publish = packet.publish(self.level)?;
        if let Some(id) = publish.id {
            wire::put_puback(out, id);
        }
        if let Some(wanted) = publish.properties.map_or(Ok(None), properties::wanted)? {
            self.echo(&publish, &wanted, out);
        } else if publish.topic.first() == Some(&b'$') {
            self.twin(publish.topic, out);
        } else if publish.payload.starts_with(b"FLOOD ") {
            let flood = Flood::parse(publish.payload, self.level, self.receive_maximum);
            self.flood = Some(flood.ok_or(Error::Protocol("bad FLOOD request"))?);
        }
        Ok(())
    }

    /// Answers a request (MQTT 5 §4.10) as a broker with a responder that echoes would: at the request's QoS.
    fn echo(&mut self, request: &Publish<'_>, wanted: &Wanted<'_>, out: &mut Vec<u8>) {
        let id = request.id.map(|_| {
            self.answers = self.answers.checked_add(1).unwrap_or(1);
            NonZeroU16::new(self.answers).unwrap_or(NonZeroU16::MIN)
        });
        let mut block = Vec::with_capacity(32);
        properties::put_correlation(&mut block, wanted.correlation);
        wire::put_publish(
            out,
            &Publish { topic: wanted.topic, id, properties: Some(&block), payload: request.payload },
        );
    }

    fn twin(&mut self, topic: &[u8], out: &mut Vec<u8>) {
        let mut reply = Vec::with_capacity(64);
        if let Some(rid) = topic.strip_prefix(REPORTED).and_then(request_id) {
            self.twin_version += 1;
            reply.extend_from_slice(b"$iothub/twin/res/204/?$rid=");
            reply.extend_from_slice(rid);
            // Writing to a Vec cannot fail.
            let _ = write!(reply, "&$version={}", self.twin_version);
            wire::put_publish(out, &self.level.publish(&reply, None, b""));
        } else if let Some(rid) = topic.strip_prefix(GET).and_then(request_id) {
            reply.extend_from_slice(b"$iothub/twin/res/200/?$rid=");
            reply.extend_from_slice(rid);
            wire::put_publish(out, &self.level.publish(&reply, None, TWIN));
        }
    }
}

/// The `$rid` of a bag `$rid=…[&…]`.
fn request_id(bag: &[u8]) -> Option<&[u8]> {
    bag.split(|b| *b == b'&').find_map(|field| field.strip_prefix(b"$rid="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(session: &mut Session, bytes: &[u8]) -> Result<(Then, Vec<u8>, Vec<u8>)> {
        let packet = wire::scan(bytes)?.ok_or(Error::Protocol("cut"))?;
        let (mut now, mut late) = (Vec::new(), Vec::new());
        session.answer(&packet, &mut now, &mut late).map(|then| (then, now, late))
    }

    fn connected(level: Level) -> Session {
        let mut session = Session::default();
        let mut bytes = Vec::new();
        wire::put_connect(&mut bytes, level, b"dev", b"u", b"p");
        let (_, now, _) = ask(&mut session, &bytes).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(now, level.connack());
        session
    }

    fn published(topic: &[u8], payload: &[u8], qos1: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::put_publish(&mut bytes, &Level::Four.publish(topic, qos1.then_some(NonZeroU16::MAX), payload));
        let mut session = connected(Level::Four);
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
            let reply = reply.publish(Level::Four).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(reply.topic, b"$iothub/twin/res/204/?$rid=a1&$version=1");
            assert_eq!(reply.id, None);
        }
    }

    #[test]
    fn a_get_gets_a_document() {
        let late = published(b"$iothub/twin/GET/?$rid=0", b"", false);
        let reply = wire::scan(&late).ok().flatten().unwrap_or_else(|| panic!("no reply"));
        let reply = reply.publish(Level::Four).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((reply.topic, reply.payload), (&b"$iothub/twin/res/200/?$rid=0"[..], TWIN));
    }

    #[test]
    fn order_is_kept() {
        assert!(ask(&mut Session::default(), &[0xc0, 0]).is_err(), "ping before CONNECT");
        assert!(ask(&mut connected(Level::Four), &[0x20, 2, 0, 0]).is_err(), "CONNACK from a client");
        for level in [Level::Four, Level::Five] {
            let (then, ..) = ask(&mut connected(level), &wire::DISCONNECT).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(then, Then::Close);
        }
    }

    #[test]
    fn mqtt_5_is_answered_in_mqtt_5() {
        let mut session = connected(Level::Five);
        let mut say = |bytes: &[u8]| ask(&mut session, bytes).unwrap_or_else(|e| panic!("{e}"));
        let (_, suback, _) = say(&[0x82, 8, 0, 3, 0, 0, 2, b'a', b'/', 1]);
        assert_eq!(suback, [0x90, 4, 0, 3, 0, 1]);
        let (_, unsuback, _) = say(&[0xa2, 7, 0, 4, 0, 0, 2, b'a', b'/']);
        assert_eq!(unsuback, [0xb0, 4, 0, 4, 0, 0]);
        let (_, _, puback) = say(&[0x32, 6, 0, 1, b'a', 0, 9, 0]);
        assert_eq!(puback, [0x40, 2, 0, 9]);
        let (then, ..) = say(&[0xe0, 1, 0x04]);
        assert_eq!(then, Then::Close, "DISCONNECT with a reason code");
    }

    #[test]
    fn a_request_comes_back_on_its_response_topic() {
        let mut session = connected(Level::Five);
        let mut block = vec![0x01, 1];
        properties::put_response_topic(&mut block, b"clients/dev/answers");
        properties::put_correlation(&mut block, b"0123456789abcdef");
        for (request_id, answer_id) in [(NonZeroU16::new(7), NonZeroU16::new(1)), (None, None)] {
            let mut bytes = Vec::new();
            let request =
                Publish { topic: b"ask", id: request_id, properties: Some(&block), payload: b"FLOOD?" };
            wire::put_publish(&mut bytes, &request);
            let (_, now, mut late) = ask(&mut session, &bytes).unwrap_or_else(|e| panic!("{e}"));
            assert!(now.is_empty());
            if request_id.is_some() {
                assert_eq!(late.drain(..4).collect::<Vec<_>>(), [0x40, 2, 0, 7]);
            }
            let reply = wire::scan(&late).ok().flatten().unwrap_or_else(|| panic!("no reply"));
            let reply = reply.publish(Level::Five).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!((reply.topic, reply.id), (&b"clients/dev/answers"[..], answer_id));
            assert_eq!(reply.payload, b"FLOOD?");
            let carried = properties::correlation(reply.properties.unwrap_or_default());
            assert_eq!(carried.ok().flatten(), Some(&b"0123456789abcdef"[..]));
        }
    }
}
