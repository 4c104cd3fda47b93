//! Subscriptions: what waits for them, late answers and refusals.

use super::support::{Bench, SECOND, request_id};
use crate::Error;
use azmqtt_client::connection::Dispatch;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{QoS, ReasonCode};

fn filters(events: &[Event<u32>]) -> Vec<&str> {
    let filters = events.iter().filter_map(|event| match event {
        Event::Subscribe(subscribe) => Some(subscribe.filters[0].filter.as_str()),
        _ => None,
    });
    filters.collect()
}

#[test]
fn nothing_else_is_said_until_the_hub_has_answered() {
    let mut bench = Bench::new();
    bench.connect(false);
    let watched = bench.watch_desired(60 * SECOND);
    let sent = bench.send(QoS::AtLeastOnce, "after", 60 * SECOND);
    let asked = bench.turn();
    let both = ["$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#"];
    assert_eq!(filters(&asked), both);
    assert_eq!(asked.len(), 2, "the message waits");
    bench.pass(10 * SECOND);
    assert_eq!(bench.turn().len(), 0);
    // The grant comes late, and only then is the twin read, so that no change is missed in between.
    bench.grant(&asked);
    let events = bench.messages();
    assert_eq!(events.len(), 2);
    assert!(events[0].topic.starts_with("$iothub/twin/GET/"), "{}", events[0].topic);
    bench.say("$iothub/twin/PATCH/properties/desired/?$version=3", r#"{"x":3,"$version":3}"#);
    bench.turn();
    assert!(watched.is_open() && bench.shared.desired.is_empty());
    let twin = r#"{"desired":{"x":2,"$version":2},"reported":{"$version":1}}"#;
    bench.say(&format!("$iothub/twin/res/200/?$rid={}", request_id(&events[0])), twin);
    bench.turn();
    assert_eq!(watched.get(), Ok(()));
    let changes = bench.shared.desired.take(10);
    assert_eq!(changes.iter().map(|change| change.version).collect::<Vec<_>>(), [3]);
    bench.hub.acknowledge(events[1].packet_id, ReasonCode::Success);
    bench.turn();
    assert_eq!(sent.get(), Ok(()));
}

#[test]
fn subscriptions_come_back_with_the_next_connection() {
    let mut bench = Bench::new();
    bench.connect(false);
    let watched = bench.watch_desired(60 * SECOND);
    let asked = bench.turn();
    // The connection ends before the answers.
    bench.lose();
    assert!(watched.is_open());
    bench.connect(true);
    let again = bench.turn();
    assert_eq!(filters(&again), filters(&asked));
}

#[test]
fn a_first_refusal_is_told() {
    let mut bench = Bench::new();
    bench.connect(false);
    let watched = bench.watch_desired(60 * SECOND);
    let asked = bench.turn();
    bench.refuse(&asked);
    bench.turn();
    let Err(Error::BadAnswer { reason }) = watched.get() else { panic!("no error") };
    assert!(reason.starts_with("the hub refused the subscription to $iothub/twin/"), "{reason}");
    bench.pass(10 * SECOND);
    assert_eq!(bench.turn().len(), 0);
}

#[test]
fn a_refusal_of_what_was_granted_before_is_asked_for_again() {
    let mut bench = Bench::new();
    bench.connect(false);
    bench.watch_desired(60 * SECOND);
    let asked = bench.turn();
    bench.grant(&asked);
    bench.turn();
    bench.lose();
    bench.connect(true);
    let asked = bench.turn();
    bench.refuse(&asked);
    bench.turn();
    assert_eq!(bench.session.deadline(), Some(bench.now + 10 * SECOND));
    bench.pass(10 * SECOND);
    assert_eq!(filters(&bench.turn()), filters(&asked));
}
