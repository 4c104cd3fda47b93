//! What holds for all bytes.

use crate::tests::*;

/// The bytes of the frame with a remaining length in the fewest bytes, as the codec writes it.
fn normal_form(bytes: &[u8]) -> Vec<u8> {
    let header_len = 2 + bytes[1..].iter().take_while(|&&byte| byte & 0x80 != 0).count();
    frame(bytes[0], &bytes[header_len..])
}

fn check_accepted(bytes: &[u8], sender: Sender) -> Result<(), TestCaseError> {
    let mut input = BytesMut::from(bytes);
    while let before = input.clone()
        && let Ok(Some(packet)) = codec::decode(&mut input, sender, Version::Mqtt311, MAX_PACKET_SIZE)
    {
        let taken = &before[..before.len() - input.len()];
        prop_assert!(taken.len() <= MAX_PACKET_SIZE);
        prop_assert_eq!(encoded(&packet), normal_form(taken));
    }
    Ok(())
}

/// Decodes `stream` as it comes in, cut at `cuts`.
fn decode_in_pieces(stream: &[u8], cuts: &[prop::sample::Index], sender: Sender) -> Vec<Packet> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    cuts.push(stream.len());
    cuts.sort_unstable();
    let (mut input, mut start, mut packets) = (BytesMut::new(), 0, Vec::new());
    for end in cuts {
        input.extend_from_slice(&stream[start..end]);
        start = end;
        while let Some(packet) = codec::decode(&mut input, sender, Version::Mqtt311, MAX_PACKET_SIZE).unwrap()
        {
            packets.push(packet);
        }
    }
    assert!(input.is_empty());
    packets
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
            prop_assert_eq!(decode_in_pieces(&stream, &cuts, sender), packets);
        }
    }

    #[test]
    fn a_part_of_a_packet_is_not_an_error((packet, sender) in any_packet(), cut: prop::sample::Index) {
        let bytes = encoded(&packet);
        let mut input = BytesMut::from(&bytes[..cut.index(bytes.len())]);
        let before = input.clone();
        prop_assert_eq!(codec::decode(&mut input, sender, Version::Mqtt311, MAX_PACKET_SIZE), Ok(None));
        prop_assert_eq!(input, before);
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), sender in any_sender()) {
        check_accepted(&bytes, sender)?;
    }

    /// A header that is likely right over a body that is likely wrong.
    #[test]
    fn arbitrary_bodies(
        kind in 1u8..15,
        flags in prop_oneof![Just(0u8), Just(2), 0u8..16],
        body in prop::collection::vec(prop_oneof![Just(0u8), 0u8..8, any::<u8>()], 0..24),
        sender in any_sender(),
    ) {
        check_accepted(&frame(kind << 4 | flags, &body), sender)?;
    }

    #[test]
    fn mutated_packets(
        (packet, sender) in any_packet(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..5),
        from in any_sender(),
    ) {
        let mut bytes = encoded(&packet);
        for (place, byte, action) in mutations {
            let at = place.index(bytes.len());
            match action {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        check_accepted(&bytes, sender)?;
        check_accepted(&bytes, from)?;
    }

    /// A remaining length in more bytes than it needs is legal (§2.2.3 does not forbid it).
    #[test]
    fn padded_remaining_length((packet, sender) in any_packet(), padding in 1usize..4) {
        let bytes = encoded(&packet);
        let last = 1 + bytes[1..].iter().take_while(|&&byte| byte & 0x80 != 0).count();
        prop_assume!(last + padding <= 4);
        let mut padded = bytes[..last].to_vec();
        padded.push(bytes[last] | 0x80);
        padded.extend(std::iter::repeat_n(0x80, padding - 1));
        padded.push(0);
        padded.extend_from_slice(&bytes[last + 1..]);
        prop_assert_eq!(decoded(&padded, sender), Ok(Some(packet)));
    }

    /// What [`Publish::fits`] lets through, the peer's codec takes; at either QoS.
    #[test]
    fn a_message_that_fits_is_taken(
        topic in prop_oneof![any_topic(), ".{0,12}", (65_530usize..65_540).prop_map(|len| "t".repeat(len))],
        len in prop_oneof![0usize..9, 262_110usize..262_160, 327_600usize..327_700],
        qos1: bool,
    ) {
        let payload = vec![0; len];
        let mut publish = Publish::new(topic, if qos1 { QoS::AtLeastOnce } else { QoS::AtMostOnce }, payload);
        let fits = publish.fits(MAX_PACKET_SIZE);
        publish.packet_id = u16::from(qos1);
        if fits {
            let bytes = encoded(&Packet::Publish(publish.clone()));
            prop_assert_eq!(decoded(&bytes, Sender::Client), Ok(Some(Packet::Publish(publish))));
        } else {
            let legal = u16::try_from(publish.topic.len()).is_ok()
                && matches!(decoded(&encoded(&Packet::Publish(publish.clone())), Sender::Client), Ok(Some(_)));
            // The bound allows for the longest header, so a few bytes may be left unused.
            prop_assert!(!legal || encoded(&Packet::Publish(publish.clone())).len() + 4 > MAX_PACKET_SIZE, "{publish:?} was refused");
        }
    }
}

/// At the very edge, with either a long topic or a long payload.
#[test]
fn the_largest_message_that_fits_is_taken() {
    for topic_len in [1, 65_535] {
        let room = MAX_PACKET_SIZE - topic_len;
        let mut largest = 0;
        for len in room - 16..=room {
            let mut publish = Publish::new("t".repeat(topic_len), QoS::AtLeastOnce, vec![0; len]);
            let fits = publish.fits(MAX_PACKET_SIZE);
            publish.packet_id = 1;
            if fits {
                largest = len;
                let taken = decoded(&encoded(&Packet::Publish(publish.clone())), Sender::Client);
                assert_eq!(taken, Ok(Some(Packet::Publish(publish))), "{topic_len} + {len}");
            }
        }
        assert!(largest >= room - 9, "the largest payload is {largest} of {room}");
    }
}
