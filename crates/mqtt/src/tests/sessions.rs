//! Sessions across connections, deadlines, and what is shown of secrets.

use std::time::{Duration, Instant};

use crate::{Dead, client, server};

use crate::tests::order::*;
use crate::tests::*;

#[test]
fn a_clean_start_drops_the_stored_session() {
    let mut old = connected_server();
    assert!(old.publish(message(QoS::AtLeastOnce), "m", Instant::now(), Instant::now()).is_ok());
    let mut server = asked_server(true);
    server.accept(Some(old.into_session()), Properties::default(), Instant::now());
    assert_eq!(server.output(), &encoded(&connack(false))[..]);

    let mut old = connected_server();
    assert!(old.publish(message(QoS::AtLeastOnce), "m", Instant::now(), Instant::now()).is_ok());
    let mut server = asked_server(false);
    server.accept(Some(old.into_session()), Properties::default(), Instant::now());
    let mut again = message(QoS::AtLeastOnce);
    again.dup = true;
    let expected: Vec<u8> = [connack(true), Packet::Publish(again)].iter().flat_map(encoded).collect();
    assert_eq!(server.output(), &expected[..]);
    assert_eq!(
        server.into_session().take_unacknowledged(),
        [Unacknowledged::Written(Publish { packet_id: 0, ..message(QoS::AtLeastOnce) }, "m")]
    );
}

#[test]
fn the_server_waits_for_connect_and_then_for_the_keep_alive() {
    let start = Instant::now();
    let mut server = TestServer::new(10, start);
    assert_eq!(server.deadline(), start + TestServer::CONNECT_TIMEOUT);
    let mut input = BytesMut::from(&encoded(&Packet::Connect(Box::new(connect(true))))[..]);
    let asked = start + Duration::from_secs(1);
    assert!(matches!(server.poll(&mut input, asked), Ok(Some(server::Event::Connect(_)))));
    let accepted = asked + Duration::from_secs(1);
    server.accept(None, Properties::default(), accepted);
    assert_eq!(server.deadline(), accepted + Duration::from_secs(15));
    input.extend_from_slice(&encoded(&Packet::PingReq));
    let pinged = accepted + Duration::from_secs(5);
    assert_eq!(server.poll(&mut input, pinged), Ok(None));
    assert_eq!(server.deadline(), pinged + Duration::from_secs(15));
}

#[test]
fn no_password_in_debug_output() {
    let mut client = TestClient::new(10, Instant::now());
    client.connect(&connect(true), Duration::from_secs(1), Instant::now());
    let bytes = client.output().clone();
    let mut server = TestServer::new(10, Instant::now());
    let asked = server.poll(&mut bytes.clone(), Instant::now()).unwrap();
    for shown in [format!("{client:?}"), format!("{server:?}"), format!("{asked:#?}")] {
        assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
    }
}

/// What an older connection left unwritten is not for the new one, whose first packet is CONNECT
/// [MQTT-3.1.0-1].
#[test]
fn a_new_connection_starts_with_connect_alone() {
    let mut client = connected_client();
    client.publish_qos0(&message(QoS::AtMostOnce), Instant::now(), Instant::now()).unwrap();
    let connect = connect(false);
    client.connect(&connect, Duration::from_secs(1), Instant::now());
    assert_eq!(client.output(), &encoded(&Packet::Connect(Box::new(connect)))[..]);

    let mut server = connected_server();
    server.publish_qos0(&message(QoS::AtMostOnce), Instant::now(), Instant::now()).unwrap();
    assert!(server.into_session().output().is_empty());
}

#[test]
fn a_forgotten_message_waits_to_be_taken() {
    let now = Instant::now();
    let mut client = connected_client();
    let publish = |client: &mut TestClient, token| {
        assert!(client.publish(message(QoS::AtLeastOnce), token, now, now).is_ok());
    };
    publish(&mut client, "first");
    publish(&mut client, "second");
    client.disconnected();
    client.connect(&connect(false), Duration::from_secs(1), now);
    assert!(matches!(client_polled(&mut client, &connack(false)), Ok(Some(client::Event::Connected { .. }))));
    publish(&mut client, "third");
    assert_eq!(client.tokens().copied().collect::<Vec<_>>(), ["first", "second", "third"]);
    assert_eq!(client.in_flight(), 3);
    assert_eq!(client.abandon(|token| *token == "first"), ["first"]);
    // The third is on its way: it is not to be taken.
    assert_eq!(
        client.take_unacknowledged().into_iter().map(Unacknowledged::into_token).collect::<Vec<_>>(),
        ["second"]
    );
    let polled = client_polled(&mut client, &Packet::PubAck(PubAck::new(3)));
    assert_eq!(polled, Ok(Some(client::Event::acknowledged("third"))));
    assert_eq!(client.in_flight(), 0);
}

#[test]
fn the_client_pings_and_wants_an_answer() {
    let start = Instant::now();
    let mut client = TestClient::new(10, start);
    let mut connect = connect(false);
    connect.keep_alive = 60;
    client.connect(&connect, Duration::from_secs(10), start);
    assert_eq!(client.deadline(), None, "the wait for CONNACK is the caller's");
    let accepted = start + Duration::from_secs(1);
    let mut input = BytesMut::from(&encoded(&connack(false))[..]);
    assert!(matches!(client.poll(&mut input, accepted), Ok(Some(client::Event::Connected { .. }))));
    client.output().clear();
    client
        .publish_qos0(
            &message(QoS::AtMostOnce),
            start + Duration::from_secs(3),
            start + Duration::from_secs(3),
        )
        .unwrap();
    client.output().clear();

    let due = accepted + Duration::from_secs(60);
    assert_eq!(client.deadline(), Some(due));
    assert_eq!(client.handle_timeout(due), Ok(()));
    assert_eq!(client.output(), &encoded(&Packet::PingReq)[..]);
    let answered = due + Duration::from_secs(9);
    let mut input = BytesMut::from(&encoded(&Packet::PingResp)[..]);
    assert_eq!(client.poll(&mut input, answered), Ok(None));
    assert_eq!(client.deadline(), Some(due + Duration::from_secs(60)));

    assert_eq!(client.handle_timeout(due + Duration::from_secs(60)), Ok(()));
    assert_eq!(client.handle_timeout(due + Duration::from_secs(69)), Ok(()));
    assert_eq!(
        client.handle_timeout(due + Duration::from_secs(70)),
        Err(Dead::Silent(Duration::from_secs(10)))
    );
}
