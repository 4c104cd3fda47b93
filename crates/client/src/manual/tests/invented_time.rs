//! The session alone, with moments that a test makes up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::support::{Peer, message};
use crate::connection::Dispatch;
use crate::manual::client::Request;
use crate::manual::session::{Ended, Session};
use crate::manual::{End, EventKind, Events};
use azmqtt_mqtt::codec::{Sender, decode};
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, QoS, Version};

fn session(now: Instant) -> (Session, Arc<Events>) {
    let events = Arc::new(Events::default());
    (Session::new(Arc::clone(&events), 10, now), events)
}

/// Begins a connection that the broker accepts.
fn connect(session: &mut Session, number: u64, session_present: bool, now: Instant) {
    session.connect(&Peer::connect_packet(), number, now);
    session.mqtt().output().clear();
    let mut input = BytesMut::from(&[0x20, 2, u8::from(session_present), 0][..]);
    let event = session.mqtt().poll(&mut input, now).unwrap().unwrap();
    assert!(session.handle_event(event, now).is_ok());
}

/// The packets that are ready for the stream.
fn written(session: &mut Session) -> Vec<Packet> {
    let mut output = session.mqtt().output().split();
    std::iter::from_fn(|| decode(&mut output, Sender::Client, Version::Mqtt311, MAX_PACKET_SIZE).unwrap())
        .collect()
}

#[test]
fn disconnect_has_ten_seconds_to_leave() {
    let now = Instant::now();
    let (mut session, _) = session(now);
    connect(&mut session, 1, false, now);
    session.handle(Request::Disconnect, now);
    assert!(session.poll(now).is_ok());
    assert!(session.is_leaving() && !session.wants_input());
    let due = session.deadline().unwrap();
    assert_eq!(due, now + Duration::from_secs(10));
    assert!(matches!(session.poll(due), Err(Ended::Other(End::Disconnected))));
}

#[test]
fn a_broker_that_does_not_accept_is_silent() {
    let now = Instant::now();
    let (mut session, events) = session(now);
    session.connect(&Peer::connect_packet(), 1, now);
    let due = session.deadline().unwrap();
    let Err(how) = session.poll(due) else { panic!("it waits on") };
    session.ended(how);
    let (told, _) = events.take(10, Duration::ZERO);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, EventKind::Ended(End::Silent));
    assert_eq!(session.deadline(), None);
}

#[test]
fn a_message_without_its_puback_is_published_on_the_next_connection() {
    for session_present in [true, false] {
        let now = Instant::now();
        let (mut session, _) = session(now);
        connect(&mut session, 1, false, now);
        session.handle(Request::Publish { mid: 7, publish: message(QoS::AtLeastOnce, "kept") }, now);
        assert!(session.poll(now).is_ok());
        let [Packet::Publish(first)] = &written(&mut session)[..] else { panic!("no publish") };
        assert!(!first.dup);
        session.ended(End::Silent.into());
        connect(&mut session, 2, session_present, now);
        assert!(session.poll(now).is_ok());
        let [Packet::Publish(second)] = &written(&mut session)[..] else { panic!("no publish") };
        assert_eq!((second.dup, &second.payload), (session_present, &first.payload));
    }
}
