//! What holds for all bytes.

use bytes::BytesMut;
use proptest::prelude::*;

use super::any_packet::any_packet;
use super::*;
use crate::tests::any_sender;

/// What is taken is the same when it is written and read again.
fn check_accepted(bytes: &[u8], sender: Sender) -> Result<(), TestCaseError> {
    let mut input = BytesMut::from(bytes);
    while let Ok(Some(packet)) = codec::decode(&mut input, sender, Version::Mqtt5, MAX_PACKET_SIZE) {
        let written = match &packet {
            // An older client's.
            Packet::Connect(connect) if connect.level != Level::Mqtt5 => continue,
            packet => encoded(packet),
        };
        prop_assert_eq!(decoded(&written, sender), Ok(Some(packet)));
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_the_codec_writes_is_read_back_however_it_is_cut(
        packets in prop::collection::vec(any_packet(), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        for sender in [Sender::Client, Sender::Server] {
            let packets: Vec<_> =
                packets.iter().filter(|(_, from)| *from == sender).map(|(packet, _)| packet.clone()).collect();
            let stream: Vec<u8> = packets.iter().flat_map(encoded).collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.push(stream.len());
            cuts.sort_unstable();
            let (mut input, mut start, mut read) = (BytesMut::new(), 0, Vec::new());
            for end in cuts {
                input.extend_from_slice(&stream[start..end]);
                start = end;
                while let Some(packet) = codec::decode(&mut input, sender, Version::Mqtt5, MAX_PACKET_SIZE).unwrap() {
                    read.push(packet);
                }
            }
            prop_assert!(input.is_empty());
            prop_assert_eq!(read, packets);
        }
    }

    #[test]
    fn a_part_of_a_packet_is_not_an_error((packet, sender) in any_packet()) {
        let bytes = encoded(&packet);
        for cut in 0..bytes.len() {
            let mut input = BytesMut::from(&bytes[..cut]);
            let read = codec::decode(&mut input, sender, Version::Mqtt5, MAX_PACKET_SIZE);
            prop_assert_eq!(read, Ok(None));
            prop_assert_eq!(&input, &bytes[..cut]);
        }
    }

    /// A body that ends early, in a packet that says so: another packet, or none, and never a wait for more.
    #[test]
    fn a_packet_that_is_too_short((packet, sender) in any_packet()) {
        let bytes = encoded(&packet);
        let header_len = 2 + bytes[1..].iter().take_while(|&&byte| byte & 0x80 != 0).count();
        for cut in header_len..bytes.len() {
            let short = frame(bytes[0], &bytes[header_len..cut]);
            prop_assert_ne!(decoded(&short, sender), Ok(None));
            check_accepted(&short, sender)?;
        }
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), sender in any_sender()) {
        check_accepted(&bytes, sender)?;
    }

    /// A header that is likely right over a body that is likely wrong.
    #[test]
    fn arbitrary_bodies(
        kind in 1u8..16,
        flags in prop_oneof![Just(0u8), Just(2), 0u8..16],
        body in prop::collection::vec(prop_oneof![Just(0u8), 0u8..0x2B, any::<u8>()], 0..24),
        sender in any_sender(),
    ) {
        check_accepted(&frame(kind << 4 | flags, &body), sender)?;
    }

    #[test]
    fn mutated_packets(
        (packet, sender) in any_packet(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..5),
    ) {
        let mut bytes = encoded(&packet);
        for (index, byte, how) in mutations {
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        check_accepted(&bytes, sender)?;
    }
}

#[test]
fn a_message_with_its_alias_and_the_rest_of_its_time() {
    let properties = PropertiesBuilder::new().content_type("a").message_expiry(600).user_property("b", "c");
    let mut publish = Publish::new("topic", QoS::AtLeastOnce, "payload");
    publish.packet_id = 7;
    publish.properties = properties.build().unwrap();
    for (alias, topic, number) in [
        (TopicAlias::None, "topic", None),
        (TopicAlias::New(9), "topic", Some(9)),
        (TopicAlias::Known(9), "", Some(9)),
    ] {
        let mut output = BytesMut::new();
        codec::encode_publish_with(&publish, alias, Some(599), &mut output, 100).unwrap();
        let Ok(Some(Packet::Publish(read))) = decoded(&output, Sender::Client) else { panic!("{output:?}") };
        assert_eq!((read.topic.as_str(), read.properties.topic_alias()), (topic, number));
        assert_eq!(read.properties.message_expiry(), Some(599));
        assert_eq!(read.properties.user_properties().collect::<Vec<_>>(), [("b", "c")]);
        assert_eq!(read.payload, "payload");
    }
}

/// A server that speaks both versions takes either CONNECT; the version of the others is settled.
#[test]
fn connect_says_its_version() {
    for level in [Level::Mqtt311, Level::Mqtt5] {
        let connect = Packet::Connect(Box::new(Connect { level, ..Connect::new("c") }));
        assert_eq!(decoded(&encoded(&connect), Sender::Client), Ok(Some(connect)));
    }
    let connect = encoded(&Packet::Connect(Box::new(Connect { level: Level::Mqtt5, ..Connect::new("c") })));
    let mut input = BytesMut::from(&connect[..]);
    let refused = codec::decode(&mut input, Sender::Client, Version::Mqtt311, MAX_PACKET_SIZE);
    assert_eq!(refused, Err(ProtocolError::UnsupportedLevel(5)));
    let mut other = connect.clone();
    other[8] = 6;
    assert_eq!(decoded(&other, Sender::Client), Err(ProtocolError::UnsupportedLevel(6)));
    other[8] = 3;
    assert_eq!(decoded(&other, Sender::Client), Err(ProtocolError::UnsupportedLevel(3)));
}

/// Properties and reason codes that its kind of packet never has are not written.
#[test]
fn what_may_not_be_said_is_not_written() {
    let properties = PropertiesBuilder::new().topic_alias(1).build().unwrap();
    let packets = [
        Packet::ConnAck(ConnAck {
            properties: properties.clone(),
            ..ConnAck::new(ReasonCode::Success, false)
        }),
        Packet::PubAck(PubAck { properties: properties.clone(), ..PubAck::new(1) }),
        Packet::Disconnect(Disconnect { properties, ..Disconnect::normal() }),
        Packet::ConnAck(ConnAck::new(ReasonCode::SessionTakenOver, false)),
        Packet::PubRel(PubRel::with_reason(1, ReasonCode::NotAuthorized)),
        Packet::SubAck(SubAck::new(1, vec![ReasonCode::NoMatchingSubscribers])),
        Packet::Auth(Auth { reason: ReasonCode::ContinueAuthentication, properties: Properties::default() }),
    ];
    for packet in packets {
        let mut output = BytesMut::new();
        let written = codec::encode(&packet, Version::Mqtt5, &mut output, usize::MAX);
        assert!(written.is_err(), "{packet:?}");
        assert!(output.is_empty());
    }
}
