//! Tests of the session types, without sockets: the clock and the bytes are made here.

mod against_rumqttc;
mod codec_properties;
mod codec_rules;
mod connections_v5;
mod in_flight;
mod keep_alive;
mod ledger;
mod lossy_pipe;
mod order;
mod server_v5;
mod sessions;
mod slow_lines;
mod v5;
mod vectors;

use bytes::BytesMut;
use proptest::prelude::*;

use crate::codec::{self, Sender};
use crate::packets::{PubComp, PubRec, PubRel};
use crate::*;

/// `packet` as bytes.
fn encoded(packet: &Packet) -> Vec<u8> {
    let mut output = BytesMut::new();
    codec::encode(packet, Version::Mqtt311, &mut output, usize::MAX).unwrap();
    output.to_vec()
}

/// Decodes the first packet of `bytes`.
fn decoded(bytes: &[u8], sender: Sender) -> Result<Option<Packet>, ProtocolError> {
    codec::decode(&mut BytesMut::from(bytes), sender, Version::Mqtt311, MAX_PACKET_SIZE)
}

/// A packet with any first byte and body, its remaining length right.
fn frame(first_byte: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first_byte];
    let mut rest = body.len();
    while rest >= 0x80 {
        bytes.push((rest % 0x80) as u8 | 0x80);
        rest /= 0x80;
    }
    bytes.push(rest as u8);
    bytes.extend_from_slice(body);
    bytes
}

/// A legal packet, and who may send it.
fn any_packet() -> impl Strategy<Value = (Packet, Sender)> {
    prop_oneof![
        1 => any_connect().prop_map(|connect| (Packet::Connect(Box::new(connect)), Sender::Client)),
        1 => any_connack().prop_map(|connack| (Packet::ConnAck(connack), Sender::Server)),
        4 => (any_publish(), any_sender()).prop_map(|(publish, from)| (Packet::Publish(publish), from)),
        1 => (1u16.., any_sender()).prop_map(|(packet_id, from)| (Packet::PubAck(PubAck::new(packet_id)), from)),
        1 => (1u16.., any_sender()).prop_map(|(packet_id, from)| (Packet::PubRec(PubRec::new(packet_id)), from)),
        1 => (1u16.., any_sender()).prop_map(|(packet_id, from)| (Packet::PubRel(PubRel::new(packet_id)), from)),
        1 => (1u16.., any_sender()).prop_map(|(packet_id, from)| (Packet::PubComp(PubComp::new(packet_id)), from)),
        1 => (1u16.., prop::collection::vec((any_filter(), any_qos()), 1..4)).prop_map(|(packet_id, filters)| {
            let filters = filters.into_iter().map(|(path, qos)| SubscribeFilter::new(path, qos)).collect();
            (Packet::Subscribe(Subscribe { packet_id, ..Subscribe::of(filters) }), Sender::Client)
        }),
        1 => (1u16.., prop::collection::vec(any_return_code(), 1..4)).prop_map(|(packet_id, reasons)| {
            (Packet::SubAck(SubAck::new(packet_id, reasons)), Sender::Server)
        }),
        1 => (1u16.., prop::collection::vec(any_filter(), 1..4)).prop_map(|(packet_id, filters)| {
            (Packet::Unsubscribe(Unsubscribe { packet_id, ..Unsubscribe::of(filters) }), Sender::Client)
        }),
        1 => (1u16..).prop_map(|packet_id| (Packet::UnsubAck(UnsubAck::new(packet_id, Vec::new())), Sender::Server)),
        1 => Just((Packet::PingReq, Sender::Client)),
        1 => Just((Packet::PingResp, Sender::Server)),
        1 => Just((Packet::Disconnect(Disconnect::normal()), Sender::Client)),
    ]
}

fn any_sender() -> impl Strategy<Value = Sender> {
    prop_oneof![Just(Sender::Client), Just(Sender::Server)]
}

fn any_qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn any_topic() -> impl Strategy<Value = String> {
    "[^+#\u{0}]{1,40}"
}

fn any_filter() -> impl Strategy<Value = String> {
    prop_oneof![any_topic(), Just("#".to_owned()), Just("a/+/é/#".to_owned()), Just("+/".to_owned())]
}

fn any_return_code() -> impl Strategy<Value = ReasonCode> {
    prop_oneof![any_qos().prop_map(ReasonCode::granted), Just(ReasonCode::UnspecifiedError)]
}

fn any_publish() -> impl Strategy<Value = Publish> {
    let payload = prop_oneof![
        9 => prop::collection::vec(any::<u8>(), 0..300),
        // Over each step of the remaining length's encoding.
        1 => (16_300usize..16_400).prop_map(|len| vec![7; len]),
    ];
    (any_topic(), any_qos(), payload, any::<bool>(), any::<bool>(), 1u16..).prop_map(
        |(topic, qos, payload, dup, retain, packet_id)| {
            let first = qos == QoS::AtMostOnce;
            let mut publish = Publish::new(topic, qos, payload);
            publish.dup = dup && !first;
            publish.retain = retain;
            publish.packet_id = if first { 0 } else { packet_id };
            publish
        },
    )
}

fn any_connect() -> impl Strategy<Value = Connect> {
    let will = (any_topic(), any_qos(), prop::collection::vec(any::<u8>(), 0..20), any::<bool>())
        .prop_map(|(topic, qos, message, retain)| Will::new(topic, message, qos, retain));
    let login = ("[^\u{0}]{0,20}", prop::option::of("[^\u{0}]{0,20}"));
    (".{0,30}", any::<u16>(), any::<bool>(), prop::option::of(will), prop::option::of(login)).prop_map(
        |(client_id, keep_alive, clean_start, will, login)| {
            let (username, password) = login.unzip();
            Connect {
                level: Level::Mqtt311,
                clean_start,
                keep_alive,
                properties: Properties::default(),
                client_id: client_id.replace('\0', ""),
                will,
                username,
                password: password.flatten().map(Into::into),
            }
        },
    )
}

fn any_connack() -> impl Strategy<Value = ConnAck> {
    prop_oneof![
        any::<bool>().prop_map(|present| ConnAck::new(ReasonCode::Success, present)),
        Just(ConnAck::new(ReasonCode::UnsupportedProtocolVersion, false)),
        Just(ConnAck::new(ReasonCode::ServerUnavailable, false)),
        Just(ConnAck::new(ReasonCode::NotAuthorized, false)),
    ]
}
