//! What may be subscribed to.

use super::*;

#[test]
fn a_filter_that_no_template_covers_is_refused() {
    let mut world = World::new();
    let filters = ["t/a", "x/a", "#", "t/+/b", "+/a", "t", "$share/g/t/a", "$share/g/x"].map(filter);
    let (mut peer, _) = world.connect(v5("c"));
    let codes = world.subscribe(&mut peer, Subscribe::of(filters.to_vec()));
    let (yes, no) = (ReasonCode::GrantedQoS1, ReasonCode::NotAuthorized);
    assert_eq!(codes, [yes, no, no, yes, no, yes, yes, no]);
    let (mut peer, _) = world.connect(v3("d"));
    let codes = world.subscribe(&mut peer, Subscribe::of(filters[..2].to_vec()));
    assert_eq!(codes, [yes, ReasonCode::UnspecifiedError], "0x80 is all that MQTT 3.1.1 has");

    let mut world = World::behaving(&[("denied_subscribe", "unspecified")]);
    let (mut peer, _) = world.connect(v5("c"));
    assert_eq!(world.subscribe(&mut peer, Subscribe::new("x", QOS1)), [ReasonCode::UnspecifiedError]);
}

#[test]
fn user_properties_are_not_taken() {
    let subscribe =
        || Subscribe { properties: properties(|p| p.user_property("a", "b")), ..Subscribe::new("t/a", QOS1) };
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    assert_eq!(world.subscribe(&mut peer, subscribe()), [ReasonCode::ImplementationSpecificError]);

    let mut world = World::behaving(&[("user_properties", "ignored")]);
    let (mut peer, _) = world.connect(v5("c"));
    assert_eq!(world.subscribe(&mut peer, subscribe()), [ReasonCode::GrantedQoS1]);
}

#[test]
fn filters_are_bounded() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    let deep = format!("t{}", "/a".repeat(15));
    let long = format!("t/{}", "a".repeat(255));
    let filters = vec![filter(&deep), filter(&long), filter("t/a")];
    let codes = world.subscribe(&mut peer, Subscribe::of(filters));
    let invalid = ReasonCode::TopicFilterInvalid;
    assert_eq!(codes, [invalid, invalid, ReasonCode::GrantedQoS1]);

    let many = |range: std::ops::Range<u32>| {
        Subscribe::of(range.map(|index| filter(&format!("t/{index}"))).collect())
    };
    assert_eq!(world.subscribe(&mut peer, many(0..11)), [ReasonCode::QuotaExceeded; 11]);
    for tens in 0..4 {
        let codes = world.subscribe(&mut peer, many(tens * 10..tens * 10 + 10));
        assert_eq!(codes, [ReasonCode::GrantedQoS1; 10]);
    }
    let codes = world.subscribe(&mut peer, many(40..50));
    assert_eq!(codes.iter().filter(|code| code.is_error()).count(), 1, "50 in all");
    assert_eq!(codes[9], ReasonCode::QuotaExceeded);
    // What is there already is replaced.
    assert_eq!(world.subscribe(&mut peer, many(0..1)), [ReasonCode::GrantedQoS1]);
    assert_eq!(world.broker.subscriptions(), 50);

    let (mut peer, _) = world.connect(v5("shared"));
    for index in 0..12 {
        let code = world.subscribe(&mut peer, Subscribe::new(format!("$share/g{index}/t/a"), QOS1));
        assert_eq!(code[0].is_error(), index >= 10);
    }
    let lasting = world.broker.subscriptions();
    world.broker.end(peer.connection, End::Lost, world.now);
    assert_eq!(world.broker.subscriptions(), lasting - 10);
}

#[test]
fn the_highest_qos_is_one() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    let codes = world.subscribe(&mut peer, Subscribe::new("t/a", QoS::ExactlyOnce));
    assert_eq!(codes, [ReasonCode::GrantedQoS1]);
}

#[test]
fn shared_subscriptions_end_a_connection_of_mqtt_3() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v3("c"));
    let subscribe = Subscribe { packet_id: 1, ..Subscribe::new("$share/g/t/a", QOS1) };
    world.send(&mut peer, &[Packet::Subscribe(subscribe)]);
    assert!(world.farewell(&mut peer).is_some());
}

#[test]
fn subscription_identifiers_can_be_switched_off() {
    let mut world = World::behaving(&[("subscription_identifiers", "unavailable")]);
    let (mut peer, connack) = world.connect(v5("c"));
    assert_eq!(connack.properties.subscription_ids_available(), Some(false));
    let properties = properties(|p| p.subscription_identifier(1));
    let subscribe = Subscribe { packet_id: 1, properties, ..Subscribe::new("t/a", QOS1) };
    // The client was told [MQTT 5 §3.2.2.3.12].
    world.send(&mut peer, &[Packet::Subscribe(subscribe)]);
    let said = world.farewell(&mut peer).unwrap().1;
    assert_eq!(said, Some(ReasonCode::SubscriptionIdentifiersNotSupported));
}

#[test]
fn what_waited_for_a_member_that_is_gone_goes_to_another() {
    let mut world = World::new();
    let (mut gone, _) = world.connect(lasting("gone", 10));
    world.subscribe(&mut gone, Subscribe::of(vec![filter("$share/g/t/+"), filter("t/own")]));
    let mut publisher = world.connect(v5("p")).0;
    world.broker.end(gone.connection, End::Lost, world.now);
    for (topic, body) in [("t/1", "one"), ("t/own", "its own"), ("t/2", "two")] {
        world.publish(&mut publisher, message(topic, QOS1, body));
    }
    let (mut other, _) = world.connect(v5("other"));
    world.subscribe(&mut other, Subscribe::new("$share/g/t/+", QOS1));
    assert!(world.messages(&mut other).is_empty());
    world.pass(11 * SECOND);
    let got: Vec<_> = world.messages(&mut other).into_iter().map(|publish| publish.payload).collect();
    assert_eq!(got, ["one", "two"]);
}
