//! What MQTT 5 adds to connections: limits, aliases, expiry, enhanced authentication, and words for the end.

use std::time::{Duration, Instant};

use crate::tests::*;
use crate::{client, server};

type TestClient = Client<u32>;
type TestServer = Server<u32>;

fn properties(build: impl FnOnce(PropertiesBuilder) -> PropertiesBuilder) -> Properties {
    build(PropertiesBuilder::new()).build().unwrap()
}

fn connect(properties: Properties) -> Connect {
    let mut connect = Connect::new("d");
    (connect.level, connect.clean_start, connect.properties) = (Level::Mqtt5, false, properties);
    connect
}

fn connecting_client(properties: Properties) -> TestClient {
    let now = Instant::now();
    let mut client = Client::new(10, now).with_qos2();
    client.connect(&connect(properties), Duration::from_secs(1), now);
    client.output().clear();
    client
}

fn connack(session_present: bool, properties: Properties) -> Packet {
    Packet::ConnAck(ConnAck { session_present, reason: ReasonCode::Success, properties })
}

fn client_polled(
    client: &mut TestClient,
    packet: &Packet,
) -> Result<Option<client::Event<u32>>, ProtocolError> {
    client.poll(&mut BytesMut::from(&encoded_v5(packet)[..]), Instant::now())
}

fn server_polled(
    server: &mut TestServer,
    packet: &Packet,
) -> Result<Option<server::Event<u32>>, ProtocolError> {
    server.poll(&mut BytesMut::from(&encoded_v5(packet)[..]), Instant::now())
}

fn encoded_v5(packet: &Packet) -> Vec<u8> {
    let mut output = BytesMut::new();
    codec::encode(packet, Version::Mqtt5, &mut output, usize::MAX).unwrap();
    output.to_vec()
}

/// A client whose CONNECT had the first and CONNACK the second properties.
fn connected(asked: Properties, told: Properties) -> TestClient {
    let mut client = connecting_client(asked);
    let polled = client_polled(&mut client, &connack(false, told));
    assert!(
        matches!(polled, Ok(Some(client::Event::Connected { session_present: false, .. }))),
        "{polled:?}"
    );
    client
}

/// The same of a server.
fn accepted(asked: Properties, told: Properties) -> TestServer {
    let mut server = Server::new(10, Instant::now()).with_mqtt5().with_qos2();
    let polled = server_polled(&mut server, &Packet::Connect(Box::new(connect(asked))));
    assert!(matches!(polled, Ok(Some(server::Event::Connect(_)))), "{polled:?}");
    server.accept(None, told, Instant::now());
    server.output().clear();
    server
}

fn none() -> Properties {
    Properties::default()
}

/// Takes what `output` holds apart.
fn sent(output: &mut BytesMut, sender: Sender) -> Vec<Packet> {
    std::iter::from_fn(|| codec::decode(output, sender, Version::Mqtt5, usize::MAX).unwrap()).collect()
}

fn message(topic: &str, qos: QoS) -> Publish {
    Publish::new(topic, qos, "payload")
}

fn publish(client: &mut TestClient, message: Publish, token: u32) -> Result<(), PublishError> {
    let now = Instant::now();
    client.publish(message, token, now, now).map_err(|unpublished| unpublished.why)
}

#[test]
fn what_the_server_does_not_take_is_not_written() {
    let told = properties(|p| {
        let p = p.maximum_qos(true).retain_available(false).maximum_packet_size(40);
        p.wildcard_available(false).shared_available(false).subscription_ids_available(false)
    });
    let mut client = connected(none(), told);
    assert_eq!(client.limits().maximum_qos, QoS::AtLeastOnce);
    assert_eq!(client.limits().maximum_packet_size, 40);
    let why = PublishError::QosNotSupported { maximum: QoS::AtLeastOnce };
    assert_eq!(publish(&mut client, message("t", QoS::ExactlyOnce), 1), Err(why));
    let retained = Publish { retain: true, ..message("t", QoS::AtLeastOnce) };
    assert_eq!(publish(&mut client, retained, 1), Err(PublishError::RetainNotSupported));
    let large = Publish::new("t", QoS::AtLeastOnce, vec![0; 40]);
    assert_eq!(publish(&mut client, large, 1), Err(PublishError::PacketTooLarge { size: 48, limit: 40 }));
    let properties = properties(|p| p.topic_alias(1));
    let aliased = Publish { properties, ..message("t", QoS::AtLeastOnce) };
    assert_eq!(publish(&mut client, aliased, 1), Err(PublishError::Invalid));

    let now = Instant::now();
    let mut asked = |subscribe| client.subscribe(subscribe, now);
    assert_eq!(asked(Subscribe::new("a/+", QoS::AtMostOnce)), Err(SubscribeError::WildcardNotSupported(0)));
    assert_eq!(
        asked(Subscribe::new("$share/g/a", QoS::AtMostOnce)),
        Err(SubscribeError::SharedNotSupported(0))
    );
    assert_eq!(asked(Subscribe::of(vec![])), Err(SubscribeError::NoFilter));
    assert_eq!(asked(Subscribe::new("a#", QoS::AtMostOnce)), Err(SubscribeError::InvalidFilter(0)));
    let long = Subscribe::new("a".repeat(40), QoS::AtMostOnce);
    assert!(matches!(asked(long), Err(SubscribeError::PacketTooLarge { limit: 40, .. })));
    let mut identified = Subscribe::new("a", QoS::AtMostOnce);
    identified.properties = self::properties(|p| p.subscription_identifier(1));
    assert_eq!(asked(identified), Err(SubscribeError::IdentifiersNotSupported));
    assert!(client.output().is_empty() && client.in_flight() == 0);

    // The connection goes on.
    assert_eq!(publish(&mut client, message("t", QoS::AtLeastOnce), 1), Ok(()));
    let sent = sent(client.output(), Sender::Client);
    assert!(matches!(&sent[..], [Packet::Publish(Publish { qos: QoS::AtLeastOnce, .. })]), "{sent:?}");
}

#[test]
fn one_message_at_a_time() {
    let now = Instant::now();
    let mut client = connected(none(), properties(|p| p.receive_maximum(1)));
    assert_eq!(publish(&mut client, message("t", QoS::ExactlyOnce), 1), Ok(()));
    assert!(!client.has_room());
    assert_eq!(publish(&mut client, message("t", QoS::AtLeastOnce), 2), Err(PublishError::NoRoom));
    // The server does not hear that the sender gave up.
    assert_eq!(client.abandon(|_| true), [1]);
    assert!(!client.has_room());
    assert_eq!(client_polled(&mut client, &Packet::PubRec(PubRec::new(1))), Ok(None));
    assert!(!client.has_room());
    assert_eq!(client_polled(&mut client, &Packet::PubComp(PubComp::new(1))), Ok(None));
    assert!(client.has_room());

    // Ten that were in flight come one after the other on the next connection that takes one at a time.
    let mut client = connected(none(), none());
    for token in 0..3 {
        assert_eq!(publish(&mut client, message("t", QoS::AtLeastOnce), token), Ok(()));
    }
    client.disconnected();
    client.connect(&connect(none()), Duration::from_secs(1), now);
    client.output().clear();
    client_polled(&mut client, &connack(true, properties(|p| p.receive_maximum(1)))).unwrap();
    for token in 0..3u16 {
        let sent = sent(client.output(), Sender::Client);
        assert!(
            matches!(&sent[..], [Packet::Publish(Publish { dup: true, packet_id, .. })] if *packet_id == token + 1)
        );
        assert!(!client.has_room());
        let acknowledged = client_polled(&mut client, &Packet::PubAck(PubAck::new(token + 1)));
        assert_eq!(acknowledged, Ok(Some(client::Event::acknowledged(token.into()))));
    }
    assert!(client.has_room());
}

#[test]
fn too_many_messages_at_a_time_end_the_connection() {
    let maximum = || properties(|p| p.receive_maximum(2));
    let incoming = |id, qos| Packet::Publish(Publish { packet_id: id, ..message("t", qos) });
    let mut client = connected(maximum(), none());
    assert!(client_polled(&mut client, &incoming(1, QoS::AtLeastOnce)).is_ok());
    assert!(client_polled(&mut client, &incoming(2, QoS::ExactlyOnce)).is_ok());
    client.acknowledge(1, ReasonCode::Success, Instant::now());
    assert!(client_polled(&mut client, &incoming(3, QoS::AtLeastOnce)).is_ok());
    // PUBREC is not the last word.
    client.acknowledge(2, ReasonCode::Success, Instant::now());
    client.output().clear();
    assert!(client_polled(&mut client, &incoming(4, QoS::AtLeastOnce)).is_err());
    let words = [Packet::Disconnect(Disconnect::new(ReasonCode::ReceiveMaximumExceeded))];
    assert_eq!(sent(client.output(), Sender::Client), words);

    let mut server = accepted(none(), maximum());
    assert!(server_polled(&mut server, &incoming(1, QoS::AtLeastOnce)).is_ok());
    assert!(server_polled(&mut server, &incoming(2, QoS::ExactlyOnce)).is_ok());
    // A refusal is.
    server.acknowledge(2, ReasonCode::NotAuthorized);
    assert!(server_polled(&mut server, &incoming(3, QoS::AtLeastOnce)).is_ok());
    server.output().clear();
    assert!(server_polled(&mut server, &incoming(4, QoS::AtLeastOnce)).is_err());
    assert_eq!(sent(server.output(), Sender::Server), words);
}

/// What the client says when the server sends this.
fn complaint(asked: Properties, told: Properties, packet: &Packet) -> ReasonCode {
    let mut client = connected(asked, told);
    assert!(client_polled(&mut client, packet).is_err());
    assert!(!client.is_connected());
    match &sent(client.output(), Sender::Client)[..] {
        [Packet::Disconnect(disconnect)] => disconnect.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_offence_has_its_code() {
    let aliased = |topic: &str, alias| {
        let properties = properties(|p| p.topic_alias(alias));
        Packet::Publish(Publish { properties, ..message(topic, QoS::AtMostOnce) })
    };
    let maximum = || properties(|p| p.topic_alias_maximum(3));
    assert_eq!(complaint(none(), none(), &aliased("t", 1)), ReasonCode::TopicAliasInvalid);
    assert_eq!(complaint(maximum(), none(), &aliased("t", 4)), ReasonCode::TopicAliasInvalid);
    assert_eq!(complaint(maximum(), none(), &aliased("", 3)), ReasonCode::ProtocolError);

    let explained = Packet::PubAck(PubAck {
        packet_id: 1,
        reason: ReasonCode::NotAuthorized,
        properties: properties(|p| p.reason_string("no")),
    });
    let silent = || properties(|p| p.request_problem_information(false));
    assert_eq!(complaint(silent(), none(), &explained), ReasonCode::ProtocolError);
    assert!(client_polled(&mut connected(none(), none()), &explained).is_ok());

    let large = Packet::Publish(Publish::new("t", QoS::AtMostOnce, vec![0; 100]));
    let small = properties(|p| p.maximum_packet_size(100));
    assert_eq!(complaint(small, none(), &large), ReasonCode::PacketTooLarge);

    let auth = |method: &str, reason| {
        Packet::Auth(Auth { reason, properties: properties(|p| p.authentication_method(method)) })
    };
    let more = ReasonCode::ContinueAuthentication;
    assert_eq!(complaint(none(), none(), &auth("K", more)), ReasonCode::ProtocolError);
    let method = || properties(|p| p.authentication_method("K"));
    // Nobody has begun.
    assert_eq!(complaint(method(), method(), &auth("K", more)), ReasonCode::ProtocolError);
    let zero = Packet::SubAck(SubAck::new(7, vec![ReasonCode::Success]));
    assert_eq!(complaint(none(), none(), &zero), ReasonCode::ProtocolError);
}

#[test]
fn a_server_takes_no_more_than_it_has_told() {
    let told = || properties(|p| p.maximum_qos(true).retain_available(false));
    for (publish, reason) in [
        (Publish { packet_id: 1, ..message("t", QoS::ExactlyOnce) }, ReasonCode::QoSNotSupported),
        (Publish { retain: true, ..message("t", QoS::AtMostOnce) }, ReasonCode::RetainNotSupported),
    ] {
        let mut server = accepted(none(), told());
        assert!(server_polled(&mut server, &Packet::Publish(publish)).is_err());
        assert_eq!(sent(server.output(), Sender::Server), [Packet::Disconnect(Disconnect::new(reason))]);
    }
}

#[test]
fn topics_are_said_once() {
    let now = Instant::now();
    let mut client = connected(none(), properties(|p| p.topic_alias_maximum(2)));
    let mut server = accepted(none(), properties(|p| p.topic_alias_maximum(2)));
    let mut sizes = Vec::new();
    // The third topic takes the alias of the one that was not used for longest.
    for topic in ["first", "second", "first", "third", "first", "second", "abc"] {
        let properties = properties(|p| p.content_type("text"));
        let message = Publish { properties, ..message(topic, QoS::AtMostOnce) };
        client.publish_qos0(&message, now, now).unwrap();
        sizes.push(client.output().len());
        let Ok(Some(server::Event::Publish(publish))) = server.poll(client.output(), now) else { panic!() };
        assert_eq!(publish, message, "without an alias");
    }
    let with_names = ["first", "second", "", "third", "", "second"].map(|topic| 22 + topic.len());
    assert_eq!(sizes[..6], with_names);
    assert_eq!(sizes[6], 22 + 3 - 3, "an alias would not be shorter");

    // The next connection knows none.
    client.disconnected();
    client.connect(&connect(none()), Duration::from_secs(1), now);
    client.output().clear();
    client_polled(&mut client, &connack(false, none())).unwrap();
    client.publish_qos0(&message("first", QoS::AtMostOnce), now, now).unwrap();
    let sent = sent(client.output(), Sender::Client);
    assert_eq!(sent, [Packet::Publish(message("first", QoS::AtMostOnce))]);
}

#[test]
fn expiry_is_counted_while_a_message_waits() {
    let start = Instant::now();
    let expiring = |seconds| Publish {
        properties: properties(|p| p.content_type("text").message_expiry(seconds)),
        ..message("t", QoS::AtLeastOnce)
    };
    let written = |client: &mut TestClient| match &sent(client.output(), Sender::Client)[..] {
        [Packet::Publish(publish)] => publish.properties.message_expiry(),
        other => panic!("{other:?}"),
    };
    let mut client = connected(none(), none());
    let after = |millis| start + Duration::from_millis(millis);
    client.publish(expiring(60), 1, start, after(9_500)).unwrap();
    assert_eq!(written(&mut client), Some(51));
    client.publish(expiring(0), 2, start, after(9_500)).unwrap();
    assert_eq!(written(&mut client), Some(0), "that is the server's to say");
    let unpublished = client.publish(expiring(5), 3, start, after(5_000)).unwrap_err();
    assert_eq!((unpublished.token, unpublished.why), (3, PublishError::Expired));
    assert_eq!(unpublished.publish, expiring(5));

    // On the next connection, a minute later, the first one is not sent again.
    client.disconnected();
    client.connect(&connect(none()), Duration::from_secs(1), after(70_000));
    client.output().clear();
    let mut input = BytesMut::from(&encoded_v5(&connack(true, none()))[..]);
    let polled = client.poll(&mut input, after(70_000));
    assert!(matches!(polled, Ok(Some(client::Event::Connected { session_present: true, .. }))));
    assert_eq!(client.in_flight(), 2);
    assert_eq!(written(&mut client), Some(0));
    let expired = client::Event::NotSentAgain { token: 1, why: PublishError::Expired };
    assert_eq!(client.poll(&mut input, after(70_000)), Ok(Some(expired)));
    assert_eq!(client.in_flight(), 1);
}

#[test]
fn authentication_in_steps_and_anew() {
    let now = Instant::now();
    let method = || properties(|p| p.authentication_method("K").authentication_data(b"one"));
    let mut client = Client::<u32>::new(10, now);
    client.connect(&connect(method()), Duration::from_secs(1), now);
    let mut server = Server::<u32>::new(10, now).with_mqtt5();
    let asked = server.poll(client.output(), now);
    assert!(matches!(asked, Ok(Some(server::Event::Connect(_)))));

    let more = ReasonCode::ContinueAuthentication;
    assert_eq!(client.authenticate(more, b"", now), Err(AuthenticateError::NotAsked));
    assert_eq!(
        client.authenticate(ReasonCode::ReAuthenticate, b"", now),
        Err(AuthenticateError::NotConnected)
    );
    server.authenticate(more, b"two").unwrap();
    assert_eq!(server.authenticate(more, b"again"), Err(AuthenticateError::NotConnected));
    let Ok(Some(client::Event::Auth(auth))) = client.poll(server.output(), now) else { panic!() };
    assert_eq!((auth.reason, auth.properties.authentication_data()), (more, Some(&b"two"[..])));
    client.authenticate(more, b"three", now).unwrap();
    let Ok(Some(server::Event::Auth(auth))) = server.poll(client.output(), now) else { panic!() };
    assert_eq!(auth.properties.authentication_data(), Some(&b"three"[..]));
    server.accept(None, none(), now);
    let Ok(Some(client::Event::Connected { properties, .. })) = client.poll(server.output(), now) else {
        panic!()
    };
    assert_eq!(properties.authentication_method(), Some("K"));

    // Anew, while messages go both ways.
    client.authenticate(ReasonCode::ReAuthenticate, b"four", now).unwrap();
    client.publish(message("t", QoS::AtLeastOnce), 7, now, now).unwrap();
    let Ok(Some(server::Event::Auth(auth))) = server.poll(client.output(), now) else { panic!() };
    assert_eq!(auth.reason, ReasonCode::ReAuthenticate);
    assert!(matches!(server.poll(client.output(), now), Ok(Some(server::Event::Publish(_)))));
    server.acknowledge(1, ReasonCode::NoMatchingSubscribers);
    server.authenticate(ReasonCode::Success, b"").unwrap();
    let acknowledged = client.poll(server.output(), now);
    let reason = ReasonCode::NoMatchingSubscribers;
    assert_eq!(acknowledged, Ok(Some(client::Event::Acknowledged { token: 7, reason, properties: none() })));
    let Ok(Some(client::Event::Auth(auth))) = client.poll(server.output(), now) else { panic!() };
    assert_eq!(auth.reason, ReasonCode::Success);
    assert_eq!(client.authenticate(more, b"", now), Err(AuthenticateError::NotAsked));
    assert_eq!(server.authenticate(ReasonCode::Success, b""), Err(AuthenticateError::NotAsked));
}

#[test]
fn the_method_stays_and_nothing_else_comes_before_the_end() {
    let method = |name: &str| properties(|p| p.authentication_method(name));
    let auth = |name: &str| {
        let reason = ReasonCode::ContinueAuthentication;
        Packet::Auth(Auth { reason, properties: method(name) })
    };
    let mut client = connecting_client(method("K"));
    assert!(client_polled(&mut client, &auth("L")).is_err());
    let words = [Packet::Disconnect(Disconnect::new(ReasonCode::BadAuthenticationMethod))];
    assert_eq!(sent(client.output(), Sender::Client), words);

    let mut server = TestServer::new(10, Instant::now()).with_mqtt5();
    server_polled(&mut server, &Packet::Connect(Box::new(connect(method("K"))))).unwrap();
    assert!(server_polled(&mut server, &Packet::PingReq).is_err());
    let [Packet::ConnAck(connack)] = &sent(server.output(), Sender::Server)[..] else { panic!() };
    assert_eq!((connack.reason, connack.session_present), (ReasonCode::ProtocolError, false));

    let mut server = TestServer::new(10, Instant::now()).with_mqtt5();
    server_polled(&mut server, &Packet::Connect(Box::new(connect(method("K"))))).unwrap();
    server.authenticate(ReasonCode::ContinueAuthentication, b"x").unwrap();
    server.output().clear();
    assert!(server_polled(&mut server, &auth("L")).is_err());
    let [Packet::ConnAck(connack)] = &sent(server.output(), Sender::Server)[..] else { panic!() };
    assert_eq!(connack.reason, ReasonCode::BadAuthenticationMethod);
}

#[test]
fn authentication_stays_in_its_order() {
    let method = |name: &str| properties(|p| p.authentication_method(name));
    let auth = |name: &str, reason| Packet::Auth(Auth { reason, properties: method(name) });
    // CONNACK names another method, or one where CONNECT named none.
    for (asked, reason) in
        [(method("K"), ReasonCode::BadAuthenticationMethod), (none(), ReasonCode::ProtocolError)]
    {
        let mut client = connecting_client(asked);
        assert!(client_polled(&mut client, &connack(false, method("L"))).is_err());
        assert_eq!(sent(client.output(), Sender::Client), [Packet::Disconnect(Disconnect::new(reason))]);
    }
    // Before CONNACK, AUTH cannot say that all is done.
    let mut client = connecting_client(method("K"));
    assert!(client_polled(&mut client, &auth("K", ReasonCode::Success)).is_err());
    // A client without a method has nothing to begin anew.
    let mut server = accepted(none(), none());
    let anew = auth("K", ReasonCode::ReAuthenticate);
    assert!(server_polled(&mut server, &anew).is_err());
    let mut server = accepted(method("K"), none());
    assert!(matches!(server_polled(&mut server, &anew), Ok(Some(server::Event::Auth(_)))));
}

#[test]
fn an_identifier_at_qos_2_is_not_one_at_qos_1() {
    let incoming = |qos| Packet::Publish(Publish { packet_id: 1, ..message("t", qos) });
    let mut client = connected(none(), none());
    assert!(matches!(client_polled(&mut client, &incoming(QoS::ExactlyOnce)), Ok(Some(_))));
    assert!(client_polled(&mut client, &incoming(QoS::AtLeastOnce)).is_err());
}

#[test]
fn what_connack_says_of_the_connection_holds() {
    let told = properties(|p| p.server_keep_alive(77).session_expiry(5).assigned_client_id("you"));
    let client = connected(properties(|p| p.session_expiry(3600)), told.clone());
    assert_eq!(client.keep_alive(), Duration::from_secs(77));
    assert_eq!(client.session_expiry(), 5);
    let start = Instant::now();
    let server = accepted(properties(|p| p.session_expiry(3600)), told);
    assert_eq!(server.session_expiry(), 5);
    let idle = server.deadline() - start;
    assert!(idle >= Duration::from_millis(115_500) && idle < Duration::from_secs(120), "{idle:?}");
}

#[test]
fn either_side_disconnects_with_a_reason() {
    let now = Instant::now();
    let expiry = || properties(|p| p.session_expiry(60).user_property("why", "dinner"));
    let mut client = connected(properties(|p| p.session_expiry(10)), none());
    let mut server = accepted(properties(|p| p.session_expiry(10)), none());
    client.disconnect(ReasonCode::DisconnectWithWill, expiry());
    let disconnect = Disconnect { reason: ReasonCode::DisconnectWithWill, properties: expiry() };
    assert_eq!(server.poll(client.output(), now), Ok(Some(server::Event::Disconnect(disconnect))));
    assert_eq!(server.session_expiry(), 60);

    // A session of one connection is not made to last.
    let mut client = connected(none(), none());
    client.disconnect(ReasonCode::Success, expiry());
    let properties = properties(|p| p.user_property("why", "dinner"));
    let disconnect = Packet::Disconnect(Disconnect { reason: ReasonCode::Success, properties });
    assert_eq!(sent(client.output(), Sender::Client), [disconnect]);
    let mut server = accepted(none(), none());
    let disconnect = Packet::Disconnect(Disconnect { reason: ReasonCode::Success, properties: expiry() });
    assert!(server_polled(&mut server, &disconnect).is_err());

    let mut client = connected(none(), none());
    let mut server = accepted(none(), none());
    let moved = self::properties(|p| p.server_reference("other:8883").reason_string("busy"));
    server.disconnect(ReasonCode::UseAnotherServer, moved.clone());
    let told = Disconnect { reason: ReasonCode::UseAnotherServer, properties: moved };
    assert_eq!(client.poll(server.output(), now), Ok(Some(client::Event::Disconnected(told))));
    assert!(!client.is_connected() && !server.is_connected());

    // Words that are too long for the client are left out.
    let mut server = accepted(self::properties(|p| p.maximum_packet_size(20)), none());
    server.disconnect(ReasonCode::ServerBusy, self::properties(|p| p.reason_string("far too much to do")));
    let words = [Packet::Disconnect(Disconnect::new(ReasonCode::ServerBusy))];
    assert_eq!(sent(server.output(), Sender::Server), words);
}

#[test]
fn a_session_lost_tells_how_far_each_message_came() {
    let now = Instant::now();
    let mut client = connected(none(), none());
    for token in 0..2 {
        assert_eq!(publish(&mut client, message("t", QoS::ExactlyOnce), token), Ok(()));
    }
    let pubrec = PubRec::with_reason(1, ReasonCode::NoMatchingSubscribers);
    assert_eq!(client_polled(&mut client, &Packet::PubRec(pubrec)), Ok(None));
    client.disconnected();
    client.connect(&connect(none()), Duration::from_secs(1), now);
    client_polled(&mut client, &connack(false, none())).unwrap();
    let lost = [
        Unacknowledged::Received(0, ReasonCode::NoMatchingSubscribers),
        Unacknowledged::Written(message("t", QoS::ExactlyOnce), 1),
    ];
    assert_eq!(client.take_unacknowledged(), lost);
}

#[test]
fn a_refused_message_at_qos_2_is_over_and_its_reason_told() {
    let mut client = connected(none(), none());
    assert_eq!(publish(&mut client, message("t", QoS::ExactlyOnce), 1), Ok(()));
    client.output().clear();
    let properties = properties(|p| p.reason_string("full"));
    let reason = ReasonCode::QuotaExceeded;
    let pubrec = Packet::PubRec(PubRec { packet_id: 1, reason, properties: properties.clone() });
    let refused = client::Event::Acknowledged { token: 1, reason, properties };
    assert_eq!(client_polled(&mut client, &pubrec), Ok(Some(refused)));
    assert!(client.output().is_empty() && client.in_flight() == 0);
    // What is unknown is answered, so that the server forgets it.
    assert_eq!(client_polled(&mut client, &Packet::PubRec(PubRec::new(9))), Ok(None));
    let release = PubRel::with_reason(9, ReasonCode::PacketIdentifierNotFound);
    assert_eq!(sent(client.output(), Sender::Client), [Packet::PubRel(release)]);
    assert_eq!(client_polled(&mut client, &Packet::PubRel(PubRel::new(9))), Ok(None));
    let complete = PubComp::with_reason(9, ReasonCode::PacketIdentifierNotFound);
    assert_eq!(sent(client.output(), Sender::Client), [Packet::PubComp(complete)]);
}

#[test]
fn a_server_without_topic_aliases_writes_topics() {
    let now = Instant::now();
    let mut server = TestServer::new(10, now).with_mqtt5().without_topic_aliases();
    server_polled(&mut server, &Packet::Connect(connect(properties(|p| p.topic_alias_maximum(5))).into()))
        .unwrap();
    server.accept(None, none(), now);
    server.output().clear();
    for _ in 0..2 {
        server.publish_qos0(&message("a/long/topic", QoS::AtMostOnce), now, now).unwrap();
    }
    let sent = sent(server.output(), Sender::Server);
    assert_eq!(sent, [0; 2].map(|_| Packet::Publish(message("a/long/topic", QoS::AtMostOnce))));
}
