//! Who gets which session, and for how long it is kept.

use super::*;

#[test]
fn connack_says_what_the_namespace_bounds() {
    let mut world = World::new();
    let (_, connack) = world.connect(Connect { keep_alive: 0, ..v5("") });
    let told = connack.properties;
    assert_eq!(told.receive_maximum(), Some(1000));
    assert_eq!((told.maximum_qos(), told.retain_available()), (Some(true), Some(true)));
    assert_eq!((told.maximum_packet_size(), told.topic_alias_maximum()), (Some(524_288), Some(10)));
    assert_eq!((told.wildcard_available(), told.shared_available()), (Some(true), Some(true)));
    assert_eq!((told.subscription_ids_available(), told.server_keep_alive()), (Some(true), Some(1160)));
    assert!(told.assigned_client_id().is_some_and(|id| !id.is_empty()));
    assert_eq!(told.session_expiry(), None);
    let (_, connack) = world.connect(Connect { keep_alive: 1160, ..lasting("c", 3601) });
    let told = connack.properties;
    assert_eq!((told.server_keep_alive(), told.assigned_client_id()), (None, None));
    assert_eq!(told.session_expiry(), Some(3600));
}

#[test]
fn what_connect_may_not_ask_for_is_refused() {
    let mut world = World::new();
    let refused = |world: &mut World, connect: Connect| {
        world.connect_as("c", connect).err().map(|connack| connack.reason)
    };
    let user = Connect { properties: properties(|p| p.user_property("a", "b")), ..v5("c") };
    assert_eq!(refused(&mut world, user), Some(ReasonCode::ImplementationSpecificError));
    let long = "x".repeat(257);
    assert_eq!(refused(&mut world, v5(&long)), Some(ReasonCode::ClientIdentifierNotValid));
    let kept = Connect { clean_start: false, ..v3("") };
    assert_eq!(refused(&mut world, kept), Some(ReasonCode::ClientIdentifierNotValid));
    assert_eq!(refused(&mut world, v3("")), None);
}

#[test]
fn messages_wait_for_a_session_that_is_kept() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    for connect in [lasting("s5", 60), Connect { clean_start: false, ..v3("s3") }] {
        let (mut peer, connack) = world.connect(connect.clone());
        assert!(!connack.session_present);
        world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
        world.send(&mut peer, &[Packet::Disconnect(Disconnect::normal())]);
        assert_eq!(world.farewell(&mut peer).unwrap().0, End::Client(Disconnect::normal()));
        for index in 0..3 {
            world.publish(&mut publisher, message("t/a", QOS0, "lost"));
            world.publish(&mut publisher, message("t/a", QOS1, &index.to_string()));
        }
        let (mut peer, connack) = world.connect(connect.clone());
        assert!(connack.session_present);
        assert_eq!(world.payloads(&mut peer), ["0", "1", "2"]);
        world.broker.end(peer.connection, End::Lost, world.now);
        // A clean start forgets it all.
        let (mut peer, connack) = world.connect(Connect { clean_start: true, ..connect });
        assert!(!connack.session_present);
        world.publish(&mut publisher, message("t/a", QOS1, "x"));
        assert_eq!(world.payloads(&mut peer), [""; 0]);
        world.broker.end(peer.connection, End::Lost, world.now);
    }
}

#[test]
fn a_session_is_forgotten_in_time() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(lasting("c", 60));
    world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
    world.broker.end(peer.connection, End::Lost, world.now);
    assert_eq!(world.broker.deadline(), Some(world.now + 60 * SECOND));
    world.pass(59 * SECOND);
    assert_eq!((world.broker.sessions(), world.broker.connected()), (1, 0));
    world.pass(SECOND);
    assert_eq!((world.broker.sessions(), world.broker.subscriptions()), (0, 0));
    assert_eq!(world.broker.deadline(), None);

    // For ever is an hour here, and what DISCONNECT says counts.
    let (mut peer, _) = world.connect(lasting("c", u32::MAX));
    world.broker.end(peer.connection, End::Lost, world.now);
    world.pass(3599 * SECOND);
    assert!(world.connect(lasting("c", 60)).1.session_present);
    world.pass(3600 * SECOND);
    let (again, connack) = world.connect(lasting("c", 60));
    assert!(connack.session_present, "nothing is forgotten while its client is there");
    peer = again;
    let goodbye = Disconnect { properties: properties(|p| p.session_expiry(0)), ..Disconnect::normal() };
    world.send(&mut peer, &[Packet::Disconnect(goodbye)]);
    assert_eq!(world.broker.sessions(), 0);
}

#[test]
fn too_much_that_waits_ends_the_session() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    for (count, size, is_kept) in [(100, 1, true), (101, 1, false), (5, 200_000, true), (6, 200_000, false)] {
        let (mut peer, _) = world.connect(lasting("s", 60));
        world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
        world.broker.end(peer.connection, End::Lost, world.now);
        for _ in 0..count {
            world.publish(&mut publisher, message("t/a", QOS1, &"x".repeat(size)));
        }
        let (mut peer, connack) = world.connect(lasting("s", 60));
        assert_eq!(connack.session_present, is_kept, "{count} of {size}");
        assert_eq!(world.messages(&mut peer).len(), if is_kept { count } else { 0 });
        world.connect(v5("s"));
    }
}

#[test]
fn another_connection_takes_over_with_what_is_in_flight() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    let (mut first, _) = world.connect(lasting("s", 60));
    world.subscribe(&mut first, Subscribe::new("t/#", QOS1));
    for payload in ["1", "2"] {
        world.publish(&mut publisher, message("t/a", QOS1, payload));
    }
    let sent = world.got(&mut first);
    let (mut second, connack) = world.connect(lasting("s", 60));
    assert!(connack.session_present);
    let taken_over = (End::TakenOver, Some(ReasonCode::SessionTakenOver));
    assert_eq!(world.farewell(&mut first), Some(taken_over));
    let again = world.got(&mut second);
    for (sent, again) in sent.iter().zip(&again) {
        let (Packet::Publish(sent), Packet::Publish(again)) = (sent, again) else { panic!("{again:?}") };
        let expected = Publish { dup: true, ..sent.clone() };
        assert_eq!((again, &again.payload), (&expected, &sent.payload));
    }
    assert_eq!(again.len(), 2);
    // What the old connection still says is nobody's.
    assert_eq!(world.send(&mut first, &[Packet::PingReq]), Received::Over);
    assert_eq!(world.broker.connected(), 2);
}

#[test]
fn a_session_is_its_owners_alone() {
    let mut world = World::new();
    let (_alive, _) = world.connect_as("owner", lasting("id", 60)).unwrap();
    let refused = world.connect_as("thief", lasting("id", 60)).err().unwrap();
    assert_eq!(refused.reason, ReasonCode::NotAuthorized);
    let refused = world.connect_as("thief", v3("id")).err().unwrap();
    assert_eq!(refused.reason, ReasonCode::NotAuthorized);
    assert!(world.connect_as("OWNER", lasting("id", 60)).unwrap().1.session_present);
    // One session for each name, which counts while nobody is connected.
    let refused = world.connect_as("owner", v5("another")).err().unwrap();
    assert_eq!(refused.reason, ReasonCode::QuotaExceeded);
    let limits = Limits { sessions_per_name: 2, sessions: 2, ..Limits::default() };
    let mut world = World::with(limits, Behaviours::default());
    world.connect_as("owner", v5("1")).unwrap();
    world.connect_as("owner", v5("2")).unwrap();
    let refused = world.connect_as("other", v5("3")).err().unwrap();
    assert_eq!(refused.reason, ReasonCode::QuotaExceeded);
}

#[test]
fn a_client_that_takes_no_connack_is_gone() {
    let mut world = World::new();
    let properties = properties(|p| p.maximum_packet_size(5));
    let connect = Connect { properties, ..v5("c") };
    let mut server = world.broker.server(world.now);
    let mut bytes = BytesMut::new();
    codec::encode(&Packet::Connect(Box::new(connect)), Version::Mqtt5, &mut bytes, usize::MAX).unwrap();
    let Ok(Some(Event::Connect(connect))) = server.poll(&mut bytes, world.now) else { panic!("no CONNECT") };
    let principal =
        Principal { name: AuthenticationName::parse("c").unwrap(), attributes: Attributes::default() };
    let identity = Identity { principal: Arc::new(principal), standing: Standing::Asserted };
    let accepted = world.broker.connect(server, *connect, identity, world.now).unwrap();
    assert!(world.broker.farewell(accepted.connection).is_some());
    assert_eq!((world.broker.sessions(), world.broker.connected()), (0, 0));
}
