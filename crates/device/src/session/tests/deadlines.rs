//! Operations and answers that take too long.

use super::support::{Bench, SECOND};
use crate::Error;
use crate::session::End;
use azmqtt_client::connection::Dispatch;
use azmqtt_mqtt::QoS;

#[test]
fn a_message_without_a_connection_ends_at_its_deadline() {
    let mut bench = Bench::new();
    let (first, second) =
        (bench.send(QoS::AtLeastOnce, "1", SECOND), bench.send(QoS::AtMostOnce, "2", 2 * SECOND));
    assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
    bench.pass(SECOND);
    bench.session.poll(bench.now).unwrap();
    let Err(Error::RequestTimeout { operation: "send_message", after: SECOND, known }) = first.get() else {
        panic!("no timeout")
    };
    assert_eq!(known.unwrap(), "not connected: no connection was made");
    assert!(second.is_open());
    assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
    bench.pass(SECOND);
    bench.session.poll(bench.now).unwrap();
    assert!(second.get().is_err());
    assert_eq!((bench.session.deadline(), bench.shared.budget.used()), (None, (0, 0)));
}

#[test]
fn a_message_in_flight_ends_at_its_deadline_and_is_not_sent_again() {
    let mut bench = Bench::new();
    bench.connect(false);
    let sent = bench.send(QoS::AtLeastOnce, "late", SECOND);
    assert_eq!(bench.messages().len(), 1);
    bench.pass(SECOND);
    bench.turn();
    let Err(Error::RequestTimeout { known, .. }) = sent.get() else { panic!("no timeout") };
    assert!(known.unwrap().starts_with("connected; "));
    bench.lose();
    bench.connect(true);
    assert_eq!(bench.messages().len(), 0);
}

#[test]
fn a_twin_request_ends_at_its_deadline() {
    let mut bench = Bench::new();
    bench.connect(false);
    let patched = bench.patch(None, 5 * SECOND);
    let events = bench.turn();
    assert_eq!(bench.grant(&events), 1);
    assert_eq!(bench.messages().len(), 1);
    bench.pass(5 * SECOND);
    bench.turn();
    let timeout = patched.get();
    assert!(
        matches!(timeout, Err(Error::RequestTimeout { operation: "patch_reported_properties", .. })),
        "{timeout:?}"
    );
    assert_eq!(bench.shared.budget.used(), (0, 0));
}

#[test]
fn a_hub_that_does_not_accept_has_failed() {
    let mut bench = Bench::new();
    bench.open(None);
    let due = bench.session.deadline().unwrap();
    assert_eq!(due, bench.now + bench.shared.config.deadlines.connack);
    let Err(End::Failed(Error::ConnectionFailed { reason, .. })) = bench.session.poll(due) else {
        panic!("it waits on")
    };
    assert_eq!(reason, "hub.example:8883: no CONNACK within 75 s");
}

#[test]
fn a_hub_that_does_not_answer_a_subscription_is_lost() {
    let mut bench = Bench::new();
    bench.connect(false);
    let watched = bench.watch_desired(1000 * SECOND);
    bench.turn();
    bench.pass(bench.shared.config.deadlines.suback);
    let Err(End::Lost { error: Error::ConnectionLost { reason }, .. }) = bench.try_turn() else {
        panic!("it waits on")
    };
    assert_eq!(reason, "the hub did not answer a subscription within 60 s");
    assert!(watched.is_open());
}
