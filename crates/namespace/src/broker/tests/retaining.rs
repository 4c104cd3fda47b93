//! Messages that are kept for later subscribers.

use azmqtt_mqtt::RetainHandling;

use super::*;

fn kept(topic: &str, payload: &str) -> Publish {
    Publish { retain: true, ..message(topic, QOS1, payload) }
}

#[test]
fn a_subscription_begins_with_what_was_kept() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    for (topic, payload) in [("t/a", "old"), ("t/a", "new"), ("t/b", "b")] {
        assert_eq!(world.publish(&mut publisher, kept(topic, payload)), Some(ReasonCode::Success));
    }
    for connect in [v5("s5"), v3("s3")] {
        let (mut peer, _) = world.connect(connect);
        world.subscribe(&mut peer, Subscribe::new("t/+", QOS0));
        let mut messages: Vec<_> = world
            .messages(&mut peer)
            .into_iter()
            .map(|publish| (publish.topic.to_string(), publish.payload, publish.retain, publish.qos))
            .collect();
        messages.sort();
        let expected = [("t/a", "new"), ("t/b", "b")];
        assert_eq!(messages, expected.map(|(topic, payload)| (topic.to_owned(), payload.into(), true, QOS0)));
    }
    // One that is there already gets it without the flag, unless it asks for it.
    let (mut peer, _) = world.connect(v5("s"));
    let asked = [
        SubscribeFilter { retain_as_published: true, ..filter("t/x") },
        SubscribeFilter { retain_as_published: false, ..filter("t/y") },
    ];
    world.subscribe(&mut peer, Subscribe::of(asked.to_vec()));
    for topic in ["t/x", "t/y"] {
        world.publish(&mut publisher, kept(topic, "now"));
    }
    let flags: Vec<bool> = world.messages(&mut peer).iter().map(|publish| publish.retain).collect();
    assert_eq!(flags, [true, false]);
}

#[test]
fn an_empty_message_drops_what_was_kept() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    world.publish(&mut peer, kept("t/a", "x"));
    assert_eq!((world.broker.retained().len(), world.broker.retained().bytes()), (1, 4));
    world.publish(&mut peer, kept("t/a", ""));
    assert_eq!((world.broker.retained().len(), world.broker.retained().bytes()), (0, 0));
    world.subscribe(&mut peer, Subscribe::new("t/#", QOS1));
    assert_eq!(world.messages(&mut peer), []);
}

#[test]
fn a_subscription_says_whether_it_wants_them() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    world.publish(&mut peer, kept("t/a", "x"));
    let mut ask = |text: &str, retain_handling| {
        let asked = SubscribeFilter { retain_handling, ..filter(text) };
        world.subscribe(&mut peer, Subscribe::of(vec![asked]));
        world.messages(&mut peer).len()
    };
    assert_eq!(ask("t/a", RetainHandling::Never), 0);
    assert_eq!(ask("t/a", RetainHandling::IfNew), 0);
    assert_eq!(ask("t/a", RetainHandling::Always), 1);
    assert_eq!(ask("t/a", RetainHandling::Always), 1);
    assert_eq!(ask("t/+", RetainHandling::IfNew), 1);
    assert_eq!(ask("$share/g/t/a", RetainHandling::Always), 0);
}

#[test]
fn what_is_kept_has_its_time_and_its_limits() {
    let limits = Limits {
        retained: crate::limits::QueueLimit { messages: 1, bytes: 1000 },
        retained_message: 100,
        ..Limits::default()
    };
    let mut world = World::with(limits, Behaviours::default());
    let (mut peer, _) = world.connect(v5("c"));
    let properties = properties(|p| p.message_expiry(10));
    world.publish(&mut peer, Publish { properties, ..kept("t/a", "x") });
    world.pass(4 * SECOND);
    world.subscribe(&mut peer, Subscribe::new("t/a", QOS1));
    let messages = world.messages(&mut peer);
    assert_eq!(messages[0].properties.message_expiry(), Some(6));
    let quota = Some(ReasonCode::QuotaExceeded);
    assert_eq!(world.publish(&mut peer, kept("t/b", "x")), quota);
    world.pass(6 * SECOND);
    assert_eq!(world.broker.retained().len(), 0);
    assert_eq!(world.publish(&mut peer, kept("t/b", "x")), Some(ReasonCode::Success));
    assert_eq!(world.publish(&mut peer, kept("t/b", &"x".repeat(98))), quota);
    world.pass(Duration::from_secs(365 * 24 * 3600));
    assert_eq!(world.broker.retained().len(), 0);
}

#[test]
fn one_that_asks_for_much_again_and_again_has_its_turns_cut() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    for index in 0..9_000 {
        world.publish(&mut publisher, kept(&format!("t/{index}"), "x"));
    }
    let (mut greedy, _) = world.connect(v5("greedy"));
    let asked = Subscribe { packet_id: 7, ..Subscribe::of(vec![filter("t/#"); 10]) };
    let asked = Packet::Subscribe(asked);
    // Each looks at 90,000 messages: what comes behind the third waits for the next turn.
    assert_eq!(world.send(&mut greedy, &vec![asked.clone(); 2]), Received::All);
    assert_eq!(world.send(&mut greedy, &vec![asked; 4]), Received::More);
    assert!(world.is_alive(&greedy));
    assert!(world.broker.dropped() > 40_000);
}
