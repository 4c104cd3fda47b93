//! Packets byte by byte, as the standard's sections describe them; those marked "figure" are its own examples.

use bytes::Bytes;

use crate::tests::*;
use Sender::{Client, Server};

#[rustfmt::skip]
fn vectors() -> Vec<(&'static str, Sender, Packet, &'static [u8])> {
    let will = Will::new("w", "bye", QoS::AtLeastOnce, true);
    let connect = Connect {
        level: Level::Mqtt311, clean_start: true, keep_alive: 10, properties: Properties::default(), client_id: "c".into(),
        will: Some(will), username: Some("u".into()), password: Some(Bytes::from_static(b"p")),
    };
    let mut anonymous = Connect::new("");
    anonymous.keep_alive = 0;
    let mut empty_login = Connect::new("c");
    empty_login.username = Some(String::new());
    empty_login.password = Some(Bytes::new());
    let mut publish = Publish::new("a/b", QoS::AtLeastOnce, "hi");
    publish.packet_id = 10;
    let mut again = publish.clone();
    (again.dup, again.retain, again.qos) = (true, true, QoS::ExactlyOnce);
    vec![
        // Figure 3.6: protocol "MQTT", level 4, flags 0xCE and a keep-alive of 10, here with RETAIN of the will as well.
        ("§3.1.2", Client, Packet::Connect(Box::new(connect)),
            b"\x10\x1B\0\x04MQTT\x04\xEE\0\x0A\0\x01c\0\x01w\0\x03bye\0\x01u\0\x01p"),
        ("§3.1.3.1", Client, Packet::Connect(Box::new(anonymous)), b"\x10\x0C\0\x04MQTT\x04\x02\0\0\0\0"),
        ("§3.1.2.8", Client, Packet::Connect(Box::new(empty_login)), b"\x10\x11\0\x04MQTT\x04\xC2\0\x0A\0\x01c\0\0\0\0"),
        ("§3.2.2.2", Server, Packet::ConnAck(ConnAck::new(ReasonCode::Success, true)), b"\x20\x02\x01\0"),
        ("§3.2.2.3", Server, Packet::ConnAck(ConnAck::new(ReasonCode::NotAuthorized, false)), b"\x20\x02\0\x05"),
        // Figure 3.11: topic "a/b", packet identifier 10.
        ("§3.3.2", Client, Packet::Publish(publish), b"\x32\x09\0\x03a/b\0\x0Ahi"),
        ("§3.3.1", Server, Packet::Publish(again), b"\x3D\x09\0\x03a/b\0\x0Ahi"),
        ("§3.3.3", Client, Packet::Publish(Publish::new("a/b", QoS::AtMostOnce, "")), b"\x30\x05\0\x03a/b"),
        ("§3.4", Server, Packet::PubAck(PubAck::new(0x1234)), b"\x40\x02\x12\x34"),
        ("§3.5", Server, Packet::PubRec(PubRec::new(0x1234)), b"\x50\x02\x12\x34"),
        ("§3.6.1", Client, Packet::PubRel(PubRel::new(0x1234)), b"\x62\x02\x12\x34"),
        ("§3.7", Server, Packet::PubComp(PubComp::new(0x1234)), b"\x70\x02\x12\x34"),
        // Figure 3.23: "a/b" at QoS 1 and "c/d" at QoS 2.
        ("§3.8.3", Client, Packet::Subscribe(Subscribe { packet_id: 10, properties: Properties::default(), filters: vec![
            SubscribeFilter::new("a/b", QoS::AtLeastOnce), SubscribeFilter::new("c/d", QoS::ExactlyOnce),
        ] }), b"\x82\x0E\0\x0A\0\x03a/b\x01\0\x03c/d\x02"),
        // Figure 3.27: QoS 0, QoS 2, failure.
        ("§3.9.3", Server, Packet::SubAck(SubAck::new(10, vec![
            ReasonCode::Success, ReasonCode::GrantedQoS2,
            ReasonCode::UnspecifiedError,
        ])), b"\x90\x05\0\x0A\x00\x02\x80"),
        // Figure 3.30: "a/b" and "c/d".
        ("§3.10.3", Client, Packet::Unsubscribe(Unsubscribe { packet_id: 10, properties: Properties::default(), filters: vec!["a/b".into(), "c/d".into()] }),
            b"\xA2\x0C\0\x0A\0\x03a/b\0\x03c/d"),
        ("§3.11", Server, Packet::UnsubAck(UnsubAck::new(10, vec![])), b"\xB0\x02\0\x0A"),
        ("§3.12", Client, Packet::PingReq, b"\xC0\0"),
        ("§3.13", Server, Packet::PingResp, b"\xD0\0"),
        ("§3.14", Client, Packet::Disconnect(Disconnect::normal()), b"\xE0\0"),
    ]
}

#[test]
fn each_packet_is_written_and_read_as_the_standard_has_it() {
    for (section, sender, packet, bytes) in vectors() {
        assert_eq!(encoded(&packet), bytes, "{section}");
        assert_eq!(decoded(bytes, sender), Ok(Some(packet)), "{section}");
    }
}

/// The last length of each number of bytes, and the first of the next (§2.2.3, table 2.4).
#[test]
fn the_remaining_length() {
    for (remaining, length) in [
        (127, &[0x7F][..]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xFF, 0x7F]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xFF, 0xFF, 0x7F]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
    ] {
        let packet = Packet::Publish(Publish::new("t", QoS::AtMostOnce, vec![7; remaining - 3]));
        let bytes = encoded(&packet);
        assert_eq!(&bytes[1..=length.len()], length, "{remaining}");
        assert_eq!(bytes.len(), 1 + length.len() + remaining);
        let read = codec::decode(&mut BytesMut::from(&bytes[..]), Client, Version::Mqtt311, LARGEST_PACKET);
        assert_eq!(read, Ok(Some(packet)));
    }
}

/// MQTT 3.1 has another name, and a password is any bytes (§3.1.3.5).
#[test]
fn connect_to_an_old_server() {
    let mut connect = Connect::new("c");
    connect.level = Level::Mqtt31;
    connect.set_login("u", &b"\xFF"[..]);
    let bytes = encoded(&Packet::Connect(Box::new(connect)));
    assert_eq!(&bytes[..], b"\x10\x15\0\x06MQIsdp\x03\xC2\0\x0A\0\x01c\0\x01u\0\x01\xFF");
}

#[test]
fn no_password_without_a_user_name() {
    let mut connect = Connect::new("c");
    connect.password = Some(Bytes::from_static(b"p"));
    assert_eq!(encoded(&Packet::Connect(Box::new(connect))), b"\x10\x0D\0\x04MQTT\x04\x02\0\x0A\0\x01c");
}

/// What its source should have bounded makes no packet that says something else.
#[test]
fn a_field_is_cut_off_at_its_largest_length() {
    let connect = Connect::new("c".repeat(70_000));
    let Ok(Some(Packet::Connect(read))) = decoded(&encoded(&Packet::Connect(Box::new(connect))), Client)
    else {
        panic!("it is not a CONNECT")
    };
    assert_eq!(read.client_id.len(), 65_535);
}

#[test]
fn what_is_over_the_limit_is_not_written() {
    let packet = Packet::Publish(Publish::new("t", QoS::AtMostOnce, vec![7; 95]));
    let mut output = BytesMut::new();
    let refused = codec::encode(&packet, Version::Mqtt311, &mut output, 99);
    assert_eq!(refused, Err(ProtocolError::TooLarge { size: 100, limit: 99 }));
    assert!(output.is_empty());
    assert_eq!(codec::encode(&packet, Version::Mqtt311, &mut output, 100), Ok(()));
    assert_eq!(output.len(), 100);
}
