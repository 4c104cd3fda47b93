//! The rates of the service.

use super::*;

fn world() -> World {
    World::with(Limits::of_units(1).with_service_rates(1), Behaviours::default())
}

#[test]
fn messages_over_the_rate_end_the_connection() {
    let mut world = world();
    for connect in [v5("c5"), v3("c3")] {
        let (mut peer, _) = world.connect(connect);
        world.pass(SECOND);
        for _ in 0..1000 {
            world.publish(&mut peer, message("t/a", QOS0, "x"));
        }
        assert!(world.is_alive(&peer));
        world.publish(&mut peer, message("t/a", QOS0, "x"));
        let (end, code) = world.farewell(&mut peer).unwrap();
        let expected = (peer.version == Version::Mqtt5).then_some(ReasonCode::MessageRateTooHigh);
        assert_eq!((code, end.life_cycle_reason().name()), (expected, "QuotaExceeded"));
        world.pass(SECOND);
    }
    // Half a second brings half of it.
    let (mut peer, _) = world.connect(v5("c"));
    world.pass(SECOND);
    for _ in 0..1000 {
        world.publish(&mut peer, message("t/a", QOS0, "x"));
    }
    world.pass(SECOND / 2);
    for _ in 0..500 {
        world.publish(&mut peer, message("t/a", QOS0, "x"));
    }
    assert!(world.is_alive(&peer));
    world.pass(SECOND);
    let large = "x".repeat(499_000);
    world.publish(&mut peer, message("t/a", QOS0, &large));
    world.publish(&mut peer, message("t/a", QOS0, &large));
    assert!(world.is_alive(&peer));
    world.publish(&mut peer, message("t/a", QOS0, &large));
    assert!(!world.is_alive(&peer), "a megabyte a second");
}

#[test]
fn subscriptions_and_connections_have_their_rates() {
    let mut world = world();
    let (mut peer, _) = world.connect(lasting("c", 60));
    for count in 0..7 {
        let code = world.subscribe(&mut peer, Subscribe::new("t/a", QOS1))[0];
        assert_eq!(code == ReasonCode::QuotaExceeded, count >= 5, "{count}");
    }
    let refused = world.connect_as("c", lasting("c", 60)).err().unwrap();
    assert_eq!(refused.reason, ReasonCode::ConnectionRateExceeded);
    assert!(world.is_alive(&peer), "nobody takes over who may not connect");
    world.pass(SECOND);
    world.connect_as("c", lasting("c", 60)).unwrap();
    let refused = (0..300).filter(|index| {
        let name = format!("many{index}");
        world.connect_as(&name, v5(&name)).is_err()
    });
    assert_eq!(refused.count(), 101);
}

#[test]
fn without_rates_there_is_no_end() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    for _ in 0..3000 {
        world.publish(&mut peer, message("t/a", QOS0, "x"));
    }
    assert!(world.is_alive(&peer));
}

#[test]
fn what_is_over_the_rate_to_a_client_waits_for_its_time() {
    let mut world = world();
    let (mut subscriber, _) = world.connect(v5("s"));
    world.pass(SECOND);
    world.subscribe(&mut subscriber, Subscribe::new("t/#", QOS0));
    let (mut publisher, _) = world.connect(v5("p"));
    for _ in 0..250 {
        world.publish(&mut publisher, message("t/a", QOS0, "x"));
    }
    let mut got = Vec::new();
    for _ in 0..3 {
        got.push(world.messages(&mut subscriber).len());
        let at = world.outlook(&subscriber).and_then(|outlook| outlook.sends_at);
        assert_eq!(at.is_some(), got.iter().sum::<usize>() < 250);
        world.pass(SECOND);
    }
    assert_eq!(got, [100, 100, 50]);
}
