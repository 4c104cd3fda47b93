//! The numbered rules of the packets that answer: acknowledgements, DISCONNECT, AUTH.

use super::*;
use Sender::{Client, Server};

/// The reason codes that a packet may have, after the tables of its section: from a client, from a server.
#[rustfmt::skip]
const LEGAL: [(&str, &[u8], &[u8]); 9] = [
    ("CONNACK", &[], &[
        0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C,
        0x9D, 0x9F,
    ]),
    ("PUBACK", &[0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
    ("PUBREC", &[0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
    ("PUBREL", &[0x00, 0x92], &[0x00, 0x92]),
    ("PUBCOMP", &[0x00, 0x92], &[0x00, 0x92]),
    ("SUBACK", &[], &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2]),
    ("UNSUBACK", &[], &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91]),
    // 0x00 of a server is what its short form says, and 0x8C is in table 2-6 alone.
    ("DISCONNECT",
        &[0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x8C, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99],
        &[0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
            0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2]),
    ("AUTH", &[0x18, 0x19], &[0x00, 0x18]),
];

/// A packet of this name with this reason code.
fn with_reason(name: &str, reason: u8) -> Vec<u8> {
    match name {
        "CONNACK" => frame(0x20, &[0, reason, 0]),
        "PUBACK" => frame(0x40, &[0, 1, reason]),
        "PUBREC" => frame(0x50, &[0, 1, reason]),
        "PUBREL" => frame(0x62, &[0, 1, reason]),
        "PUBCOMP" => frame(0x70, &[0, 1, reason]),
        "SUBACK" => frame(0x90, &[0, 1, 0, reason]),
        "UNSUBACK" => frame(0xB0, &[0, 1, 0, reason]),
        "DISCONNECT" => frame(0xE0, &[reason]),
        "AUTH" => frame(0xF0, &joined(&[&[reason], b"\x04\x15\0\x01m"])),
        _ => panic!("{name}"),
    }
}

#[test]
fn reason_codes() {
    for (name, of_client, of_server) in LEGAL {
        for (sender, legal) in [(Client, of_client), (Server, of_server)] {
            if legal.is_empty() {
                continue;
            }
            for reason in 0..=0xFF {
                let bytes = with_reason(name, reason);
                match decoded(&bytes, sender) {
                    Ok(Some(_)) => assert!(legal.contains(&reason), "{name} {reason:02X} from {sender:?}"),
                    Err(error @ ProtocolError::Forbidden { .. }) => {
                        assert!(!legal.contains(&reason), "{name} {reason:02X} from {sender:?}: {error}");
                        assert_eq!(error.reason(), ReasonCode::ProtocolError);
                    }
                    other => panic!("{name} {reason:02X} from {sender:?} gave {other:?}"),
                }
            }
        }
    }
}

/// The packets that may leave out what says nothing (§3.4.2.1, §3.14.2.1, §3.15.2.1).
#[test]
fn short_forms() {
    for first in [0x40, 0x50, 0x62, 0x70] {
        let long = decoded(&frame(first, &[0, 1, 0, 0]), Client);
        assert!(matches!(long, Ok(Some(_))), "{long:?}");
        assert_eq!(decoded(&frame(first, &[0, 1]), Client), long);
        assert_eq!(decoded(&frame(first, &[0, 1, 0]), Client), long);
        let refused = if first < 0x60 { 0x87 } else { 0x92 };
        let long = decoded(&frame(first, &[0, 1, refused, 0]), Client);
        assert!(matches!(long, Ok(Some(_))), "{long:?}");
        assert_eq!(decoded(&frame(first, &[0, 1, refused]), Client), long);
    }
    let normal = Ok(Some(Packet::Disconnect(Disconnect::normal())));
    let moved = Ok(Some(Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver))));
    for (bytes, packet) in
        [(&[][..], &normal), (&[0], &normal), (&[0, 0], &normal), (&[0x8E], &moved), (&[0x8E, 0], &moved)]
    {
        assert_eq!(decoded(&frame(0xE0, bytes), Server), *packet);
    }
    let success = Auth { reason: ReasonCode::Success, properties: Properties::default() };
    for bytes in [&[][..], &[0], &[0, 0]] {
        assert_eq!(decoded(&frame(0xF0, bytes), Server), Ok(Some(Packet::Auth(success.clone()))));
    }
}

#[test]
fn answers() {
    let suback = || frame(0x90, &[0, 1, 0, 0]);
    let unsuback = || frame(0xB0, &[0, 1, 0, 0]);
    check(vec![
        forbidden("MQTT-3.9.3-2", Server, frame(0x90, &[0, 1, 0]), suback()),
        forbidden("MQTT-3.9.3-2", Server, frame(0x90, &[0, 1, 0, 0, 3]), frame(0x90, &[0, 1, 0, 0, 2])),
        forbidden("MQTT-3.11.3-2", Server, frame(0xB0, &[0, 1, 0]), unsuback()),
        malformed("MQTT-1.5.5-1", Server, frame(0x90, &[0, 1]), suback()),
        malformed("MQTT-1.5.5-1", Server, frame(0xB0, &[0, 1]), unsuback()),
        malformed("MQTT-2.2.1-3", Server, frame(0x90, &[0, 0, 0, 0]), suback()),
        malformed("crosses the end", Client, frame(0x40, &[0, 1, 0, 1]), frame(0x40, &[0, 1, 0, 0])),
        malformed("crosses the end", Client, frame(0xE0, &[0, 5]), frame(0xE0, &[0, 0])),
        // A server says nothing of the session's expiry [MQTT-3.14.2-2].
        malformed(
            "not in this packet",
            Server,
            frame(0xE0, b"\0\x05\x11\0\0\0\x01"),
            frame(0xE0, b"\x9C\x04\x1C\0\x01s"),
        ),
        malformed(
            "not in this packet",
            Client,
            frame(0xE0, b"\0\x04\x1C\0\x01s"),
            frame(0xE0, b"\0\x05\x11\0\0\0\x01"),
        ),
    ]);
}

#[test]
fn auths() {
    let step = || frame(0xF0, b"\x18\x04\x15\0\x01m");
    check(vec![
        forbidden("MQTT-3.15.2-1", Client, frame(0xF0, &[]), step()),
        forbidden("§3.15.2.2.2", Client, frame(0xF0, &[0x18]), step()),
        forbidden("§3.15.2.2.2", Server, frame(0xF0, &[0x18, 0]), step()),
        forbidden(
            "§3.15.2.2.2",
            Server,
            frame(0xF0, b"\0\x04\x1F\0\x01r"),
            frame(0xF0, b"\0\x04\x15\0\x01m"),
        ),
        forbidden("without an authentication method", Server, frame(0xF0, b"\x18\x04\x16\0\x01d"), step()),
        malformed("trailing bytes", Client, frame(0xF0, b"\x18\x04\x15\0\x01m!"), step()),
    ]);
}

/// What authenticates stays where it was read, at any length.
#[test]
fn a_token_of_any_length() {
    for len in [0, 1, 100, 127, 128, 1500, 16_383, 16_384, 65_535] {
        let properties = PropertiesBuilder::new().authentication_method("OAUTH2-JWT");
        let properties = properties.authentication_data(&vec![b'x'; len]).build().unwrap();
        let packet = Packet::Auth(Auth { reason: ReasonCode::ReAuthenticate, properties });
        let mut input = BytesMut::from(&encoded(&packet)[..]);
        let range = input.as_ptr_range();
        let read = codec::decode(&mut input, Client, Version::Mqtt5, MAX_PACKET_SIZE);
        assert_eq!(read, Ok(Some(packet)), "{len}");
        let Ok(Some(Packet::Auth(auth))) = read else { unreachable!("it is one") };
        let data = auth.properties.authentication_data().unwrap();
        assert_eq!(data.len(), len);
        assert!(len == 0 || range.contains(&data.as_ptr()), "{len}");
    }
}
