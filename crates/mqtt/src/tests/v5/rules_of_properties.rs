//! The rules of each property: where it may stand, how often, and which values it has.

use super::*;
use Sender::{Client, Server};

/// A packet with a property block: who sends it, and the bytes around the block.
struct Holder {
    name: char,
    sender: Sender,
    first: u8,
    before: &'static [u8],
    after: &'static [u8],
}

fn holder(name: char, sender: Sender, first: u8, before: &'static [u8], after: &'static [u8]) -> Holder {
    Holder { name, sender, first, before, after }
}

impl Holder {
    fn bytes(&self, properties: &[u8]) -> Vec<u8> {
        frame(self.first, &joined(&[self.before, &block(properties), self.after]))
    }
}

/// All of them. A letter stands for each: upper case from a client, lower case from a server.
fn holders() -> Vec<Holder> {
    let mut holders = vec![
        holder('C', Client, 0x10, b"\0\x04MQTT\x05\x02\0\x3C", b"\0\x01d"),
        holder('W', Client, 0x10, b"\0\x04MQTT\x05\x06\0\x3C\0\0\x01d", b"\0\x01t\0\0"),
        holder('c', Server, 0x20, &[0, 0], b""),
        holder('S', Client, 0x82, &[0, 1], b"\0\x01a\0"),
        holder('U', Client, 0xA2, &[0, 1], b"\0\x01a"),
        holder('s', Server, 0x90, &[0, 1], b"\0"),
        holder('u', Server, 0xB0, &[0, 1], b"\0"),
    ];
    for (upper, lower, first, before, after) in [
        ('P', 'p', 0x30, &b"\0\x01t"[..], &b"x"[..]),
        ('A', 'a', 0x40, &[0, 1, 0], b""),
        ('R', 'r', 0x50, &[0, 1, 0], b""),
        ('L', 'l', 0x62, &[0, 1, 0], b""),
        ('M', 'm', 0x70, &[0, 1, 0], b""),
        ('D', 'd', 0xE0, &[0], b""),
        ('X', 'x', 0xF0, &[0x18], b""),
    ] {
        holders.push(holder(upper, Client, first, before, after));
        holders.push(holder(lower, Server, first, before, after));
    }
    holders
}

/// What a property is: its identifier, a legal value of it, and the packets that may hold it.
struct Kind {
    identifier: u8,
    value: &'static [u8],
    holders: &'static str,
}

fn kind(identifier: u8, value: &'static [u8], holders: &'static str) -> Kind {
    Kind { identifier, value, holders }
}

/// Table 2-4 of the standard, and what the sections say of the sender.
fn kinds() -> Vec<Kind> {
    vec![
        kind(0x01, &[1], "PpW"),
        kind(0x02, &[0, 0, 0, 0], "PpW"),
        kind(0x03, b"\0\x01t", "PpW"),
        kind(0x08, b"\0\x01t", "PpW"),
        kind(0x09, b"\0\x01\xFF", "PpW"),
        kind(0x0B, &[1], "pS"),
        kind(0x11, &[0xFF; 4], "CcD"),
        kind(0x12, b"\0\x01t", "c"),
        kind(0x13, &[0, 0], "c"),
        kind(0x15, b"\0\x01m", "CcXx"),
        kind(0x17, &[0], "C"),
        kind(0x18, &[0, 0, 0, 0], "W"),
        kind(0x19, &[1], "C"),
        kind(0x1A, b"\0\0", "c"),
        kind(0x1C, b"\0\0", "cd"),
        kind(0x1F, b"\0\x01r", "cAaRrLlMmsuDdXx"),
        kind(0x21, &[0, 1], "Cc"),
        kind(0x22, &[0, 0], "Cc"),
        kind(0x23, &[0, 1], "Pp"),
        kind(0x24, &[1], "c"),
        kind(0x25, &[0], "c"),
        kind(0x26, b"\0\x01n\0\0", "CcWPpAaRrLlMmSsUuDdXx"),
        kind(0x27, &[0, 0, 0, 1], "Cc"),
        kind(0x28, &[1], "c"),
        kind(0x29, &[1], "c"),
        kind(0x2A, &[1], "c"),
    ]
}

/// AUTH has a method in any case.
fn in_holder(holder: &Holder, property: &[u8], identifier: u8) -> Vec<u8> {
    let method: &[u8] =
        if holder.name.eq_ignore_ascii_case(&'X') && identifier != 0x15 { b"\x15\0\x01m" } else { b"" };
    holder.bytes(&joined(&[method, property]))
}

#[track_caller]
fn refused(bytes: &[u8], sender: Sender, rule: &str, reason: ReasonCode) {
    match decoded(bytes, sender) {
        Err(error) => {
            assert!(error.to_string().contains(rule), "{bytes:02X?} gave {error} instead of {rule}");
            assert_eq!(error.reason(), reason, "{bytes:02X?} gave {error}");
        }
        other => panic!("{rule}: {bytes:02X?} gave {other:?}"),
    }
}

#[test]
fn each_property_in_each_packet() {
    for Kind { identifier, value, holders: legal } in kinds() {
        let property = joined(&[&[identifier], value]);
        for holder in holders() {
            let bytes = in_holder(&holder, &property, identifier);
            if legal.contains(holder.name) {
                let read = decoded(&bytes, holder.sender);
                assert!(matches!(read, Ok(Some(_))), "{identifier:02X} in {}: {read:?}", holder.name);
            } else {
                refused(&bytes, holder.sender, "not in this packet", ReasonCode::MalformedPacket);
            }
        }
    }
}

#[test]
fn each_property_twice() {
    for Kind { identifier, value, holders: legal } in kinds() {
        let twice = joined(&[&[identifier], value, &[identifier], value]);
        for holder in holders().iter().filter(|holder| legal.contains(holder.name)) {
            let bytes = in_holder(holder, &twice, identifier);
            if identifier == 0x26 || (identifier == 0x0B && holder.name == 'p') {
                assert!(matches!(decoded(&bytes, holder.sender), Ok(Some(_))), "{bytes:02X?}");
            } else {
                refused(&bytes, holder.sender, "more than once", ReasonCode::ProtocolError);
            }
        }
    }
}

#[test]
fn each_property_cut_short() {
    for Kind { identifier, value, holders: legal } in kinds() {
        let property = joined(&[&[identifier], value]);
        for holder in holders().iter().filter(|holder| legal.contains(holder.name)) {
            for cut in 1..property.len() {
                let bytes = in_holder(holder, &property[..cut], identifier);
                refused(&bytes, holder.sender, "crosses the end", ReasonCode::MalformedPacket);
            }
        }
    }
}

#[test]
fn unknown_properties() {
    let known: Vec<_> = kinds().iter().map(|kind| kind.identifier).chain([0x16]).collect();
    for identifier in (0..=0xFF).filter(|identifier| !known.contains(identifier)) {
        for holder in holders() {
            let bytes = holder.bytes(&[identifier, 0, 0, 0, 0]);
            refused(&bytes, holder.sender, "unknown identifier", ReasonCode::MalformedPacket);
        }
    }
}

#[test]
fn values() {
    let all = kinds();
    for holder in holders() {
        let values = [
            // Booleans.
            (&[0x01, 2][..], "neither 0 nor 1", ReasonCode::ProtocolError),
            (&[0x17, 2], "neither 0 nor 1", ReasonCode::ProtocolError),
            (&[0x19, 0xFF], "neither 0 nor 1", ReasonCode::ProtocolError),
            (&[0x24, 2], "neither 0 nor 1", ReasonCode::ProtocolError),
            (&[0x25, 2], "neither 0 nor 1", ReasonCode::ProtocolError),
            (&[0x28, 2], "neither 0 nor 1", ReasonCode::ProtocolError),
            (&[0x29, 2], "neither 0 nor 1", ReasonCode::ProtocolError),
            (&[0x2A, 2], "neither 0 nor 1", ReasonCode::ProtocolError),
            // What is never 0.
            (&[0x0B, 0], ": 0", ReasonCode::ProtocolError),
            (&[0x21, 0, 0], ": 0", ReasonCode::ProtocolError),
            (&[0x27, 0, 0, 0, 0], ": 0", ReasonCode::ProtocolError),
            (&[0x23, 0, 0], "MQTT-3.3.2-8", ReasonCode::TopicAliasInvalid),
            // A variable byte integer in its shortest form, and no longer than four bytes.
            (&[0x0B, 0x81, 0], "crosses the end", ReasonCode::MalformedPacket),
            (&[0x0B, 0x80, 0x80, 0x80, 0x80, 1], "crosses the end", ReasonCode::MalformedPacket),
            // Texts.
            (b"\x03\0\x01\xFF", "MQTT-1.5.4-1", ReasonCode::MalformedPacket),
            (b"\x03\0\x03\xED\xA0\x80", "MQTT-1.5.4-1", ReasonCode::MalformedPacket),
            (b"\x08\0\x01\0", "MQTT-1.5.4-2", ReasonCode::MalformedPacket),
            (b"\x08\0\x01#", "MQTT-3.3.2-14", ReasonCode::ProtocolError),
            (b"\x12\0\x01\xFF", "MQTT-1.5.4-1", ReasonCode::MalformedPacket),
            (b"\x15\0\x01\0", "MQTT-1.5.4-2", ReasonCode::MalformedPacket),
            (b"\x1A\0\x01\xFF", "MQTT-1.5.4-1", ReasonCode::MalformedPacket),
            (b"\x1C\0\x01\xFF", "MQTT-1.5.4-1", ReasonCode::MalformedPacket),
            (b"\x1F\0\x01\0", "MQTT-1.5.4-2", ReasonCode::MalformedPacket),
            (b"\x26\0\x01\xFF\0\0", "MQTT-1.5.4-1", ReasonCode::MalformedPacket),
            (b"\x26\0\x01n\0\x01\xFF", "MQTT-1.5.4-1", ReasonCode::MalformedPacket),
            (b"\x26\0\0\0\x01\0", "MQTT-1.5.4-2", ReasonCode::MalformedPacket),
            (b"\x16\0\x01d", "without an authentication method", ReasonCode::ProtocolError),
        ];
        for (property, rule, reason) in values {
            let legal =
                all.iter().find(|kind| kind.identifier == property[0]).map_or("Cc", |kind| kind.holders);
            if legal.contains(holder.name) {
                refused(&in_holder(&holder, property, property[0]), holder.sender, rule, reason);
            }
        }
    }
}
