//! The ends that the application asks for.

use super::support::{Answer, Bench, SECOND};
use crate::commands::Command;
use crate::session::End;
use crate::{Error, State};
use azmqtt_client::connection::Dispatch;
use azmqtt_client::lasting::Lasting;
use azmqtt_client::lasting::times::Time;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{QoS, ReasonCode};

#[test]
fn a_disconnect_waits_for_what_is_under_way() {
    let mut bench = Bench::new();
    bench.connect(false);
    let sent = bench.send(QoS::AtLeastOnce, "1", 60 * SECOND);
    let left = bench.disconnect(10 * SECOND);
    let [Event::Publish(publish)] = &bench.turn()[..] else { panic!("no message") };
    bench.hub.acknowledge(publish.packet_id, ReasonCode::Success);
    let Err(end @ End::Left) = bench.try_turn() else { panic!("it stays") };
    assert!(bench.session.farewell(&end).is_some());
    bench.session.disconnected(&end);
    assert_eq!(sent.get(), Ok(()));
    assert!(left.is_open());
    bench.session.left();
    assert_eq!(left.get(), Ok(()));
    assert!(!bench.session.wants_connection());
}

#[test]
fn a_disconnect_does_not_wait_past_its_deadline() {
    let mut bench = Bench::new();
    bench.connect(false);
    let sent = bench.send(QoS::AtLeastOnce, "1", 60 * SECOND);
    let left = bench.disconnect(10 * SECOND);
    bench.turn();
    assert_eq!(bench.session.deadline(), Some(bench.now + 10 * SECOND));
    bench.pass(10 * SECOND);
    assert!(matches!(bench.try_turn(), Err(End::Left)));
    bench.session.disconnected(&End::Left);
    bench.session.left();
    assert!(left.get().is_ok() && sent.is_open(), "it waits for the next connection");
}

#[test]
fn who_asks_last_is_heard() {
    let mut bench = Bench::new();
    bench.connect(false);
    let sent = bench.send(QoS::AtLeastOnce, "1", 60 * SECOND);
    let left = bench.disconnect(10 * SECOND);
    bench.turn();
    let (reply, connected) = Answer::new();
    bench.handle(Command::Connect { time: Time::from(bench.now, SECOND), reply });
    assert_eq!((left.get(), connected.get()), (Ok(()), Ok(())));
    bench.pass(10 * SECOND);
    bench.turn();
    assert!(sent.is_open() && bench.session.wants_connection());
}

#[test]
fn a_close_tells_how_many_did_not_make_it() {
    let mut bench = Bench::new();
    bench.connect(false);
    let sent =
        [bench.send(QoS::AtLeastOnce, "1", 60 * SECOND), bench.send(QoS::AtLeastOnce, "2", 60 * SECOND)];
    let left = bench.disconnect(60 * SECOND);
    let closed = bench.close(SECOND);
    let [Event::Publish(first), Event::Publish(_)] = &bench.turn()[..] else { panic!("no messages") };
    bench.hub.acknowledge(first.packet_id, ReasonCode::Success);
    bench.turn();
    bench.pass(SECOND);
    assert!(matches!(bench.try_turn(), Err(End::Closed)));
    bench.session.disconnected(&End::Closed);
    assert!(bench.session.should_close(bench.now));
    bench.session.finish(bench.now);
    assert_eq!((closed.get(), sent[0].get(), sent[1].get()), (Ok(1), Ok(()), Err(Error::ClientClosed)));
    assert_eq!(bench.shared.monitor.state(), State::Closed);
    drop(bench);
    assert_eq!(left.get(), Ok(()));
}

#[test]
fn operations_after_a_close_are_refused() {
    let mut bench = Bench::new();
    bench.connect(false);
    let sent = bench.send(QoS::AtLeastOnce, "1", 60 * SECOND);
    bench.close(SECOND);
    assert_eq!(bench.send(QoS::AtLeastOnce, "2", SECOND).get(), Err(Error::ClientClosed));
    assert!(sent.is_open());
}

#[test]
fn without_auto_connect_an_operation_is_refused_until_somebody_connects() {
    let mut bench = Bench::with(|config| config.auto_connect = false);
    let refused = bench.send(QoS::AtLeastOnce, "1", SECOND).get();
    assert!(matches!(refused, Err(Error::ConnectionFailed { .. })), "{refused:?}");
    assert!(!bench.session.wants_connection());
    let (reply, _connected) = Answer::new();
    bench.handle(Command::Connect { time: Time::from(bench.now, SECOND), reply });
    assert!(bench.session.wants_connection() && bench.session.is_hurried());
    assert!(bench.send(QoS::AtLeastOnce, "2", SECOND).is_open());
}
