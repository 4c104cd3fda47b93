//! The numbered rules of PUBLISH, SUBSCRIBE and UNSUBSCRIBE.

use super::*;
use Sender::{Client, Server};

/// A PUBLISH at QoS 0 with this topic and these properties.
fn publish(topic: &[u8], properties: &[u8]) -> Vec<u8> {
    frame(0x30, &joined(&[&[0, topic.len() as u8], topic, &block(properties), b"x"]))
}

/// A SUBSCRIBE of this filter with these options.
fn subscribe(filter: &[u8], options: u8) -> Vec<u8> {
    frame(0x82, &joined(&[&[0, 1, 0, 0, filter.len() as u8], filter, &[options]]))
}

/// An UNSUBSCRIBE of this filter.
fn unsubscribe(filter: &[u8]) -> Vec<u8> {
    frame(0xA2, &joined(&[&[0, 1, 0, 0, filter.len() as u8], filter]))
}

#[test]
fn publishes() {
    let plain = || publish(b"a", &[]);
    check(vec![
        malformed("MQTT-3.3.1-2", Client, frame(0x38, b"\0\x01a\0"), frame(0x3A, b"\0\x01a\0\x01\0")),
        malformed("MQTT-3.3.1-4", Client, frame(0x36, b"\0\x01a\0\x01\0"), frame(0x34, b"\0\x01a\0\x01\0")),
        malformed("MQTT-1.5.4-1", Server, publish(b"\xC0\x80", &[]), publish("\u{10FFFF}".as_bytes(), &[])),
        malformed("MQTT-1.5.4-2", Client, publish(b"a\0", &[]), publish(b"a\x01", &[])),
        malformed("MQTT-3.3.2-2", Client, publish(b"a/+", &[]), plain()),
        malformed("MQTT-3.3.2-2", Server, publish(b"#", &[]), plain()),
        forbidden("§3.3.2.1", Client, publish(b"", &[]), publish(b"", b"\x23\0\x01")),
        forbidden("§3.3.2.1", Server, publish(b"", b"\x03\0\0"), publish(b"", b"\x03\0\0\x23\0\x01")),
        Row {
            rule: "MQTT-3.3.2-8",
            reason: ReasonCode::TopicAliasInvalid,
            sender: Client,
            broken: publish(b"a", b"\x23\0\0"),
            legal: publish(b"a", b"\x23\xFF\xFF"),
        },
        forbidden("MQTT-3.3.2-14", Client, publish(b"a", b"\x08\0\x01+"), publish(b"a", b"\x08\0\x01a")),
        forbidden("MQTT-3.3.2-14", Server, publish(b"a", b"\x08\0\x02a#"), publish(b"a", b"\x08\0\x02a/")),
        malformed("not in this packet", Client, publish(b"a", b"\x0B\x01"), plain()), // [MQTT-3.3.4-6]
        malformed("crosses the end", Client, frame(0x30, b"\0\x03a\0"), plain()),
        malformed("crosses the end", Client, frame(0x32, b"\0\x01a\0"), frame(0x32, b"\0\x01a\0\x01\0")),
        malformed("MQTT-1.5.5-1", Client, frame(0x30, b"\0\x01a"), plain()),
        malformed("MQTT-1.5.5-1", Client, frame(0x30, b"\0\x01a\x80\0"), plain()),
        malformed("crosses the end", Client, frame(0x30, b"\0\x01a\x01"), plain()),
    ]);
}

#[test]
fn the_identifiers_of_several_subscriptions() {
    let bytes = publish(b"a", b"\x0B\x01\x0B\xFF\xFF\xFF\x7F\x0B\x01");
    let Ok(Some(Packet::Publish(publish))) = decoded(&bytes, Server) else { panic!("{bytes:02X?}") };
    let identifiers: Vec<_> = publish.properties.subscription_identifiers().collect();
    assert_eq!(identifiers, [1, 268_435_455, 1]);
}

#[test]
fn subscribes() {
    check(vec![
        forbidden("MQTT-3.8.3-2", Client, frame(0x82, &[0, 1, 0]), subscribe(b"a", 0)),
        malformed("MQTT-3.8.3-5", Client, subscribe(b"a", 0x40), subscribe(b"a", 0x2E)),
        malformed("MQTT-3.8.3-5", Client, subscribe(b"a", 0x80), subscribe(b"a", 0x00)),
        forbidden("§3.8.3.1", Client, subscribe(b"a", 0x03), subscribe(b"a", 0x02)),
        forbidden("§3.8.3.1", Client, subscribe(b"a", 0x30), subscribe(b"a", 0x20)),
        forbidden("MQTT-3.8.3-4", Client, subscribe(b"$share/g/a", 4), subscribe(b"$share/g/a", 8)),
        malformed("MQTT-4.8.2-1", Client, subscribe(b"$share//a", 0), subscribe(b"$share/g//", 0)),
        malformed("MQTT-4.8.2-2", Client, subscribe(b"$share/g", 0), subscribe(b"$share/g/#", 0)),
        malformed("MQTT-4.8.2-2", Client, subscribe(b"$share/g/", 0), subscribe(b"$share/g/a", 0)),
        malformed("MQTT-4.8.2-2", Client, subscribe(b"$share/+/a", 0), subscribe(b"$share/g/+", 0)),
        malformed("§4.7", Client, subscribe(b"", 0), subscribe(b"/", 0)),
        malformed("§4.7", Client, subscribe(b"a/#/b", 0), subscribe(b"a/#", 0)),
        malformed("§4.7", Client, subscribe(b"a+", 0), subscribe(b"+", 0)),
        malformed("MQTT-1.5.4-1", Client, subscribe(b"\xFF", 0), subscribe(b"a", 0)),
        malformed("crosses the end", Client, frame(0x82, &[0, 1, 0, 0, 1, b'a']), subscribe(b"a", 0)),
    ]);
}

#[test]
fn unsubscribes() {
    check(vec![
        forbidden("MQTT-3.10.3-2", Client, frame(0xA2, &[0, 1, 0]), unsubscribe(b"a")),
        malformed("§4.7", Client, unsubscribe(b"a#"), unsubscribe(b"a/#")),
        malformed("MQTT-4.8.2-1", Client, unsubscribe(b"$share//a"), unsubscribe(b"$share/g/a")),
        malformed("MQTT-1.5.4-2", Client, unsubscribe(b"\0"), unsubscribe(b"a")),
        malformed("crosses the end", Client, frame(0xA2, &[0, 1, 0, 0, 2, b'a']), unsubscribe(b"a")),
    ]);
}
