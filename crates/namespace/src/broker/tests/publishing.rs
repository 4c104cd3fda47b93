//! What may be published, and what a client is told about what may not.

use super::*;

fn end_of(
    world: &mut World,
    connect: Connect,
    publish: Publish,
) -> (Option<ReasonCode>, Option<(End, Option<ReasonCode>)>) {
    let (mut peer, _) = world.connect(connect);
    let code = world.publish(&mut peer, publish);
    (code, world.farewell(&mut peer))
}

#[test]
fn a_message_without_the_permission_is_refused_as_its_version_allows() {
    let mut world = World::new();
    let (code, end) = end_of(&mut world, v5("a"), message("x/a", QOS1, "x"));
    assert_eq!((code, end), (Some(ReasonCode::NotAuthorized), None));
    let (_, end) = end_of(&mut world, v5("b"), message("x/a", QOS0, "x"));
    assert_eq!(end.unwrap().1, Some(ReasonCode::NotAuthorized));
    for qos in [QOS0, QOS1] {
        let (code, end) = end_of(&mut world, v3("c"), message("x/a", qos, "x"));
        let (end, said) = end.unwrap();
        assert_eq!((code, said, end.life_cycle_reason().name()), (None, None, "ClientAuthorizationError"));
    }
    let mut world = World::behaving(&[("denied_qos0", "dropped"), ("denied_publish_v3", "acknowledged")]);
    assert_eq!(end_of(&mut world, v5("b"), message("x/a", QOS0, "x")), (None, None));
    assert_eq!(end_of(&mut world, v3("c"), message("x/a", QOS0, "x")), (None, None));
    let acknowledged = (Some(ReasonCode::Success), None);
    assert_eq!(end_of(&mut world, v3("d"), message("x/a", QOS1, "x")), acknowledged);
}

#[test]
fn what_the_namespace_does_not_take_is_refused() {
    let mut world = World::new();
    let deep = format!("t{}", "/a".repeat(15));
    let long = format!("t/{}", "a".repeat(255));
    for topic in [&deep, &long] {
        let refused = (Some(ReasonCode::TopicNameInvalid), None);
        assert_eq!(end_of(&mut world, v5("a"), message(topic, QOS1, "x")), refused);
        let (_, end) = end_of(&mut world, v5("a"), message(topic, QOS0, "x"));
        assert_eq!(end.unwrap().1, Some(ReasonCode::TopicNameInvalid));
        assert!(end_of(&mut world, v3("a"), message(topic, QOS1, "x")).1.is_some());
    }
    let (_, end) = end_of(&mut world, v5("a"), message("t/a", QoS::ExactlyOnce, "x"));
    assert_eq!(end.unwrap().1, Some(ReasonCode::QoSNotSupported));
    assert!(end_of(&mut world, v3("a"), message("t/a", QoS::ExactlyOnce, "x")).1.is_some());
    let (_, end) = end_of(&mut world, v5("a"), message("t/a", QOS1, &"x".repeat(512 << 10)));
    assert_eq!(end.unwrap().1, Some(ReasonCode::PacketTooLarge));

    let text = "x".repeat(257);
    let many = "x".repeat(33_000);
    for properties in [
        properties(|p| p.content_type(&text)),
        properties(|p| p.correlation_data(text.as_bytes())),
        properties(|p| p.response_topic(&text)),
        properties(|p| p.user_property("a", &many)),
    ] {
        let publish = Publish { properties, ..message("t/a", QOS1, "x") };
        let refused = (Some(ReasonCode::ImplementationSpecificError), None);
        assert_eq!(end_of(&mut world, v5("a"), publish), refused);
    }
    let properties = properties(|p| p.content_type(&text[1..]).user_property("a", &many[1000..]));
    let publish = Publish { properties, ..message("t/a", QOS1, "x") };
    assert_eq!(end_of(&mut world, v5("a"), publish), (Some(ReasonCode::Success), None));
    let properties = self::properties(|p| p.topic_alias(11));
    let publish = Publish { properties, ..message("t/a", QOS1, "x") };
    assert_eq!(end_of(&mut world, v5("a"), publish).1.unwrap().1, Some(ReasonCode::TopicAliasInvalid));
}

#[test]
fn dollar_topics_are_ordinary_unless_they_are_refused() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    assert_eq!(world.subscribe(&mut peer, Subscribe::new("$dollar/#", QOS1)), [ReasonCode::GrantedQoS1]);
    assert_eq!(world.publish(&mut peer, message("$dollar/a", QOS1, "x")), Some(ReasonCode::Success));
    assert_eq!(world.messages(&mut peer).len(), 1);
    let mut world = World::behaving(&[("dollar_topics", "refused")]);
    let (mut peer, _) = world.connect(v5("c"));
    assert_eq!(world.subscribe(&mut peer, Subscribe::new("$dollar/#", QOS1)), [ReasonCode::NotAuthorized]);
    let refused = Some(ReasonCode::NotAuthorized);
    assert_eq!(world.publish(&mut peer, message("$dollar/a", QOS1, "x")), refused);
}

#[test]
fn a_client_that_refuses_a_message_is_disconnected() {
    for (choice, is_alive) in [("disconnected", false), ("ignored", true)] {
        let mut world = World::behaving(&[("refused_message", choice)]);
        let (mut peer, _) = world.connect(v5("c"));
        world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
        world.publish(&mut peer, message("t/a", QOS1, "x"));
        let id = match &world.got(&mut peer)[..] {
            [Packet::Publish(publish)] => publish.packet_id,
            other => panic!("{other:?}"),
        };
        let refusal = PubAck::with_reason(id, ReasonCode::UnspecifiedError);
        world.send(&mut peer, &[Packet::PubAck(refusal)]);
        assert_eq!(world.is_alive(&peer), is_alive);
    }
}

#[test]
fn an_answer_to_a_message_has_no_user_properties() {
    for (choice, is_alive) in [("refused", false), ("ignored", true)] {
        let mut world = World::behaving(&[("user_properties", choice)]);
        let (mut peer, _) = world.connect(lasting("c", 60));
        world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
        // A reason string is another thing: it is for people, and nobody here reads it.
        for (properties, is_alive) in [
            (properties(|p| p.reason_string("thanks")), true),
            (properties(|p| p.user_property("a", "b")), is_alive),
        ] {
            world.publish(&mut peer, message("t/a", QOS1, "x"));
            let packet_id = match &world.got(&mut peer)[..] {
                [Packet::Publish(publish)] => publish.packet_id,
                other => panic!("{other:?}"),
            };
            world.send(&mut peer, &[Packet::PubAck(PubAck { properties, ..PubAck::new(packet_id) })]);
            assert_eq!(world.is_alive(&peer), is_alive);
        }
        if !is_alive {
            let (end, code) = world.farewell(&mut peer).unwrap();
            assert!(matches!(end, End::Misbehaved(..)), "{end:?}");
            assert_eq!(code, Some(ReasonCode::ImplementationSpecificError));
            // The client has the message all the same.
            let (mut again, _) = world.connect(lasting("c", 60));
            assert_eq!(world.messages(&mut again), []);
        }
    }
}

#[test]
fn more_messages_than_the_receive_maximum_end_the_connection() {
    let limits = Limits { receive_maximum: 3, ..Limits::default() };
    let mut world = World::with(limits, Behaviours::default());
    let (mut peer, connack) = world.connect(v5("c"));
    assert_eq!(connack.properties.receive_maximum(), Some(3));
    // Each is answered at once, and so there are never more.
    let packets: Vec<Packet> = (1..=100)
        .map(|packet_id| Packet::Publish(Publish { packet_id, ..message("t/a", QOS1, "x") }))
        .collect();
    assert_eq!(world.send(&mut peer, &packets), Received::All);
    assert_eq!(world.got(&mut peer).len(), 100);
}
