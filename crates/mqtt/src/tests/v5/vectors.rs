//! Packets byte by byte, as the standard's sections describe them; those marked "figure" are its own examples.

use super::*;
use Sender::{Client, Server};

#[rustfmt::skip]
fn vectors() -> Vec<(&'static str, Sender, Packet, &'static [u8])> {
    let of = |builder: PropertiesBuilder| builder.build().unwrap();
    let new = PropertiesBuilder::new;
    let plain = Connect { level: Level::Mqtt5, ..Connect::new("c") };
    let will = Will { properties: of(new().will_delay(5)), ..Will::new("w", "bye", QoS::AtLeastOnce, true) };
    // Figure 3-6: flags 0xCE, a keep-alive of 10, and a Session Expiry Interval of 10; here with RETAIN of the will as well.
    let full = Connect {
        properties: of(new().session_expiry(10)), will: Some(will), username: Some("u".into()),
        password: Some("p".into()), ..plain.clone()
    };
    let password_alone = Connect { password: Some("p".into()), clean_start: false, ..plain.clone() };
    let mut publish = Publish::new("a/b", QoS::AtLeastOnce, "hi");
    publish.packet_id = 10;
    let mut alias = Publish::new("", QoS::AtMostOnce, "");
    alias.properties = of(new().topic_alias(5));
    let mut filters = vec![SubscribeFilter::new("a/b", QoS::AtLeastOnce), SubscribeFilter::new("c/d", QoS::ExactlyOnce)];
    (filters[1].no_local, filters[1].retain_as_published) = (true, true);
    filters[1].retain_handling = RetainHandling::Never;
    vec![
        ("§3.1", Client, Packet::Connect(Box::new(plain)), b"\x10\x0E\0\x04MQTT\x05\x02\0\x0A\0\0\x01c"),
        ("§3.1.2", Client, Packet::Connect(Box::new(full)),
            b"\x10\x27\0\x04MQTT\x05\xEE\0\x0A\x05\x11\0\0\0\x0A\0\x01c\x05\x18\0\0\0\x05\0\x01w\0\x03bye\0\x01u\0\x01p"),
        ("§3.1.2.9", Client, Packet::Connect(Box::new(password_alone)), b"\x10\x11\0\x04MQTT\x05\x40\0\x0A\0\0\x01c\0\x01p"),
        ("§3.2", Server, Packet::ConnAck(ConnAck::new(ReasonCode::Success, true)), b"\x20\x03\x01\0\0"),
        ("§3.2.2.3", Server, Packet::ConnAck(ConnAck {
            properties: of(new().receive_maximum(16).maximum_qos(true)), ..ConnAck::new(ReasonCode::Success, false)
        }), b"\x20\x08\0\0\x05\x21\0\x10\x24\x01"),
        // Figure 3-9: topic "a/b", packet identifier 10, no properties.
        ("§3.3.2", Client, Packet::Publish(publish), b"\x32\x0A\0\x03a/b\0\x0A\0hi"),
        ("§3.3.2.3.4", Client, Packet::Publish(alias), b"\x30\x06\0\0\x03\x23\0\x05"),
        ("§3.4", Server, Packet::PubAck(PubAck::new(0x1234)), b"\x40\x02\x12\x34"),
        ("§3.4.2.1", Server, Packet::PubAck(PubAck::with_reason(1, ReasonCode::NoMatchingSubscribers)), b"\x40\x03\0\x01\x10"),
        ("§3.4.2.2", Server, Packet::PubAck(PubAck { properties: of(new().reason_string("r")), ..PubAck::new(1) }),
            b"\x40\x08\0\x01\0\x04\x1F\0\x01r"),
        ("§3.5", Server, Packet::PubRec(PubRec::new(0x1234)), b"\x50\x02\x12\x34"),
        ("§3.6", Client, Packet::PubRel(PubRel::new(0x1234)), b"\x62\x02\x12\x34"),
        ("§3.7", Server, Packet::PubComp(PubComp::with_reason(1, ReasonCode::PacketIdentifierNotFound)), b"\x70\x03\0\x01\x92"),
        ("§3.8.3", Client, Packet::Subscribe(Subscribe { packet_id: 10, properties: of(new().subscription_identifier(128)), filters }),
            b"\x82\x12\0\x0A\x03\x0B\x80\x01\0\x03a/b\x01\0\x03c/d\x2E"),
        ("§3.9.3", Server, Packet::SubAck(SubAck::new(10, vec![ReasonCode::GrantedQoS1, ReasonCode::NotAuthorized])),
            b"\x90\x05\0\x0A\0\x01\x87"),
        ("§3.10", Client, Packet::Unsubscribe(Unsubscribe { packet_id: 10, ..Unsubscribe::of(vec!["a/b".into(), "c/d".into()]) }),
            b"\xA2\x0D\0\x0A\0\0\x03a/b\0\x03c/d"),
        ("§3.11", Server, Packet::UnsubAck(UnsubAck::new(10, vec![ReasonCode::NoSubscriptionExisted])), b"\xB0\x04\0\x0A\0\x11"),
        ("§3.12", Client, Packet::PingReq, b"\xC0\0"),
        ("§3.13", Server, Packet::PingResp, b"\xD0\0"),
        ("§3.14", Client, Packet::Disconnect(Disconnect::normal()), b"\xE0\0"),
        ("§3.14.2.1", Server, Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver)), b"\xE0\x01\x8E"),
        ("§3.15", Client, Packet::Auth(Auth {
            reason: ReasonCode::ReAuthenticate, properties: of(new().authentication_method("m").authentication_data(b"d")),
        }), b"\xF0\x0A\x19\x08\x15\0\x01m\x16\0\x01d"),
        ("§3.15.2.1", Server, Packet::Auth(Auth { reason: ReasonCode::Success, properties: Properties::default() }), b"\xF0\0"),
    ]
}

#[test]
fn each_packet_is_written_and_read_as_the_standard_has_it() {
    for (section, sender, packet, bytes) in vectors() {
        assert_eq!(encoded(&packet), bytes, "{section}");
        assert_eq!(decoded(bytes, sender), Ok(Some(packet)), "{section}");
    }
}
