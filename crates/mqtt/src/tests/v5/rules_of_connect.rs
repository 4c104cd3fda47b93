//! The numbered rules of data types, headers, CONNECT and CONNACK.

use super::*;
use Sender::{Client, Server};

/// A CONNECT with these flags and properties, then client identifier "d" and `payload`.
fn connect(flags: u8, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let head = [b"\0\x04MQTT\x05", &[flags, 0, 60][..]].concat();
    frame(0x10, &joined(&[&head, &block(properties), b"\0\x01d", payload]))
}

/// A CONNACK with this reason code and these properties.
fn connack(flags: u8, reason: u8, properties: &[u8]) -> Vec<u8> {
    frame(0x20, &joined(&[&[flags, reason], &block(properties)]))
}

#[test]
fn headers() {
    let puback = || frame(0x40, &[0, 1]);
    let filter = || frame(0x82, &[0, 1, 0, 0, 1, b'a', 0]);
    check(vec![
        malformed("§2.2.1", Client, frame(0x00, &[]), frame(0xC0, &[])),
        malformed("MQTT-1.5.5-1", Client, vec![0xC0, 0x80, 0], frame(0xC0, &[])),
        malformed("MQTT-1.5.5-1", Client, vec![0x40, 0x82, 0x80, 0, 0, 1], puback()),
        malformed("§2.2.3", Client, vec![0x40, 0x82, 0x80, 0x80, 0x80], puback()),
        malformed("MQTT-2.1.3-1", Client, frame(0x41, &[0, 1]), puback()),
        malformed("MQTT-2.1.3-1", Client, frame(0x60, &[0, 1]), frame(0x62, &[0, 1])),
        malformed("MQTT-2.1.3-1", Client, frame(0x80, &[0, 1, 0, 0, 1, b'a', 0]), filter()),
        malformed(
            "MQTT-2.1.3-1",
            Client,
            frame(0xA0, &[0, 1, 0, 0, 1, b'a']),
            frame(0xA2, &[0, 1, 0, 0, 1, b'a']),
        ),
        malformed("MQTT-2.1.3-1", Client, frame(0xE2, &[]), frame(0xE0, &[])),
        malformed("MQTT-2.1.3-1", Server, frame(0xF1, &[]), frame(0xF0, &[])),
        malformed("MQTT-2.1.3-1", Client, frame(0xC8, &[]), frame(0xC0, &[])),
        malformed("MQTT-2.2.1-3", Client, frame(0x82, &[0, 0, 0, 0, 1, b'a', 0]), filter()),
        malformed(
            "MQTT-2.2.1-3",
            Client,
            frame(0xA2, &[0, 0, 0, 0, 1, b'a']),
            frame(0xA2, &[0, 1, 0, 0, 1, b'a']),
        ),
        malformed("MQTT-2.2.1-3", Client, frame(0x32, b"\0\x01a\0\0\0"), frame(0x32, b"\0\x01a\0\x01\0")),
        malformed("MQTT-2.2.1-3", Client, frame(0x40, &[0, 0]), puback()),
        malformed("trailing bytes", Client, frame(0xC0, &[0]), frame(0xC0, &[])),
        malformed("trailing bytes", Server, frame(0xD0, &[0]), frame(0xD0, &[])),
        malformed("trailing bytes", Client, frame(0x40, &[0, 1, 0, 0, 0]), frame(0x40, &[0, 1, 0, 0])),
        malformed("trailing bytes", Client, frame(0xE0, &[0, 0, 0]), frame(0xE0, &[0, 0])),
        malformed("crosses the end", Client, frame(0x40, &[1]), puback()),
    ]);
}

/// Which packets which side may send (§2.1.2, table 2-1).
#[test]
fn directions() {
    let from_client = [
        connect(2, &[], &[]),
        frame(0x82, &[0, 1, 0, 0, 1, b'a', 0]),
        frame(0xA2, &[0, 1, 0, 0, 1, b'a']),
        frame(0xC0, &[]),
    ];
    let from_server =
        [connack(0, 0, &[]), frame(0x90, &[0, 1, 0, 0]), frame(0xB0, &[0, 1, 0, 0]), frame(0xD0, &[])];
    let from_either = [
        frame(0x30, b"\0\x01a\0"),
        frame(0x40, &[0, 1]),
        frame(0x50, &[0, 1]),
        frame(0x62, &[0, 1]),
        frame(0x70, &[0, 1]),
        frame(0xE0, &[]),
        frame(0xF0, b"\x18\x04\x15\0\x01m"),
    ];
    for (bytes, may_client, may_server) in from_client
        .into_iter()
        .map(|bytes| (bytes, true, false))
        .chain(from_server.into_iter().map(|bytes| (bytes, false, true)))
        .chain(from_either.into_iter().map(|bytes| (bytes, true, true)))
    {
        for (sender, may) in [(Client, may_client), (Server, may_server)] {
            match decoded(&bytes, sender) {
                Ok(Some(_)) => assert!(may, "{bytes:02X?}"),
                Err(error @ ProtocolError::Unexpected { .. }) => {
                    assert!(!may, "{bytes:02X?}");
                    assert_eq!(error.reason(), ReasonCode::ProtocolError);
                }
                other => panic!("{bytes:02X?} gave {other:?}"),
            }
        }
    }
}

#[test]
fn connects() {
    let plain = || connect(0x02, &[], &[]);
    let will = b"\0\0\x01t\0\0";
    check(vec![
        malformed("MQTT-3.1.2-1", Client, frame(0x10, b"\0\x06MQIsdp\x05\x02\0\x3C\0\0\x01d"), plain()),
        malformed("MQTT-3.1.2-3", Client, connect(0x03, &[], &[]), plain()),
        malformed("MQTT-3.1.2-11", Client, connect(0x08, &[], &[]), connect(0x0C, &[], will)),
        malformed("MQTT-3.1.2-11", Client, connect(0x10, &[], &[]), connect(0x14, &[], will)),
        malformed("MQTT-3.1.2-12", Client, connect(0x1C, &[], will), connect(0x14, &[], will)),
        malformed("MQTT-3.1.2-13", Client, connect(0x20, &[], &[]), connect(0x24, &[], will)),
        // A user name and a password are there as their flags say [MQTT-3.1.2-16 to 19]; a password may be alone.
        malformed("crosses the end", Client, connect(0x80, &[], &[]), connect(0x80, &[], b"\0\0")),
        malformed("crosses the end", Client, connect(0x40, &[], &[]), connect(0x40, &[], b"\0\x02\xFF\0")),
        malformed(
            "crosses the end",
            Client,
            connect(0xC0, &[], b"\0\x01u"),
            connect(0xC0, &[], b"\0\x01u\0\0"),
        ),
        malformed("trailing bytes", Client, connect(0x02, &[], b"\0\x01u"), connect(0x82, &[], b"\0\x01u")),
        malformed("crosses the end", Client, connect(0x04, &[], b"\0\0\x01t"), connect(0x04, &[], will)),
        malformed("MQTT-1.5.5-1", Client, connect(0x04, &[], &[]), connect(0x02, &[], &[])),
        malformed("MQTT-1.5.4-1", Client, connect(0x80, &[], b"\0\x01\xFF"), connect(0x80, &[], b"\0\x01u")),
        malformed(
            "MQTT-1.5.4-1",
            Client,
            connect(0x80, &[], b"\0\x03\xED\xA0\x80"),
            connect(0x80, &[], b"\0\x03\xEF\xBB\xBF"),
        ),
        malformed("MQTT-1.5.4-2", Client, connect(0x80, &[], b"\0\x01\0"), connect(0x80, &[], b"\0\x01\x01")),
        malformed("MQTT-4.7.3-1", Client, connect(0x04, &[], b"\0\0\0\0\0"), connect(0x04, &[], will)),
        malformed("MQTT-3.3.2-2", Client, connect(0x04, &[], b"\0\0\x01#\0\0"), connect(0x04, &[], will)),
        malformed("MQTT-1.5.5-1", Client, frame(0x10, b"\0\x04MQTT\x05\x02\0\x3C\x80\0\0\x01d"), plain()),
        malformed("crosses the end", Client, frame(0x10, b"\0\x04MQTT\x05\x02\0\x3C\x04\0\x01d"), plain()),
        forbidden(
            "§3.1.2.11.10",
            Client,
            connect(2, b"\x16\0\x01x", &[]),
            connect(2, b"\x16\0\x01x\x15\0\x01m", &[]),
        ),
    ]);
}

#[test]
fn connacks() {
    check(vec![
        malformed("MQTT-3.2.2-1", Server, connack(2, 0, &[]), connack(1, 0, &[])),
        malformed("MQTT-3.2.2-1", Server, connack(0x80, 0, &[]), connack(0, 0, &[])),
        forbidden("MQTT-3.2.2-6", Server, connack(1, 0x87, &[]), connack(0, 0x87, &[])),
        malformed("MQTT-1.5.5-1", Server, frame(0x20, &[0, 0]), connack(0, 0, &[])),
        malformed("MQTT-1.5.5-1", Server, frame(0x20, &[0, 0, 0x80, 0]), connack(0, 0, &[])),
        malformed(
            "MQTT-1.5.5-1",
            Server,
            frame(0x20, &[0, 0, 0x80, 0x80, 0x80, 0x80, 0]),
            connack(0, 0, &[]),
        ),
        forbidden("MQTT-3.2.2-8", Server, connack(0, 5, &[]), connack(0, 0x87, &[])),
        forbidden("MQTT-3.2.2-8", Server, connack(0, 0x8E, &[]), connack(0, 0x9F, &[])),
        forbidden("MQTT-3.2.2-8", Server, connack(0, 1, &[]), connack(0, 0x80, &[])),
    ]);
}
