//! Wills.

use azmqtt_mqtt::Will;

use super::*;

fn with_will(connect: Connect, delay: Option<u32>) -> Connect {
    let mut will = Will::new("t/will", "gone", QOS1, false);
    if let Some(delay) = delay {
        will.properties = properties(|p| p.will_delay(delay).content_type("x"));
    }
    Connect { will: Some(will), ..connect }
}

fn watched() -> (World, Peer) {
    let mut world = World::new();
    let (mut watcher, _) = world.connect(v5("w"));
    world.subscribe(&mut watcher, Subscribe::new("t/#", QOS1));
    (world, watcher)
}

#[test]
fn a_will_is_published_unless_the_client_leaves_in_order() {
    let (mut world, mut watcher) = watched();
    for (goodbye, expected) in [
        (None, 1),
        (Some(Disconnect::normal()), 0),
        (Some(Disconnect::new(ReasonCode::DisconnectWithWill)), 1),
    ] {
        let (mut peer, _) = world.connect(with_will(v5("c"), None));
        match goodbye {
            None => world.broker.end(peer.connection, End::KeepAlive, world.now),
            Some(goodbye) => drop(world.send(&mut peer, &[Packet::Disconnect(goodbye)])),
        }
        assert_eq!(world.payloads(&mut watcher).len(), expected);
    }
    let (mut peer, _) = world.connect(with_will(v3("c"), None));
    world.send(&mut peer, &[Packet::Disconnect(Disconnect::normal())]);
    let (mut peer, _) = world.connect(with_will(v3("c"), None));
    assert_eq!(world.send(&mut peer, &[Packet::Connect(Box::new(v3("c")))]), Received::Over);
    assert_eq!(world.payloads(&mut watcher), ["gone"], "it broke the protocol");
}

#[test]
fn a_client_does_not_leave_in_order_with_user_properties() {
    for (choice, wills) in [("refused", 1), ("ignored", 0)] {
        let mut world = World::behaving(&[("user_properties", choice)]);
        let (mut watcher, _) = world.connect(v5("w"));
        world.subscribe(&mut watcher, Subscribe::new("t/#", QOS1));
        for (properties, wills) in [
            (properties(|p| p.reason_string("done for today")), 0),
            (properties(|p| p.user_property("a", "b")), wills),
        ] {
            let (mut peer, _) = world.connect(with_will(v5("c"), None));
            let goodbye = Disconnect { properties, ..Disconnect::normal() };
            assert_eq!(world.send(&mut peer, &[Packet::Disconnect(goodbye)]), Received::Over);
            assert_eq!(world.payloads(&mut watcher).len(), wills);
        }
    }
}

#[test]
fn a_will_waits_for_its_delay_or_the_end_of_the_session() {
    let (mut world, mut watcher) = watched();
    // The delay comes first.
    let (peer, _) = world.connect(with_will(lasting("c", 60), Some(10)));
    world.broker.end(peer.connection, End::Lost, world.now);
    world.pass(9 * SECOND);
    assert_eq!(world.messages(&mut watcher), []);
    world.pass(SECOND);
    let messages = world.messages(&mut watcher);
    assert_eq!((messages.len(), messages[0].properties.content_type()), (1, Some("x")));
    assert!(!messages[0].properties.has(azmqtt_mqtt::Property::WillDelayInterval));
    world.pass(60 * SECOND);
    assert_eq!(world.messages(&mut watcher), [], "once");
    // The session comes first.
    let (peer, _) = world.connect(with_will(lasting("c", 5), Some(10)));
    world.broker.end(peer.connection, End::Lost, world.now);
    world.pass(5 * SECOND);
    assert_eq!(world.payloads(&mut watcher), ["gone"]);
    // The client comes back in time.
    let (peer, _) = world.connect(with_will(lasting("c", 60), Some(10)));
    world.broker.end(peer.connection, End::Lost, world.now);
    world.connect(lasting("c", 60));
    world.pass(30 * SECOND);
    assert_eq!(world.messages(&mut watcher), []);
    // It comes back and begins anew: the session is over.
    let (peer, _) = world.connect(with_will(lasting("c", 60), Some(10)));
    world.broker.end(peer.connection, End::Lost, world.now);
    world.connect(v5("c"));
    assert_eq!(world.payloads(&mut watcher), ["gone"]);
}

#[test]
fn a_connection_that_takes_over_has_the_will_of_the_other_published() {
    let (mut world, mut watcher) = watched();
    world.connect(with_will(lasting("c", 60), None));
    let (_second, _) = world.connect(with_will(lasting("c", 60), None));
    assert_eq!(world.payloads(&mut watcher), ["gone"]);
}

#[test]
fn a_will_needs_the_permission() {
    for (choice, expected) in [("refused", Some(ReasonCode::NotAuthorized)), ("dropped", None)] {
        let mut world = World::behaving(&[("denied_will", choice)]);
        let connect = Connect { will: Some(Will::new("x/will", "gone", QOS1, false)), ..v5("c") };
        let connected = world.connect_as("c", connect);
        assert_eq!(connected.err().map(|connack| connack.reason), expected);
    }
    // The right is asked again when the will is due.
    let (mut world, mut watcher) = watched();
    let (peer, _) = world.connect(with_will(v5("c"), None));
    world.change(|directory| directory.delete_binding(&name("binding-Publisher")));
    world.broker.end(peer.connection, End::Lost, world.now);
    assert_eq!(world.messages(&mut watcher), []);
}

#[test]
fn a_will_is_bounded() {
    let mut world = World::new();
    let mut refused = |connect| world.connect_as("c", connect).err().map(|connack| connack.reason);
    assert_eq!(refused(with_will(v5("c"), Some(300))), None);
    assert_eq!(refused(with_will(v5("c"), Some(301))), Some(ReasonCode::ImplementationSpecificError));
    let twice = Connect { will: Some(Will::new("t/a", "x", QoS::ExactlyOnce, false)), ..v5("c") };
    assert_eq!(refused(twice), Some(ReasonCode::QoSNotSupported));
    let deep = Connect { will: Some(Will::new("t/".repeat(16), "x", QOS1, false)), ..v5("c") };
    assert_eq!(refused(deep), Some(ReasonCode::TopicNameInvalid));
}

#[test]
fn wills_that_end_sessions_whose_wills_end_sessions_come_to_an_end() {
    let limits =
        Limits { connected_queue: crate::limits::QueueLimit { messages: 0, bytes: 0 }, ..Limits::default() };
    let mut world = World::with(limits, Behaviours::default());
    let peers: Vec<Peer> = (0..50)
        .map(|index| {
            let connect = Connect {
                properties: properties(|p| p.receive_maximum(1)),
                ..with_will(v5(&format!("c{index}")), None)
            };
            let (mut peer, _) = world.connect(connect);
            world.subscribe(&mut peer, Subscribe::new("t/will", QOS1));
            peer
        })
        .collect();
    // The first message is in flight, the second is too much.
    world.broker.end(peers[0].connection, End::Lost, world.now);
    world.broker.end(peers[1].connection, End::Lost, world.now);
    assert_eq!(world.broker.sessions(), 0);
}
