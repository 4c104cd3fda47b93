//! The codec against rumqttc's, which is lax and well used: what either writes, the other reads as the same.

use rumqttc::mqttbytes::{QoS as TheirQoS, v4};

use crate::tests::*;

fn their_qos(qos: QoS) -> TheirQoS {
    match qos {
        QoS::AtMostOnce => TheirQoS::AtMostOnce,
        QoS::AtLeastOnce => TheirQoS::AtLeastOnce,
        QoS::ExactlyOnce => TheirQoS::ExactlyOnce,
    }
}

fn their_connect(connect: Connect) -> v4::Connect {
    let mut theirs = v4::Connect::new(connect.client_id);
    theirs.keep_alive = connect.keep_alive;
    theirs.clean_session = connect.clean_start;
    theirs.last_will = connect
        .will
        .map(|will| v4::LastWill::new(will.topic, will.message, their_qos(will.qos), will.retain));
    theirs.login = connect.username.map(|username| {
        let password = connect.password.map(|password| String::from_utf8(password.into()).unwrap());
        v4::Login::new(username, password.unwrap_or_default())
    });
    theirs
}

fn their_connack(ack: &ConnAck) -> v4::ConnAck {
    use v4::ConnectReturnCode as Theirs;
    let code = match ack.reason {
        ReasonCode::Success => Theirs::Success,
        ReasonCode::UnsupportedProtocolVersion => Theirs::RefusedProtocolVersion,
        ReasonCode::ClientIdentifierNotValid => Theirs::BadClientId,
        ReasonCode::ServerUnavailable => Theirs::ServiceUnavailable,
        ReasonCode::BadUserNameOrPassword => Theirs::BadUserNamePassword,
        ReasonCode::NotAuthorized => Theirs::NotAuthorized,
        reason => panic!("{reason} is not a return code"),
    };
    v4::ConnAck::new(code, ack.session_present)
}

fn theirs(packet: Packet) -> v4::Packet {
    use v4::Packet as Theirs;
    match packet {
        Packet::Connect(connect) => Theirs::Connect(their_connect(*connect)),
        Packet::ConnAck(ack) => Theirs::ConnAck(their_connack(&ack)),
        Packet::Publish(publish) => {
            let mut theirs =
                v4::Publish::new(publish.topic.as_str(), their_qos(publish.qos), publish.payload);
            (theirs.dup, theirs.retain, theirs.pkid) = (publish.dup, publish.retain, publish.packet_id);
            Theirs::Publish(theirs)
        }
        Packet::PubAck(PubAck { packet_id, .. }) => Theirs::PubAck(v4::PubAck { pkid: packet_id }),
        Packet::PubRec(PubRec { packet_id, .. }) => Theirs::PubRec(v4::PubRec { pkid: packet_id }),
        Packet::PubRel(PubRel { packet_id, .. }) => Theirs::PubRel(v4::PubRel { pkid: packet_id }),
        Packet::PubComp(PubComp { packet_id, .. }) => Theirs::PubComp(v4::PubComp { pkid: packet_id }),
        Packet::Subscribe(Subscribe { packet_id, filters, .. }) => {
            let filters = filters.into_iter();
            let filters =
                filters.map(|filter| v4::SubscribeFilter::new(filter.filter, their_qos(filter.qos)));
            Theirs::Subscribe(v4::Subscribe { pkid: packet_id, filters: filters.collect() })
        }
        Packet::SubAck(ack) => {
            let codes = ack.reasons.into_iter().map(|reason| match reason {
                ReasonCode::Success => v4::SubscribeReasonCode::Success(their_qos(QoS::AtMostOnce)),
                ReasonCode::GrantedQoS1 => v4::SubscribeReasonCode::Success(their_qos(QoS::AtLeastOnce)),
                ReasonCode::GrantedQoS2 => v4::SubscribeReasonCode::Success(their_qos(QoS::ExactlyOnce)),
                _ => v4::SubscribeReasonCode::Failure,
            });
            Theirs::SubAck(v4::SubAck::new(ack.packet_id, codes.collect()))
        }
        Packet::Unsubscribe(Unsubscribe { packet_id, filters, .. }) => {
            Theirs::Unsubscribe(v4::Unsubscribe { pkid: packet_id, topics: filters })
        }
        Packet::UnsubAck(UnsubAck { packet_id, .. }) => Theirs::UnsubAck(v4::UnsubAck::new(packet_id)),
        Packet::PingReq => Theirs::PingReq,
        Packet::PingResp => Theirs::PingResp,
        Packet::Disconnect(_) => Theirs::Disconnect,
        Packet::Auth(_) => unreachable!("MQTT 3.1.1 has none"),
    }
}

/// What rumqttc can hold: neither an empty user name nor an empty password.
fn is_theirs(packet: &Packet) -> bool {
    let Packet::Connect(connect) = packet else { return true };
    connect.username.as_ref().is_none_or(|username| !username.is_empty())
        && connect.password.as_ref().is_none_or(|password| !password.is_empty())
}

proptest! {
    #[test]
    fn each_reads_what_the_other_writes((packet, sender) in any_packet()) {
        prop_assume!(is_theirs(&packet));
        let ours = encoded(&packet);
        let mut written = BytesMut::new();
        theirs(packet.clone()).write(&mut written, usize::MAX).unwrap();
        prop_assert_eq!(&written[..], &ours[..]);
        prop_assert_eq!(decoded(&written, sender), Ok(Some(packet.clone())));
        let mut input = BytesMut::from(&ours[..]);
        prop_assert_eq!(v4::Packet::read(&mut input, usize::MAX).unwrap(), theirs(packet));
        prop_assert!(input.is_empty());
    }

    /// Whatever is taken here, rumqttc takes, and sees the same in it.
    #[test]
    fn what_is_taken_means_the_same(
        kind in 1u8..15,
        flags in prop_oneof![Just(0u8), Just(2), 0u8..16],
        body in prop::collection::vec(prop_oneof![Just(0u8), 0u8..8, any::<u8>()], 0..24),
        sender in any_sender(),
    ) {
        let bytes = frame(kind << 4 | flags, &body);
        if let Ok(Some(packet)) = decoded(&bytes, sender)
            && is_theirs(&packet)
        {
            let read = v4::Packet::read(&mut BytesMut::from(&bytes[..]), usize::MAX);
            prop_assert_eq!(read.unwrap(), theirs(packet));
        }
    }
}
