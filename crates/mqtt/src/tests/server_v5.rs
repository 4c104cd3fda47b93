//! What a server of MQTT 5 says in its answers, and what it does not take.

use std::time::Instant;

use crate::server::Event;
use crate::tests::*;

type TestServer = Server<u32>;

fn properties(build: impl FnOnce(PropertiesBuilder) -> PropertiesBuilder) -> Properties {
    build(PropertiesBuilder::new()).build().unwrap()
}

fn none() -> Properties {
    Properties::default()
}

fn connect(level: Level, properties: Properties) -> Connect {
    Connect { level, properties, ..Connect::new("d") }
}

fn polled(
    server: &mut TestServer,
    packet: &Packet,
    version: Version,
) -> Result<Option<Event<u32>>, ProtocolError> {
    let mut input = BytesMut::new();
    codec::encode(packet, version, &mut input, usize::MAX).unwrap();
    server.poll(&mut input, Instant::now())
}

/// A server that has taken this CONNECT and answers with these properties.
fn asked(connect: Connect, told: Properties) -> TestServer {
    let mut server = Server::new(10, Instant::now()).with_mqtt5().with_qos2();
    let version = connect.level.version();
    assert!(matches!(
        polled(&mut server, &Packet::Connect(Box::new(connect)), version),
        Ok(Some(Event::Connect(_)))
    ));
    server.accept(None, told, Instant::now());
    server
}

/// The same, its CONNACK taken away.
fn accepted(connect: Connect, told: Properties) -> TestServer {
    let mut server = asked(connect, told);
    assert!(server.is_connected());
    server.output().clear();
    server
}

fn sent(server: &mut TestServer) -> Vec<Packet> {
    let version = server.version();
    let output = server.output();
    std::iter::from_fn(|| codec::decode(output, Sender::Server, version, usize::MAX).unwrap()).collect()
}

/// Answers everything that there is to answer, with `words`.
fn answers(server: &mut TestServer, words: &Properties) -> Vec<Packet> {
    let version = server.version();
    for (packet_id, qos) in [(1, QoS::AtLeastOnce), (2, QoS::ExactlyOnce)] {
        let publish = Publish { packet_id, ..Publish::new("t", qos, "") };
        assert!(polled(server, &Packet::Publish(publish), version).unwrap().is_some());
        server.acknowledge_with(packet_id, ReasonCode::QuotaExceeded, words.clone());
    }
    server.suback_with(3, vec![ReasonCode::NotAuthorized], words.clone());
    server.unsuback_with(4, vec![ReasonCode::NotAuthorized], words.clone());
    sent(server)
}

fn explained(words: &Properties) -> Vec<Packet> {
    let (full, denied) = (ReasonCode::QuotaExceeded, vec![ReasonCode::NotAuthorized]);
    let properties = || words.clone();
    vec![
        Packet::PubAck(PubAck { packet_id: 1, reason: full, properties: properties() }),
        Packet::PubRec(PubRec { packet_id: 2, reason: full, properties: properties() }),
        Packet::SubAck(SubAck { packet_id: 3, reasons: denied.clone(), properties: properties() }),
        Packet::UnsubAck(UnsubAck { packet_id: 4, reasons: denied, properties: properties() }),
    ]
}

#[test]
fn answers_explain_themselves_where_the_client_wants_that_and_has_room() {
    let words = properties(|p| p.reason_string("over the quota").user_property("limit", "10"));
    let asking = |asked: fn(PropertiesBuilder) -> PropertiesBuilder| {
        accepted(connect(Level::Mqtt5, properties(asked)), none())
    };
    assert_eq!(answers(&mut asking(|p| p), &words), explained(&words));
    assert_eq!(answers(&mut asking(|p| p.request_problem_information(true)), &words), explained(&words));
    // [MQTT-3.1.2-29]
    assert_eq!(answers(&mut asking(|p| p.request_problem_information(false)), &words), explained(&none()));
    // [MQTT-3.4.2-2], [MQTT-3.5.2-2], [MQTT-3.9.2-1], [MQTT-3.11.2-1]
    assert_eq!(answers(&mut asking(|p| p.maximum_packet_size(20)), &words), explained(&none()));
    // A property that no answer has does not keep the answer from going out.
    let wrong = properties(|p| p.content_type("text/plain"));
    assert_eq!(answers(&mut asking(|p| p), &wrong), explained(&none()));
}

#[test]
fn an_answer_larger_than_the_client_takes_is_dropped_as_if_it_was_sent() {
    // [MQTT-3.1.2-25]
    let mut server = asked(connect(Level::Mqtt5, properties(|p| p.maximum_packet_size(6))), none());
    assert!(server.is_connected());
    server.output().clear();
    server.suback(1, vec![ReasonCode::Success; 10]);
    assert!(sent(&mut server).is_empty());
    server.suback(2, vec![ReasonCode::Success]);
    assert!(polled(&mut server, &Packet::PingReq, Version::Mqtt5).unwrap().is_none());
    assert_eq!(
        sent(&mut server),
        [Packet::SubAck(SubAck::new(2, vec![ReasonCode::Success])), Packet::PingResp]
    );
}

#[test]
fn mqtt_311_has_no_words() {
    let mut server = accepted(connect(Level::Mqtt311, none()), none());
    let words = properties(|p| p.reason_string("no"));
    server.suback_with(3, vec![ReasonCode::UnspecifiedError], words.clone());
    server.unsuback_with(4, vec![ReasonCode::Success], words);
    let suback = SubAck::new(3, vec![ReasonCode::UnspecifiedError]);
    assert_eq!(sent(&mut server), [Packet::SubAck(suback), Packet::UnsubAck(UnsubAck::new(4, Vec::new()))]);
}

#[test]
fn a_will_over_the_limits_is_refused() {
    let with_will = |qos, retain| Connect {
        will: Some(Will::new("gone", "", qos, retain)),
        ..connect(Level::Mqtt5, none())
    };
    let limits = || properties(|p| p.maximum_qos(true).retain_available(false));
    for (qos, retain, reason) in [
        (QoS::AtLeastOnce, false, ReasonCode::Success),
        (QoS::ExactlyOnce, false, ReasonCode::QoSNotSupported),
        (QoS::AtLeastOnce, true, ReasonCode::RetainNotSupported),
        (QoS::ExactlyOnce, true, ReasonCode::QoSNotSupported),
    ] {
        let mut server = asked(with_will(qos, retain), limits());
        let connacks = sent(&mut server);
        let [Packet::ConnAck(connack)] = &connacks[..] else { panic!("{connacks:?}") };
        assert_eq!(connack.reason, reason, "[MQTT-3.2.2-12], [MQTT-3.2.2-13]");
        assert_eq!(server.is_connected(), reason == ReasonCode::Success);
    }
    assert!(asked(with_will(QoS::ExactlyOnce, true), none()).is_connected());
}

#[test]
fn a_server_without_qos_2_tells_so() {
    let accept = |told| {
        let mut server = TestServer::new(10, Instant::now()).with_mqtt5();
        polled(&mut server, &Packet::Connect(connect(Level::Mqtt5, none()).into()), Version::Mqtt5).unwrap();
        server.accept(None, told, Instant::now());
        let connacks = sent(&mut server);
        let [Packet::ConnAck(connack)] = &connacks[..] else { panic!("{connacks:?}") };
        connack.properties.maximum_qos()
    };
    assert_eq!(accept(none()), Some(true), "[MQTT-3.2.2-9]");
    assert_eq!(accept(properties(|p| p.maximum_qos(false))), Some(false));
}

#[test]
fn a_subscription_over_the_limits_ends_the_connection() {
    let plain = || Subscribe { packet_id: 1, ..Subscribe::new("a/+", QoS::AtMostOnce) };
    let numbered = || Subscribe { properties: properties(|p| p.subscription_identifier(5)), ..plain() };
    let shared = || Subscribe { packet_id: 1, ..Subscribe::new("$share/g/a", QoS::AtMostOnce) };
    for (told, subscribe, reason) in [
        (
            properties(|p| p.subscription_ids_available(false)),
            numbered(),
            ReasonCode::SubscriptionIdentifiersNotSupported,
        ),
        (properties(|p| p.wildcard_available(false)), plain(), ReasonCode::WildcardSubscriptionsNotSupported),
        (properties(|p| p.shared_available(false)), shared(), ReasonCode::SharedSubscriptionsNotSupported),
    ] {
        let subscribe = Packet::Subscribe(subscribe);
        let mut lenient = accepted(connect(Level::Mqtt5, none()), none());
        assert!(matches!(polled(&mut lenient, &subscribe, Version::Mqtt5), Ok(Some(Event::Subscribe(_)))));
        let mut server = accepted(connect(Level::Mqtt5, none()), told);
        assert!(polled(&mut server, &subscribe, Version::Mqtt5).is_err());
        assert_eq!(sent(&mut server), [Packet::Disconnect(Disconnect::new(reason))]);
    }
}
