//! What becomes of what was under way when the connection ends.

use super::support::{Answer, Bench, SECOND, bodies};
use crate::commands::Command;
use crate::session::End;
use crate::{Error, LostSession};
use azmqtt_client::connection::Dispatch;
use azmqtt_client::lasting::times::Time;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{QoS, ReasonCode};

#[test]
fn a_message_whose_socket_dies_before_its_puback_is_sent_again() {
    for session_present in [true, false] {
        let mut bench = Bench::new();
        bench.connect(false);
        let first = bench.send(QoS::AtLeastOnce, "first", 60 * SECOND);
        assert_eq!(bodies(&bench.messages()), [(false, "first")]);
        let end = bench.lose();
        assert!(matches!(end, End::Lost { .. }), "{end:?}");
        assert!(first.is_open());
        let second = bench.send(QoS::AtLeastOnce, "second", 60 * SECOND);
        bench.connect(session_present);
        // Marked as sent again where the hub may know it, before what is younger.
        let again = bench.messages();
        assert_eq!(bodies(&again), [(session_present, "first"), (false, "second")]);
        assert_eq!(bench.shared.monitor.read().messages_resent, 1);
        for publish in &again {
            bench.hub.acknowledge(publish.packet_id, ReasonCode::Success);
        }
        bench.turn();
        assert_eq!((first.get(), second.get()), (Ok(()), Ok(())));
    }
}

#[test]
fn a_message_of_a_forgotten_session_fails_where_that_was_asked_for() {
    let mut bench = Bench::with(|config| config.lost_session = LostSession::Fail);
    bench.connect(false);
    let sent = bench.send(QoS::AtLeastOnce, "first", 60 * SECOND);
    bench.turn();
    bench.lose();
    bench.connect(false);
    assert_eq!(bench.messages().len(), 0);
    let reason = "the hub forgot the session; it may or may not have the message".to_owned();
    assert_eq!(sent.get(), Err(Error::ConnectionLost { reason }));
}

#[test]
fn a_message_at_qos_0_is_sent_at_most_once() {
    let mut bench = Bench::new();
    bench.connect(false);
    bench.turn();
    let sent = bench.send(QoS::AtMostOnce, "taken", 60 * SECOND);
    bench.turn_into_a_buffer();
    assert!(sent.is_open(), "it has not left for the socket");
    bench.lose();
    let Err(Error::ConnectionLost { reason }) = sent.get() else { panic!("no error") };
    assert!(reason.ends_with("; the message may or may not have left"), "{reason}");
    bench.connect(true);
    assert_eq!(bench.messages().len(), 0);
}

#[test]
fn a_message_at_qos_0_that_the_stream_did_not_take_waits_for_the_next_connection() {
    let mut bench = Bench::new();
    bench.connect(false);
    bench.turn();
    let sent = bench.send(QoS::AtMostOnce, "cut off", 60 * SECOND);
    bench.session.poll(bench.now).unwrap();
    bench.lose();
    assert!(sent.is_open());
    bench.connect(true);
    assert_eq!(bodies(&bench.messages()), [(false, "cut off")]);
    assert_eq!(sent.get(), Ok(()));
}

#[test]
fn a_response_belongs_to_the_connection_of_its_call() {
    let mut bench = Bench::new();
    bench.connect(false);
    let (reply, watched) = Answer::new();
    bench.handle(Command::WatchMethods { time: Time::from(bench.now, SECOND), reply });
    let events = bench.turn();
    bench.grant(&events);
    bench.turn();
    assert_eq!(watched.get(), Ok(()));
    let respond = |bench: &mut Bench| {
        let call = bench.shared.methods.take(1).pop_front().unwrap().call;
        let (reply, answer) = Answer::new();
        bench.handle(Command::Respond { call, status: 200, body: bytes::Bytes::new(), reply });
        answer
    };
    bench.say("$iothub/methods/POST/reboot/?$rid=1", "{}");
    bench.say("$iothub/methods/POST/reboot/?$rid=2", "{}");
    bench.turn();
    let answered = respond(&mut bench);
    let [Event::Publish(response)] = &bench.turn()[..] else { panic!("no response") };
    assert_eq!(response.topic, "$iothub/methods/res/200/?$rid=1");
    assert_eq!(answered.get(), Ok(()));
    bench.lose();
    bench.connect(true);
    assert!(matches!(respond(&mut bench).get(), Err(Error::ConnectionLost { .. })));
}
