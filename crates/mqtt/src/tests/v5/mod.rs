//! The codec of MQTT 5.

mod any_packet;
mod properties;
mod round_trips;
mod rules_of_answers;
mod rules_of_connect;
mod rules_of_messages;
mod rules_of_properties;
mod vectors;

use bytes::BytesMut;

use crate::codec::{self, Sender};
use crate::tests::frame;
use crate::*;

/// `packet` as bytes.
fn encoded(packet: &Packet) -> Vec<u8> {
    let mut output = BytesMut::new();
    codec::encode(packet, Version::Mqtt5, &mut output, usize::MAX).unwrap();
    output.to_vec()
}

/// Decodes the first packet of `bytes`.
fn decoded(bytes: &[u8], sender: Sender) -> Result<Option<Packet>, ProtocolError> {
    codec::decode(&mut BytesMut::from(bytes), sender, Version::Mqtt5, MAX_PACKET_SIZE)
}

/// `parts` in one.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A block of properties with its length, of less than 128 bytes.
fn block(properties: &[u8]) -> Vec<u8> {
    assert!(properties.len() < 0x80);
    joined(&[&[properties.len() as u8], properties])
}

/// Refused with `rule` and told as `reason` when `sender` sends `broken`, and `legal` is taken.
struct Row {
    rule: &'static str,
    reason: ReasonCode,
    sender: Sender,
    broken: Vec<u8>,
    legal: Vec<u8>,
}

/// A row of a malformed packet.
fn malformed(rule: &'static str, sender: Sender, broken: Vec<u8>, legal: Vec<u8>) -> Row {
    Row { rule, reason: ReasonCode::MalformedPacket, sender, broken, legal }
}

/// A row of a packet that is well formed and forbidden.
fn forbidden(rule: &'static str, sender: Sender, broken: Vec<u8>, legal: Vec<u8>) -> Row {
    Row { rule, reason: ReasonCode::ProtocolError, sender, broken, legal }
}

fn check(rows: Vec<Row>) {
    for Row { rule, reason, sender, broken, legal } in rows {
        match decoded(&broken, sender) {
            Err(error) => {
                assert!(error.to_string().contains(rule), "{rule}: {broken:02X?} gave {error}");
                assert_eq!(error.reason(), reason, "{rule}: {broken:02X?}");
            }
            other => panic!("{rule}: {broken:02X?} gave {other:?}"),
        }
        let mut input = BytesMut::from(&legal[..]);
        let taken = codec::decode(&mut input, sender, Version::Mqtt5, MAX_PACKET_SIZE);
        assert!(matches!(taken, Ok(Some(_))), "{rule}: {legal:02X?} gave {taken:?}");
        assert!(input.is_empty(), "{rule}: {legal:02X?} left {input:?}");
    }
}
