//! The planned reconnect with a new token.

use super::support::{Bench, SECOND, bodies};
use crate::session::End;
use azmqtt_client::connection::Dispatch;
use azmqtt_client::lasting::Lasting;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{QoS, ReasonCode};

/// Connected, with a message under way and the next connection open.
fn draining() -> (Bench, u16) {
    let mut bench = Bench::new();
    bench.connect_for(60 * SECOND);
    bench.turn();
    bench.send(QoS::AtLeastOnce, "under way", 600 * SECOND);
    let [Event::Publish(publish)] = &bench.turn()[..] else { panic!("no message") };
    bench.pass(60 * SECOND);
    bench.turn();
    bench.session.next_is_open(bench.now);
    (bench, publish.packet_id)
}

#[test]
fn the_next_connection_is_asked_for_when_the_token_is_due() {
    let mut bench = Bench::with(|config| config.keep_alive = 0);
    bench.connect_for(60 * SECOND);
    bench.turn();
    assert_eq!(bench.session.deadline(), Some(bench.now + 60 * SECOND));
    assert!(!bench.session.wants_next());
    bench.pass(60 * SECOND);
    bench.turn();
    assert!(bench.session.wants_next());
    assert_eq!(bench.session.deadline(), None);
    // It could not be opened: again after a wait.
    bench.session.next_failed(5 * SECOND, bench.now);
    assert!(!bench.session.wants_next());
    assert_eq!(bench.session.deadline(), Some(bench.now + 5 * SECOND));
    bench.pass(5 * SECOND);
    bench.turn();
    assert!(bench.session.wants_next());
}

#[test]
fn what_is_under_way_may_finish_and_what_is_new_waits() {
    let (mut bench, packet_id) = draining();
    let queued = bench.send(QoS::AtLeastOnce, "new", 600 * SECOND);
    assert_eq!(bench.messages().len(), 0);
    bench.hub.acknowledge(packet_id, ReasonCode::Success);
    let Err(end @ End::Again) = bench.try_turn() else { panic!("it stays") };
    assert!(bench.session.farewell(&end).is_some());
    bench.session.disconnected(&end);
    assert!(queued.is_open());
    bench.connect(true);
    assert_eq!(bodies(&bench.messages()), [(false, "new")]);
    let stats = bench.shared.monitor.read();
    assert_eq!((stats.tokens_renewed, stats.messages_resent, stats.connects), (1, 0, 2));
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    let (mut bench, _) = draining();
    assert_eq!(bench.session.deadline(), Some(bench.now + 2 * SECOND));
    bench.pass(SECOND);
    bench.turn();
    bench.pass(SECOND);
    assert!(matches!(bench.try_turn(), Err(End::Again)));
    bench.session.disconnected(&End::Again);
    bench.connect(true);
    assert_eq!(bodies(&bench.messages()), [(true, "under way")]);
}

#[test]
fn a_hub_that_ends_the_old_connection_first_has_not_lost_it() {
    let (mut bench, _) = draining();
    assert!(matches!(bench.lose(), End::Again));
}
