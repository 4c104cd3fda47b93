//! Legal packets at the wrong moment, and what each side must not say.

use std::time::{Duration, Instant};

use crate::{client, server};

use crate::tests::*;

pub(super) type TestClient = Client<&'static str>;
pub(super) type TestServer = Server<&'static str>;

fn unexpected(packet: &'static str) -> ProtocolError {
    ProtocolError::Unexpected { packet }
}

pub(super) fn message(qos: QoS) -> Publish {
    let mut publish = Publish::new("t", qos, "x");
    publish.packet_id = u16::from(qos != QoS::AtMostOnce);
    publish
}

pub(super) fn client_polled(
    client: &mut TestClient,
    packet: &Packet,
) -> Result<Option<client::Event<&'static str>>, ProtocolError> {
    client.poll(&mut BytesMut::from(&encoded(packet)[..]), Instant::now())
}

pub(super) fn server_polled(
    server: &mut TestServer,
    packet: &Packet,
) -> Result<Option<server::Event<&'static str>>, ProtocolError> {
    server.poll(&mut BytesMut::from(&encoded(packet)[..]), Instant::now())
}

pub(super) fn connack(session_present: bool) -> Packet {
    Packet::ConnAck(ConnAck::new(ReasonCode::Success, session_present))
}

pub(super) fn connect(clean_start: bool) -> Connect {
    let mut connect = Connect::new("d");
    connect.clean_start = clean_start;
    connect.set_login("user", "a secret password");
    connect
}

/// A client that has sent CONNECT.
fn connecting_client() -> TestClient {
    let now = Instant::now();
    let mut client = Client::new(10, now);
    client.connect(&connect(false), Duration::from_secs(1), now);
    client.output().clear();
    client
}

pub(super) fn connected_client() -> TestClient {
    let mut client = connecting_client();
    assert!(matches!(client_polled(&mut client, &connack(false)), Ok(Some(client::Event::Connected { .. }))));
    client
}

/// A server whose client has sent CONNECT.
pub(super) fn asked_server(clean_start: bool) -> TestServer {
    let mut server = Server::new(10, Instant::now());
    let asked = server_polled(&mut server, &Packet::Connect(Box::new(connect(clean_start))));
    assert!(matches!(asked, Ok(Some(server::Event::Connect(_)))));
    server
}

pub(super) fn connected_server() -> TestServer {
    let mut server = asked_server(true);
    server.accept(None, Properties::default(), Instant::now());
    server.output().clear();
    server
}

#[test]
fn the_client_takes_nothing_before_connack() {
    for packet in [
        Packet::PingResp,
        Packet::Publish(message(QoS::AtMostOnce)),
        Packet::PubAck(PubAck::new(1)),
        Packet::UnsubAck(UnsubAck::new(1, vec![])),
    ] {
        let mut client = connecting_client();
        assert_eq!(client_polled(&mut client, &packet), Err(unexpected(packet.name())));
        // What comes after the offence does not count.
        assert_eq!(client_polled(&mut client, &connack(false)), Err(unexpected("CONNACK")));
        assert!(!client.is_connected());
    }
}

#[test]
fn the_client_refuses_what_a_server_may_not_send() {
    for (packet, name) in [
        (connack(false), "CONNACK"),
        (Packet::Publish(message(QoS::ExactlyOnce)), "QoS 2 PUBLISH"),
        (Packet::SubAck(SubAck::new(7, vec![ReasonCode::UnspecifiedError])), "SUBACK"),
        (Packet::UnsubAck(UnsubAck::new(7, vec![])), "UNSUBACK"),
    ] {
        let mut client = connected_client();
        assert_eq!(client_polled(&mut client, &packet), Err(unexpected(name)));
        assert!(!client.is_connected());
    }
    for first_byte in [0x50, 0x62, 0x70] {
        let mut client = connected_client();
        let polled = client.poll(&mut BytesMut::from(&frame(first_byte, &[0, 1])[..]), Instant::now());
        assert!(matches!(polled, Err(ProtocolError::Unexpected { .. })), "{polled:?}");
    }
}

#[test]
fn a_session_after_a_clean_start_is_a_lie() {
    let now = Instant::now();
    let mut client = TestClient::new(10, now);
    client.connect(&connect(true), Duration::from_secs(1), now);
    let polled = client_polled(&mut client, &connack(true));
    assert!(matches!(polled, Err(ProtocolError::Malformed { packet: "CONNACK", .. })), "{polled:?}");
}

#[test]
fn a_puback_for_an_unknown_identifier_is_ignored() {
    let mut client = connected_client();
    assert_eq!(client_polled(&mut client, &Packet::PubAck(PubAck::new(9))), Ok(None));
    assert!(client.publish(message(QoS::AtLeastOnce), "m", Instant::now(), Instant::now()).is_ok());
    let puback = Packet::PubAck(PubAck::new(1));
    assert_eq!(client_polled(&mut client, &puback), Ok(Some(client::Event::acknowledged("m"))));
    assert_eq!(client_polled(&mut client, &puback), Ok(None));
    let mut server = connected_server();
    assert_eq!(server_polled(&mut server, &puback), Ok(None));
}

#[test]
fn answers_match_their_questions() {
    let now = Instant::now();
    let failed = |count| vec![ReasonCode::UnspecifiedError; count];
    let filters = || vec![SubscribeFilter::new("a", QoS::AtLeastOnce); 2];
    let mut client = connected_client();
    let id = client.subscribe(Subscribe::of(filters()), now).unwrap();
    // A PUBACK is none.
    assert_eq!(client_polled(&mut client, &Packet::PubAck(PubAck::new(id))), Ok(None));
    let subscribed =
        client::Event::Subscribed { packet_id: id, reasons: failed(2), properties: Properties::default() };
    assert_eq!(client_polled(&mut client, &Packet::SubAck(SubAck::new(id, failed(2)))), Ok(Some(subscribed)));
    let id = client.unsubscribe(Unsubscribe::of(vec!["a".into()]), now).unwrap();
    let unsubscribed =
        client::Event::Unsubscribed { packet_id: id, reasons: vec![], properties: Properties::default() };
    assert_eq!(
        client_polled(&mut client, &Packet::UnsubAck(UnsubAck::new(id, vec![]))),
        Ok(Some(unsubscribed))
    );

    // One code for two filters, an UNSUBACK for a SUBSCRIBE, a SUBACK for a message that was given up.
    let id = client.subscribe(Subscribe::of(filters()), now).unwrap();
    assert_eq!(
        client_polled(&mut client, &Packet::SubAck(SubAck::new(id, failed(1)))),
        Err(unexpected("SUBACK"))
    );
    let mut client = connected_client();
    let id = client.subscribe(Subscribe::of(filters()), now).unwrap();
    assert_eq!(
        client_polled(&mut client, &Packet::UnsubAck(UnsubAck::new(id, vec![]))),
        Err(unexpected("UNSUBACK"))
    );
    let mut client = connected_client();
    assert!(client.publish(message(QoS::AtLeastOnce), "m", now, now).is_ok());
    assert_eq!(client.abandon(|_| true), ["m"]);
    assert_eq!(
        client_polled(&mut client, &Packet::SubAck(SubAck::new(1, failed(1)))),
        Err(unexpected("SUBACK"))
    );
}

#[test]
fn the_server_takes_nothing_before_connect_and_no_second_one() {
    for packet in
        [Packet::PingReq, Packet::Disconnect(Disconnect::normal()), Packet::Publish(message(QoS::AtMostOnce))]
    {
        let mut server = TestServer::new(10, Instant::now());
        assert_eq!(server_polled(&mut server, &packet), Err(unexpected(packet.name())));
        assert_eq!(server_polled(&mut server, &Packet::Connect(Box::new(connect(true)))), Ok(None), "closed");
    }
    let mut server = connected_server();
    assert_eq!(
        server_polled(&mut server, &Packet::Connect(Box::new(connect(true)))),
        Err(unexpected("CONNECT"))
    );
    assert!(!server.is_connected());
    for first_byte in [0x50, 0x62, 0x70] {
        let mut server = connected_server();
        let polled = server.poll(&mut BytesMut::from(&frame(first_byte, &[0, 1])[..]), Instant::now());
        assert!(matches!(polled, Err(ProtocolError::Unexpected { .. })), "{polled:?}");
    }
}

#[test]
fn packets_behind_connect_wait_for_the_decision() {
    let mut input = BytesMut::from(&encoded(&Packet::PingReq)[..]);
    let mut server = asked_server(true);
    assert_eq!(server.poll(&mut input, Instant::now()), Ok(None));
    assert!(!input.is_empty() && server.output().is_empty());
    server.accept(None, Properties::default(), Instant::now());
    assert_eq!(server.poll(&mut input, Instant::now()), Ok(None));
    let expected: Vec<u8> = [connack(false), Packet::PingResp].iter().flat_map(encoded).collect();
    assert_eq!(server.output(), &expected[..]);
    // A refused client's are left alone.
    let mut input = BytesMut::from(&encoded(&Packet::PingReq)[..]);
    let mut server = asked_server(true);
    server.refuse(ReasonCode::NotAuthorized, Properties::default());
    assert_eq!(server.poll(&mut input, Instant::now()), Ok(None));
    assert_eq!(server.output(), &[0x20, 2, 0, 5][..]);
}

#[test]
fn an_unsupported_level_may_be_refused_with_words() {
    let mut bytes = encoded(&Packet::Connect(Box::new(connect(true))));
    bytes[8] = 5;
    let mut server = TestServer::new(10, Instant::now());
    let polled = server.poll(&mut BytesMut::from(&bytes[..]), Instant::now());
    assert_eq!(polled, Err(ProtocolError::UnsupportedLevel(5)));
    server.refuse(ReasonCode::UnsupportedProtocolVersion, Properties::default());
    assert_eq!(server.output(), &[0x20, 2, 0, 1][..]);
}

#[test]
fn nothing_is_said_outside_an_accepted_connection() {
    let now = Instant::now();
    let talk = |client: &mut TestClient| {
        client.output().clear();
        assert_eq!(client.publish_qos0(&message(QoS::AtMostOnce), now, now), Err(PublishError::NotConnected));
        client.acknowledge(1, ReasonCode::Success, now);
        assert_eq!(
            client.subscribe(Subscribe::new("a", QoS::AtMostOnce), now),
            Err(SubscribeError::NotConnected)
        );
        assert_eq!(
            client.unsubscribe(Unsubscribe::of(vec!["a".into()]), now),
            Err(SubscribeError::NotConnected)
        );
        assert!(client.publish(message(QoS::AtLeastOnce), "m", now, now).is_err());
        assert_eq!(client.handle_timeout(now + Duration::from_secs(100_000)), Ok(()));
        assert!(client.output().is_empty() && client.deadline().is_none() && !client.has_room());
    };
    talk(&mut Client::new(10, now));
    talk(&mut connecting_client());
    let mut client = connected_client();
    client.disconnect(ReasonCode::Success, Properties::default());
    assert_eq!(client.output(), &encoded(&Packet::Disconnect(Disconnect::normal()))[..]);
    talk(&mut client);

    let talk = |server: &mut TestServer| {
        server.output().clear();
        assert_eq!(server.publish_qos0(&message(QoS::AtMostOnce), now, now), Err(PublishError::NotConnected));
        server.acknowledge(1, ReasonCode::Success);
        server.suback(1, vec![ReasonCode::UnspecifiedError]);
        server.unsuback(1, Vec::new());
        assert!(server.publish(message(QoS::AtLeastOnce), "m", now, now).is_err());
        assert!(server.output().is_empty() && !server.has_room());
    };
    talk(&mut Server::new(10, now));
    talk(&mut asked_server(true));
    let mut server = connected_server();
    assert_eq!(
        server_polled(&mut server, &Packet::Disconnect(Disconnect::normal())),
        Ok(Some(server::Event::Disconnect(Disconnect::new(ReasonCode::Success))))
    );
    talk(&mut server);
    server.accept(None, Properties::default(), now);
    server.refuse(ReasonCode::NotAuthorized, Properties::default());
    talk(&mut server);
}
