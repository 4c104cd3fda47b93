//! One row for each rule of the codec: a packet that breaks it, and its nearest legal neighbour.

use crate::tests::*;
use Sender::{Client, Server};

/// Refused with `rule` when `sender` sends `broken`, and `legal` is taken.
struct Row {
    rule: &'static str,
    sender: Sender,
    broken: Vec<u8>,
    legal: Vec<u8>,
}

fn row(rule: &'static str, sender: Sender, broken: Vec<u8>, legal: Vec<u8>) -> Row {
    Row { rule, sender, broken, legal }
}

/// A CONNECT with these flags, then client identifier "d" and `payload`.
fn connect(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x04".to_vec();
    body.extend_from_slice(&[flags, 0, 60, 0, 1, b'd']);
    body.extend_from_slice(payload);
    frame(0x10, &body)
}

/// A PUBLISH at QoS 1 with this topic and identifier 1.
fn publish(topic: &[u8]) -> Vec<u8> {
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend_from_slice(topic);
    body.extend_from_slice(&[0, 1, b'x']);
    frame(0x32, &body)
}

/// A SUBSCRIBE of this filter at this QoS.
fn subscribe(filter: &[u8], qos: u8) -> Vec<u8> {
    let mut body = vec![0, 1, 0, filter.len() as u8];
    body.extend_from_slice(filter);
    body.push(qos);
    frame(0x82, &body)
}

#[rustfmt::skip]
fn header_rules() -> Vec<Row> {
    let puback = || frame(0x40, &[0, 1]);
    vec![
        row("§2.2.1", Client, frame(0x00, &[]), frame(0xC0, &[])),
        row("§2.2.1", Server, frame(0xF0, &[]), frame(0xD0, &[])),
        row("§2.2.3", Client, vec![0x40, 0x82, 0x80, 0x80, 0x80], vec![0x40, 0x82, 0x80, 0x80, 0, 0, 1]),
        row("MQTT-2.2.2-2", Client, frame(0x41, &[0, 1]), puback()),
        row("MQTT-2.2.2-2", Client, frame(0x60, &[0, 1]), frame(0x62, &[0, 1])),
        row("MQTT-2.2.2-2", Client, frame(0x80, &[0, 1, 0, 1, b'a', 0]), subscribe(b"a", 0)),
        row("MQTT-2.2.2-2", Client, frame(0xA3, &[0, 1, 0, 1, b'a']), frame(0xA2, &[0, 1, 0, 1, b'a'])),
        row("MQTT-2.2.2-2", Client, frame(0xE1, &[]), frame(0xE0, &[])),
        row("MQTT-2.2.2-2", Client, frame(0x11, &[]), connect(0, &[])),
        row("MQTT-2.3.1-1", Client, frame(0x40, &[0, 0]), puback()),
        row("MQTT-2.3.1-1", Server, frame(0xB0, &[0, 0]), frame(0xB0, &[0, 1])),
        row("MQTT-2.3.1-1", Server, frame(0x90, &[0, 0, 0]), frame(0x90, &[0, 1, 0])),
        row("MQTT-2.3.1-1", Server, frame(0x32, &[0, 1, b'a', 0, 0]), frame(0x32, &[0, 1, b'a', 0, 1])),
        row("MQTT-2.3.1-1", Client, frame(0x82, &[0, 0, 0, 1, b'a', 0]), subscribe(b"a", 0)),
        row("trailing bytes", Client, frame(0x40, &[0, 1, 0]), puback()),
        row("trailing bytes", Client, frame(0xC0, &[0]), frame(0xC0, &[])),
        row("trailing bytes", Server, frame(0x20, &[0, 0, 0]), frame(0x20, &[0, 0])),
        row("trailing bytes", Client, connect(0, &[0]), connect(0, &[])),
        row("crosses the end", Client, frame(0x40, &[1]), puback()),
        row("crosses the end", Client, frame(0x10, &[]), connect(0, &[])),
        row("crosses the end", Server, frame(0x30, &[0, 2, b'a']), frame(0x30, &[0, 1, b'a'])),
        row("crosses the end", Client, frame(0x82, &[0, 1, 0, 1, b'a']), subscribe(b"a", 0)),
    ]
}

#[rustfmt::skip]
fn connect_rules() -> Vec<Row> {
    let plain = || connect(0x02, &[]);
    let will = b"\0\x01t\0\0";
    vec![
        row("MQTT-3.1.2-1", Client, frame(0x10, b"\0\x06MQIsdp\x04\x02\0\x3C\0\x01d"), plain()),
        row("MQTT-3.1.2-3", Client, connect(0x03, &[]), plain()),
        row("MQTT-3.1.2-11", Client, connect(0x08, &[]), connect(0x0C, will)),
        row("MQTT-3.1.2-11", Client, connect(0x20, &[]), connect(0x24, will)),
        row("MQTT-3.1.2-11", Client, connect(0x1C, will), connect(0x14, will)),
        row("MQTT-3.1.2-22", Client, connect(0x40, b"\0\x01p"), connect(0xC0, b"\0\x01u\0\x01p")),
        row("MQTT-3.3.2-2", Client, connect(0x04, b"\0\x01#\0\0"), connect(0x04, will)),
        row("MQTT-4.7.3-1", Client, connect(0x04, b"\0\0\0\0"), connect(0x04, will)),
        row("MQTT-1.5.3-1", Client, connect(0x80, b"\0\x01\xFF"), connect(0x80, b"\0\x01u")),
        row("MQTT-1.5.3-2", Client, connect(0x80, b"\0\x01\0"), connect(0x80, b"\0\x01u")),
        row("MQTT-1.5.3-1", Client, connect(0xC0, b"\0\x01u\0\x01\xC0"), connect(0xC0, b"\0\x01u\0\0")),
        row("crosses the end", Client, connect(0x80, &[]), connect(0x80, b"\0\0")),
        row("crosses the end", Client, connect(0xC0, b"\0\x01u"), connect(0xC0, b"\0\x01u\0\0")),
        row("MQTT-3.2.2-4", Server, frame(0x20, &[1, 1]), frame(0x20, &[0, 1])),
        row("MQTT-3.2.2-4", Server, frame(0x20, &[1, 5]), frame(0x20, &[1, 0])),
        row("§3.2.2.3", Server, frame(0x20, &[0, 6]), frame(0x20, &[0, 5])),
        row("§3.2.2.3", Server, frame(0x20, &[1, 255]), frame(0x20, &[0, 4])),
        row("§3.2.2.1", Server, frame(0x20, &[2, 0]), frame(0x20, &[0, 0])),
        row("§3.2.2.1", Server, frame(0x20, &[0x81, 9]), frame(0x20, &[1, 0])),
    ]
}

#[rustfmt::skip]
fn message_rules() -> Vec<Row> {
    vec![
        row("MQTT-3.3.1-4", Client, frame(0x36, &[0, 1, b'a', 0, 1]), frame(0x34, &[0, 1, b'a', 0, 1])),
        row("MQTT-3.3.1-2", Server, frame(0x38, &[0, 1, b'a']), frame(0x3B, &[0, 1, b'a', 0, 1])),
        row("MQTT-3.3.2-2", Client, publish(b"a/+"), publish(b"a/")),
        row("MQTT-3.3.2-2", Server, publish(b"a#"), publish(b"$a")),
        row("MQTT-4.7.3-1", Client, publish(b""), publish(b"/")),
        row("MQTT-1.5.3-1", Client, publish(b"\xED\xA0\x80"), publish("\u{FEFF}\u{10FFFF}".as_bytes())),
        row("MQTT-1.5.3-2", Client, publish(b"a\0"), publish(b"a\x01")),
        row("MQTT-3-8.3-4", Client, subscribe(b"a", 3), subscribe(b"a", 2)),
        row("MQTT-3-8.3-4", Client, subscribe(b"a", 0x80), subscribe(b"a", 1)),
        row("MQTT-3.8.3-3", Client, frame(0x82, &[0, 1]), subscribe(b"a", 0)),
        row("MQTT-3.10.3-2", Client, frame(0xA2, &[0, 1]), frame(0xA2, &[0, 1, 0, 1, b'#'])),
        row("§4.7", Client, subscribe(b"", 0), subscribe(b"/", 0)),
        row("§4.7", Client, subscribe(b"#/a", 0), subscribe(b"a/#", 0)),
        row("§4.7", Client, subscribe(b"a#", 0), subscribe(b"#", 0)),
        row("§4.7", Client, subscribe(b"a/b+/c", 0), subscribe(b"a/+/c", 0)),
        row("§4.7", Client, frame(0xA2, &[0, 1, 0, 2, b'+', b'+']), frame(0xA2, &[0, 1, 0, 3, b'+', b'/', b'+'])),
        row("MQTT-1.5.3-2", Client, subscribe(b"\0", 0), subscribe(b"+", 0)),
        row("§3.9.3", Server, frame(0x90, &[0, 1]), frame(0x90, &[0, 1, 0x80])),
        row("MQTT-3.9.3-2", Server, frame(0x90, &[0, 1, 1, 3]), frame(0x90, &[0, 1, 1, 2])),
        row("MQTT-3.9.3-2", Server, frame(0x90, &[0, 1, 0x81]), frame(0x90, &[0, 1, 0x80])),
    ]
}

#[test]
fn each_rule_refuses_what_breaks_it_and_takes_its_neighbour() {
    for Row { rule, sender, broken, legal } in
        [header_rules(), connect_rules(), message_rules()].into_iter().flatten()
    {
        match decoded(&broken, sender) {
            Err(ProtocolError::Malformed { rule: named, .. }) if named.contains(rule) => {}
            other => panic!("{rule}: {broken:02X?} gave {other:?}"),
        }
        let mut input = BytesMut::from(&legal[..]);
        let taken = codec::decode(&mut input, sender, Version::Mqtt311, MAX_PACKET_SIZE);
        assert!(matches!(taken, Ok(Some(_))), "{rule}: {legal:02X?} gave {taken:?}");
        assert!(input.is_empty(), "{rule}: {legal:02X?} left {input:?}");
    }
}

/// Which packets which side may send (§2.2.1, table 2.1).
#[test]
fn direction() {
    let from_client_only = [connect(0, &[]), subscribe(b"a", 0), frame(0xA2, &[0, 1, 0, 1, b'a'])];
    let from_client_only = from_client_only.into_iter().chain([frame(0xC0, &[]), frame(0xE0, &[])]);
    let from_server_only =
        [frame(0x20, &[0, 0]), frame(0x90, &[0, 1, 0]), frame(0xB0, &[0, 1]), frame(0xD0, &[])];
    for (bytes, right, wrong) in from_client_only
        .map(|bytes| (bytes, Client, Server))
        .chain(from_server_only.map(|bytes| (bytes, Server, Client)))
    {
        assert!(matches!(decoded(&bytes, right), Ok(Some(_))), "{bytes:02X?}");
        let refused = decoded(&bytes, wrong);
        assert!(matches!(refused, Err(ProtocolError::Unexpected { .. })), "{bytes:02X?}: {refused:?}");
        // The first two bytes of the header are enough.
        assert_eq!(decoded(&bytes[..2], wrong), refused);
    }
    for bytes in [publish(b"a"), frame(0x40, &[0, 1]), frame(0x50, &[0, 1]), frame(0x70, &[0, 1])] {
        assert!(matches!(decoded(&bytes, Client), Ok(Some(_))), "{bytes:02X?}");
        assert!(matches!(decoded(&bytes, Server), Ok(Some(_))), "{bytes:02X?}");
    }
}

#[test]
fn other_protocol_levels_are_told_apart() {
    for level in [3, 5] {
        let mut bytes = connect(0x02, &[0]);
        bytes[8] = level; // whatever follows is that level's business
        assert_eq!(decoded(&bytes, Client), Err(ProtocolError::UnsupportedLevel(level)));
    }
    let bytes = frame(0x10, b"\0\x06MQIsdp\x03\x02\0\x3C\0\x01d");
    assert_eq!(decoded(&bytes, Client), Err(ProtocolError::UnsupportedLevel(3)));
}

#[test]
fn other_protocols_are_told_apart_by_their_first_bytes() {
    for greeting in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01\x02\0\x01", b"SSH-2.0-x", b"AMQP\0\x01\0\0"] {
        assert!(decoded(greeting, Client).is_err(), "{greeting:?}");
    }
}

#[test]
fn an_oversize_announcement_fails_before_its_body_comes() {
    let announce = |size: usize| {
        let rest = size - 4; // the fixed header takes four bytes
        vec![0x30, (rest % 128) as u8 | 0x80, (rest / 128 % 128) as u8 | 0x80, (rest / 16_384) as u8]
    };
    assert_eq!(decoded(&announce(MAX_PACKET_SIZE), Client), Ok(None));
    let size = MAX_PACKET_SIZE + 1;
    assert_eq!(
        decoded(&announce(size), Client),
        Err(ProtocolError::TooLarge { size, limit: MAX_PACKET_SIZE })
    );
}

/// A packet that comes in byte by byte is neither parsed nor reserved for until it is whole. Parsing it at
/// each byte would take hours here.
#[test]
fn an_incomplete_packet_costs_nothing() {
    let bytes =
        encoded(&Packet::Publish(Publish::new("t".repeat(60_000), QoS::AtMostOnce, vec![1; 250_000])));
    let mut input = BytesMut::with_capacity(bytes.len());
    let (last, head) = bytes.split_last().unwrap();
    for &byte in head {
        input.extend_from_slice(&[byte]);
        assert_eq!(codec::decode(&mut input, Client, Version::Mqtt311, MAX_PACKET_SIZE), Ok(None));
    }
    assert_eq!(input.capacity(), bytes.len(), "memory was reserved on the peer's word");
    input.extend_from_slice(&[*last]);
    assert!(matches!(
        codec::decode(&mut input, Client, Version::Mqtt311, MAX_PACKET_SIZE),
        Ok(Some(Packet::Publish(_)))
    ));
}
