//! Faults as a client sees them: over a real socket.

use std::time::Duration;

use azmqtt_mqtt::{Packet, Publish, QoS, ReasonCode, Subscribe};
use bytes::BytesMut;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;

use super::bad_days::{connect_packet, read, shaken, write};
use super::support::*;
use crate::faults::{Rule, Schedule};
use crate::life_cycle::{DisconnectionReason, Happened};

/// A client whose every packet a test writes and reads.
struct Peer {
    stream: TlsStream<TcpStream>,
    input: BytesMut,
}

impl Peer {
    async fn new(world: &World, name: &str) -> Self {
        let mut peer = Self { stream: shaken(world, name).await, input: BytesMut::new() };
        peer.send(&connect_packet(name)).await;
        let answer = peer.next().await;
        assert!(
            matches!(&answer, Some(Packet::ConnAck(ack)) if ack.reason == ReasonCode::Success),
            "{answer:?}"
        );
        peer
    }

    async fn send(&mut self, packet: &Packet) {
        write(&mut self.stream, packet).await.unwrap();
    }

    async fn publish(&mut self, packet_id: u16, body: &'static str) {
        let publish = Publish { packet_id, ..Publish::new("t/1", QoS::AtLeastOnce, body) };
        self.send(&Packet::Publish(publish)).await;
    }

    async fn subscribe(&mut self) -> Option<Packet> {
        let subscribe = Subscribe { packet_id: 9, ..Subscribe::new("t/#", QoS::AtLeastOnce) };
        self.send(&Packet::Subscribe(subscribe)).await;
        self.next().await
    }

    async fn next(&mut self) -> Option<Packet> {
        read(&mut self.stream, &mut self.input).await
    }

    async fn body(&mut self) -> String {
        match self.next().await {
            Some(Packet::Publish(publish)) => String::from_utf8(publish.payload.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn puback(&mut self) -> (u16, ReasonCode) {
        match self.next().await {
            Some(Packet::PubAck(ack)) => (ack.packet_id, ack.reason),
            other => panic!("{other:?}"),
        }
    }
}

fn world() -> World {
    let world = World::new();
    world.contoso(&["t/#"]);
    world
}

fn inject(world: &World, rule: Value) -> u64 {
    world.namespace.inject_fault(Rule::from_json(rule).unwrap()).unwrap()
}

#[tokio::test]
async fn a_lost_puback_leaves_the_message_delivered() {
    let world = world();
    let (mut subscriber, mut publisher) = (Peer::new(&world, "s").await, Peer::new(&world, "p").await);
    subscriber.subscribe().await;
    let id = inject(&world, json!({"fault": "lose", "on": "puback", "client_id": "p"}));
    publisher.publish(1, "one").await;
    publisher.publish(2, "two").await;
    assert_eq!((subscriber.body().await, subscriber.body().await), ("one".to_owned(), "two".to_owned()));
    assert_eq!(publisher.puback().await, (2, ReasonCode::Success));
    assert_eq!(world.namespace.wait_for_fault(id, 1, LONG), Some(1));
    assert_eq!(world.namespace.fired_faults(0)[0].whose, "p");
}

#[tokio::test]
async fn a_lost_message_reaches_nobody_and_a_refused_one_neither() {
    let world = world();
    let (mut subscriber, mut publisher) = (Peer::new(&world, "s").await, Peer::new(&world, "p").await);
    subscriber.subscribe().await;
    inject(&world, json!({"fault": "lose", "on": "publish"}));
    publisher.publish(1, "lost").await;
    publisher.publish(2, "two").await;
    assert_eq!(publisher.puback().await, (2, ReasonCode::Success));
    inject(&world, json!({"fault": "answer", "on": "publish", "code": 0x97}));
    publisher.publish(3, "refused").await;
    publisher.publish(4, "four").await;
    assert_eq!(publisher.puback().await, (3, ReasonCode::QuotaExceeded));
    assert_eq!(publisher.puback().await, (4, ReasonCode::Success));
    assert_eq!((subscriber.body().await, subscriber.body().await), ("two".to_owned(), "four".to_owned()));
}

#[tokio::test]
async fn a_subscription_is_refused() {
    let world = world();
    let mut client = Peer::new(&world, "c").await;
    inject(&world, json!({"fault": "answer", "on": "subscribe", "code": 0x8f}));
    let Some(Packet::SubAck(ack)) = client.subscribe().await else { panic!("no SUBACK") };
    assert_eq!(ack.reasons, [ReasonCode::TopicFilterInvalid]);
    assert!(matches!(client.subscribe().await, Some(Packet::SubAck(ack)) if !ack.reasons[0].is_error()));
}

#[tokio::test]
async fn a_client_is_refused_or_never_answered() {
    let world = world();
    inject(&world, json!({"fault": "refuse", "code": 0x88, "client_id": "c"}));
    let mut stream = shaken(&world, "c").await;
    write(&mut stream, &connect_packet("c")).await.unwrap();
    let Some(Packet::ConnAck(ack)) = read(&mut stream, &mut BytesMut::new()).await else {
        panic!("no CONNACK")
    };
    assert_eq!(ack.reason, ReasonCode::ServerUnavailable);
    inject(&world, json!({"fault": "drop", "on": "connect"}));
    let mut stream = shaken(&world, "c").await;
    write(&mut stream, &connect_packet("c")).await.unwrap();
    assert!(read(&mut stream, &mut BytesMut::new()).await.is_none());
    Peer::new(&world, "c").await;
}

#[tokio::test]
async fn connections_end_at_once_as_the_rule_says() {
    for (fault, reason, says) in [
        ("drop", DisconnectionReason::ConnectionLost, None),
        ("shut_down", DisconnectionReason::ConnectionLost, None),
        ("take_over", DisconnectionReason::SessionTakenOver, Some(ReasonCode::SessionTakenOver)),
        ("expire_token", DisconnectionReason::ClientAuthenticationError, Some(ReasonCode::NotAuthorized)),
    ] {
        let world = world();
        let (mut struck, mut other) = (Peer::new(&world, "struck").await, Peer::new(&world, "other").await);
        inject(&world, json!({"fault": fault, "client_id": "struck"}));
        let said = match struck.next().await {
            Some(Packet::Disconnect(disconnect)) => Some(disconnect.reason),
            None => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(said, says, "{fault}");
        other.publish(1, "still there").await;
        assert_eq!(other.puback().await, (1, ReasonCode::Success));
        let events = world.namespace.life_cycle_events(0);
        let ended = events.into_iter().rev().find_map(|event| match event.happened {
            Happened::Disconnected(session, reason) => Some((session.session.to_string(), reason)),
            _ => None,
        });
        assert_eq!(ended, Some(("struck".to_owned(), reason)), "{fault}");
    }
}

#[tokio::test]
async fn messages_come_late_twice_and_in_half() {
    let world = world();
    let (mut subscriber, mut publisher) = (Peer::new(&world, "s").await, Peer::new(&world, "p").await);
    subscriber.subscribe().await;
    inject(&world, json!({"fault": "duplicate", "on": "message"}));
    publisher.publish(1, "one").await;
    assert_eq!((subscriber.body().await, subscriber.body().await), ("one".to_owned(), "one".to_owned()));
    inject(&world, json!({"fault": "delay", "on": "message", "seconds": 0.3}));
    let start = Instant::now();
    publisher.publish(2, "late").await;
    publisher.publish(3, "behind it").await;
    assert_eq!(
        (subscriber.body().await, subscriber.body().await),
        ("late".to_owned(), "behind it".to_owned())
    );
    assert!(start.elapsed() >= Duration::from_millis(300));
    inject(&world, json!({"fault": "cut", "on": "message", "client_id": "s"}));
    publisher.publish(4, "in half").await;
    let mut rest = Vec::new();
    let end = timeout(LONG, subscriber.stream.read_to_end(&mut rest)).await.expect("it ends");
    assert!(end.is_err() || !rest.is_empty());
    assert!(rest.len() < 16 && !rest.windows(7).any(|part| part == b"in half"), "{rest:?}");
}

#[tokio::test]
async fn a_namespace_that_stops_reading_goes_on_where_it_stopped() {
    let world = world();
    let mut client = Peer::new(&world, "c").await;
    let start = Instant::now();
    inject(&world, json!({"fault": "delay", "on": "publish", "seconds": 0.3}));
    client.publish(1, "one").await;
    client.publish(2, "two").await;
    assert_eq!(client.puback().await.0, 1);
    assert_eq!(client.puback().await.0, 2);
    assert!(start.elapsed() >= Duration::from_millis(300));
    let start = Instant::now();
    inject(&world, json!({"fault": "silence", "seconds": 0.3}));
    client.publish(3, "three").await;
    assert_eq!(client.puback().await.0, 3);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_schedule_strikes_when_it_said() {
    let world = world();
    let mut client = Peer::new(&world, "c").await;
    let schedule = json!({"seed": 4, "duration": 2, "faults": [{"fault": "drop", "every": 0.2}]});
    let plan = world.namespace.start_fault_schedule(&Schedule::from_json(schedule).unwrap()).unwrap();
    assert!(!plan.is_empty());
    assert!(client.next().await.is_none());
    assert!(world.namespace.clear_faults() < plan.len());
}
