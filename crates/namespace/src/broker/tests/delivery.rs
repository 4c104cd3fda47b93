//! Who gets a message, and how.

use super::*;

#[test]
fn messages_go_from_one_to_all_who_subscribed_in_either_version() {
    let mut world = World::new();
    let mut publishers = [world.connect(v5("p5")).0, world.connect(v3("p3")).0];
    let mut subscribers = [v5("s5"), v3("s3")].map(|connect| world.connect(connect).0);
    for peer in &mut subscribers {
        assert_eq!(world.subscribe(peer, Subscribe::new("t/+", QOS1)), [ReasonCode::GrantedQoS1]);
    }
    for publisher in &mut publishers {
        for qos in [QOS0, QOS1] {
            let code = world.publish(publisher, message("t/a", qos, "hello"));
            assert_eq!(code, (qos == QOS1).then_some(ReasonCode::Success));
            for subscriber in &mut subscribers {
                let messages = world.messages(subscriber);
                assert_eq!(messages.len(), 1);
                let Publish { topic, qos: got, payload, retain: false, .. } = &messages[0] else {
                    panic!("{messages:?}")
                };
                assert_eq!((topic.as_str(), *got, &payload[..]), ("t/a", qos, &b"hello"[..]));
            }
        }
    }
    assert_eq!((world.broker.connected(), world.broker.subscriptions()), (4, 2));
}

#[test]
fn properties_arrive_as_they_were_sent() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    let aliased =
        properties(|p| p.topic_alias(3).user_property("a", "b").user_property("a", "c").content_type("x"));
    world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
    let first = Publish { properties: aliased, ..message("t/a", QOS1, "1") };
    assert_eq!(world.publish(&mut peer, first), Some(ReasonCode::Success));
    let second = Publish { properties: properties(|p| p.topic_alias(3)), ..message("", QOS1, "2") };
    assert_eq!(world.publish(&mut peer, second), Some(ReasonCode::Success));
    let messages = world.messages(&mut peer);
    let [first, second] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(
        first.properties,
        properties(|p| p.user_property("a", "b").user_property("a", "c").content_type("x"))
    );
    assert_eq!((second.topic.as_str(), second.properties.is_empty()), ("t/a", true));
}

#[test]
fn filters_that_overlap_give_one_copy_with_all_identifiers() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    for (text, qos, identifier) in [("t/a", QOS0, 5), ("t/+", QOS1, 6), ("t/#", QOS0, 0)] {
        let mut subscribe = Subscribe::new(text, qos);
        if identifier > 0 {
            subscribe.properties = properties(|p| p.subscription_identifier(identifier));
        }
        world.subscribe(&mut peer, subscribe);
    }
    world.publish(&mut peer, message("t/a", QOS1, "x"));
    let messages = world.messages(&mut peer);
    assert_eq!((messages.len(), messages[0].qos), (1, QOS1));
    let mut identifiers: Vec<u32> = messages[0].properties.subscription_identifiers().collect();
    identifiers.sort_unstable();
    assert_eq!(identifiers, [5, 6]);
}

#[test]
fn nobody_gets_what_it_does_not_want() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    let (mut other, _) = world.connect(v5("d"));
    for peer in [&mut peer, &mut other] {
        let asked = SubscribeFilter { no_local: true, qos: QOS0, ..filter("t/a") };
        world.subscribe(peer, Subscribe::of(vec![asked]));
    }
    world.publish(&mut peer, message("t/a", QOS1, "x"));
    assert_eq!(world.messages(&mut peer), []);
    let messages = world.messages(&mut other);
    assert_eq!((messages.len(), messages[0].qos), (1, QOS0));
    assert_eq!(
        world.unsubscribe(&mut other, &["t/a", "t/b"]),
        [ReasonCode::Success, ReasonCode::NoSubscriptionExisted]
    );
    world.publish(&mut peer, message("t/a", QOS1, "x"));
    assert_eq!(world.messages(&mut other), []);
    assert_eq!(world.broker.subscriptions(), 1);
}

#[test]
fn one_of_a_shared_group_gets_each_message() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    let mut members: Vec<Peer> = (0..4)
        .map(|index| {
            let (mut peer, _) = world.connect(lasting(&format!("m{index}"), 60));
            world.subscribe(&mut peer, Subscribe::new("$share/g/t/#", QOS1));
            peer
        })
        .collect();
    // One that is not there gets none as long as others are.
    let gone = members.pop().unwrap();
    world.broker.end(gone.connection, End::Lost, world.now);
    for _ in 0..60 {
        world.publish(&mut publisher, message("t/a", QOS1, "x"));
    }
    let counts: Vec<usize> = members.iter_mut().map(|peer| world.messages(peer).len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 60);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for peer in &members {
        world.broker.end(peer.connection, End::Lost, world.now);
    }
    for _ in 0..60 {
        world.publish(&mut publisher, message("t/a", QOS1, "x"));
    }
    let (mut back, _) = world.connect(lasting("m3", 60));
    assert!(!world.messages(&mut back).is_empty());
}

#[test]
fn only_so_much_is_in_flight_and_the_rest_waits_in_order() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    for (receive_maximum, size, expected) in
        [(65_535, 1, 100), (7, 1, 7), (65_535, 10_000, 6), (65_535, 100_000, 1)]
    {
        let properties = properties(|p| p.receive_maximum(receive_maximum));
        let (mut peer, _) = world.connect(Connect { properties, ..v5("s") });
        world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
        let payload = |index| format!("{index}{}", "x".repeat(size));
        for index in 0..120 {
            world.publish(&mut publisher, message("t/a", QOS1, &payload(index)));
        }
        let sent = world.got(&mut peer);
        assert_eq!(sent.len(), expected, "{receive_maximum} {size}");
        let acks: Vec<Packet> = sent
            .iter()
            .map(|packet| match packet {
                Packet::Publish(publish) => Packet::PubAck(PubAck::new(publish.packet_id)),
                other => panic!("{other:?}"),
            })
            .collect();
        world.send(&mut peer, &acks);
        let rest = world.payloads(&mut peer);
        assert_eq!(rest, (expected..120).map(payload).collect::<Vec<_>>());
    }
}

#[test]
fn what_a_client_does_not_read_is_bounded() {
    let limits = Limits {
        connected_queue: crate::limits::QueueLimit { messages: 50, bytes: 1 << 20 },
        ..Limits::default()
    };
    let mut world = World::with(limits, Behaviours::default());
    let (mut publisher, _) = world.connect(v5("p"));
    let (mut peer, _) = world.connect(v5("s"));
    world.subscribe(&mut peer, Subscribe::new("t/0", QOS0));
    let payload = "x".repeat(1000);
    for _ in 0..1000 {
        world.publish(&mut publisher, message("t/0", QOS0, &payload));
    }
    // 256 KiB of output, and the queue.
    let dropped = world.broker.dropped();
    assert!((650..750).contains(&dropped), "{dropped}");
    assert_eq!(world.messages(&mut peer).len() as u64, 1000 - dropped);

    world.subscribe(&mut peer, Subscribe::new("t/1", QOS1));
    for _ in 0..150 {
        world.publish(&mut publisher, message("t/1", QOS1, "x"));
    }
    assert!(world.is_alive(&peer));
    world.publish(&mut publisher, message("t/1", QOS1, "x"));
    assert_eq!(world.farewell(&mut peer).unwrap(), (End::Overflow, Some(ReasonCode::QuotaExceeded)));
}

#[test]
fn the_time_of_a_message_runs_while_it_waits() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    let (mut peer, _) = world.connect(lasting("s", 600));
    world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
    world.broker.end(peer.connection, End::Lost, world.now);
    for (expiry, payload) in [(10, "short"), (100, "long"), (0, "never")] {
        let properties = properties(|p| p.message_expiry(expiry));
        world.publish(&mut publisher, Publish { properties, ..message("t/a", QOS1, payload) });
    }
    world.pass(30 * SECOND);
    let (mut peer, connack) = world.connect(lasting("s", 600));
    assert!(connack.session_present);
    let messages = world.messages(&mut peer);
    let got: Vec<_> = messages.iter().map(|m| (&m.payload[..], m.properties.message_expiry())).collect();
    assert_eq!(got, [(&b"long"[..], Some(70)), (&b"never"[..], Some(0))]);
}

#[test]
fn an_expiry_of_zero_is_over_at_once_by_the_standard() {
    let mut world = World::behaving(&[("zero_expiry", "at-once")]);
    let (mut peer, _) = world.connect(v5("c"));
    world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
    let properties = properties(|p| p.message_expiry(0));
    let publish = Publish { properties, ..message("t/a", QOS1, "x") };
    assert_eq!(world.publish(&mut peer, publish), Some(ReasonCode::Success));
    assert_eq!(world.messages(&mut peer), []);
}

#[test]
fn one_that_reads_no_answers_has_no_more_of_its_packets_taken() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    let pings = [0xc0, 0].repeat(1000);
    let mut received = Received::All;
    for _ in 0..1000 {
        let mut input = BytesMut::from(&pings[..]);
        received = world.broker.receive(peer.connection, &mut input, world.now);
        if received != Received::All {
            assert_eq!(input.len(), pings.len());
            break;
        }
    }
    assert_eq!(received, Received::Paused);
    assert!(world.got(&mut peer).len() < 300_000);
    assert_eq!(world.send(&mut peer, &[Packet::PingReq]), Received::All);
}
