//! What those see who watch: clients, verdicts, and what was refused.

use serde_json::{Value, json};

use super::*;
use crate::access::{Action, Denial, Verdict};

/// The events of these types.
fn events(world: &World, suffix: &str) -> Vec<Value> {
    let lines = world.broker.life_cycle().watched().wait(0, Duration::ZERO);
    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["type"].as_str().is_some_and(|kind| kind.ends_with(suffix))).collect()
}

#[test]
fn what_a_client_may_not_do_is_noted_with_reason_and_advice() {
    let mut world = World::new();
    let (mut peer, _) = world.connect(v5("c"));
    assert_eq!(world.publish(&mut peer, message("x/a", QOS1, "")), Some(ReasonCode::NotAuthorized));
    world.subscribe(&mut peer, Subscribe::new("$share/g/x/+", QOS1));
    assert_eq!(world.publish(&mut peer, message("t/a", QOS1, "")), Some(ReasonCode::Success));
    let [publish, subscribe] = &events(&world, ".refused")[..] else { panic!("not two events") };
    assert_eq!((&publish["type"], &publish["topic"]), (&json!("publish.refused"), &json!("x/a")));
    assert_eq!((&publish["client"], &publish["session"]), (&json!("c"), &json!("c")));
    assert!(publish["reason"].as_str().unwrap().contains("space-Publisher"));
    assert!(publish["advice"].as_str().unwrap().contains("add a template"));
    assert_eq!(
        (&subscribe["type"], &subscribe["filter"]),
        (&json!("subscribe.refused"), &json!("$share/g/x/+"))
    );
    assert!(subscribe["reason"].as_str().unwrap().contains("space-Subscriber"));
}

#[test]
fn a_client_that_tries_over_and_over_is_noted_a_few_times_a_second_and_hides_no_other() {
    let mut world = World::new();
    let [mut noisy, mut quiet] = ["noisy", "quiet"].map(|id| world.connect(v5(id)).0);
    for _ in 0..1000 {
        world.publish(&mut noisy, message("x", QOS1, ""));
    }
    world.publish(&mut quiet, message("x", QOS1, ""));
    world.pass(SECOND);
    world.publish(&mut noisy, message("x", QOS1, ""));
    world.publish(&mut quiet, message("x", QOS1, ""));
    let left_out = |client: &str| {
        let mut events = events(&world, "publish.refused");
        events.retain(|event| event["client"] == client);
        events.iter().map(|event| event["left_out"].as_u64().unwrap_or(0)).collect::<Vec<_>>()
    };
    assert_eq!((left_out("noisy"), left_out("quiet")), (vec![0, 0, 0, 0, 0, 995], vec![0, 0]));
}

#[test]
fn many_clients_together_are_noted_50_times_a_second() {
    let mut world = World::new();
    for number in 0..20 {
        let (mut peer, _) = world.connect(v5(&number.to_string()));
        for _ in 0..5 {
            world.publish(&mut peer, message("x", QOS1, ""));
        }
    }
    assert_eq!(events(&world, "publish.refused").len(), 50);
}

#[test]
fn a_verdict_is_what_the_broker_does() {
    let mut world = World::behaving(&[("dollar_topics", "refused")]);
    let (mut peer, _) = world.connect(v5("c"));
    let name = AuthenticationName::parse("C").unwrap();
    for (topic, code) in [
        ("t/a", ReasonCode::Success),
        ("x", ReasonCode::NotAuthorized),
        ("$dollar/a", ReasonCode::NotAuthorized),
    ] {
        let judgement = world.broker.may(&name, Action::Publish(topic)).unwrap();
        let allowed = matches!(judgement.verdict, Verdict::Allowed(_));
        assert_eq!(allowed, code == ReasonCode::Success, "{topic}");
        assert_eq!(world.publish(&mut peer, message(topic, QOS1, "")), Some(code), "{topic}");
    }
    let dollar = world.broker.may(&name, Action::Subscribe("$share/g/$dollar/#")).unwrap();
    assert_eq!(dollar.verdict, Verdict::Denied(Denial::Dollar));
    let nobody = AuthenticationName::parse("nobody").unwrap();
    assert!(world.broker.may(&nobody, Action::Publish("t/a")).is_none());
}

#[test]
fn a_list_of_clients_ends_after_many_and_goes_on_behind_a_name() {
    let mut world = World::new();
    let mut peers: Vec<_> = ["b", "A", "c"].map(|id| world.connect(v5(id)).0).into();
    world.subscribe(&mut peers[0], Subscribe::new("t/a", QOS1));
    let names = |after, most| {
        let clients = world.broker.clients(after, most);
        clients.iter().map(|client| client.name().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("", 10), ["A", "b", "c"]);
    assert_eq!(names("", 2), ["A", "b"]);
    assert_eq!(names("b", 2), ["c"]);
    let clients = world.broker.clients("a", 1);
    assert_eq!(clients[0].sessions[0].filters, ["t/a".into()]);
    // A client that is a resource and has a session is one.
    let resource = Client::new(ClientName::parse("b").unwrap());
    world.change(|directory| directory.put_client(resource)).unwrap();
    assert_eq!(world.broker.clients("", 3).len(), 3);
    assert!(world.broker.clients("a", 1)[0].resource.is_some());
}
