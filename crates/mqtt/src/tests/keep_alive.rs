//! Keep-alive with a clock that the tests turn.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use proptest::prelude::*;

use crate::Packet;
use crate::keep_alive::{Dead, Due, IdleLimit, KeepAlive};
use crate::tests::order::connected_server;
use crate::tests::{encoded, frame};

const INTERVAL: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(1);
const ALMOST_INTERVAL: Duration = Duration::from_millis(59_999);
const ALMOST_ANSWER: Duration = Duration::from_millis(9_999);

#[test]
fn an_idle_connection_is_pinged_once_an_interval() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    let mut now = start;
    for _ in 0..3 {
        assert_eq!(keep_alive.deadline(), Some(now + INTERVAL));
        assert_eq!(keep_alive.due(now + ALMOST_INTERVAL), Due::Nothing);
        now += INTERVAL;
        assert_eq!(keep_alive.due(now), Due::Ping);
        assert_eq!(keep_alive.due(now), Due::Nothing, "one ping is enough");
        keep_alive.received(now);
    }
}

#[test]
fn an_unanswered_ping_is_the_end() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    let pinged = start + INTERVAL;
    assert_eq!(keep_alive.due(pinged), Due::Ping);
    assert_eq!(keep_alive.deadline(), Some(pinged + ANSWER));
    // What is sent meanwhile is no sign of life of the other side.
    keep_alive.sent(pinged + ANSWER / 2);
    assert_eq!(keep_alive.due(pinged + ALMOST_ANSWER), Due::Nothing);
    assert_eq!(keep_alive.due(pinged + ANSWER), Due::Dead(Dead::Silent(ANSWER)));
}

#[test]
fn a_ping_that_leaves_now_tells_of_no_silence() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    let pinged = start + INTERVAL;
    assert_eq!(keep_alive.due(pinged), Due::Ping);
    assert_eq!(keep_alive.silence_after_ping(pinged), None);
    assert_eq!(keep_alive.silence_after_ping(pinged + TICK), Some(INTERVAL + TICK));
    keep_alive.received(pinged + TICK);
    assert_eq!(keep_alive.silence_after_ping(pinged + ANSWER), None);
}

#[test]
fn who_waits_longer_than_an_interval_pings_on() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(ANSWER, INTERVAL, start);
    for ping in 1..=6 {
        assert_eq!(keep_alive.deadline(), Some(start + ANSWER * ping));
        assert_eq!(keep_alive.due(start + ANSWER * ping), Due::Ping);
    }
    let end = start + ANSWER + INTERVAL;
    assert_eq!(keep_alive.due(end), Due::Dead(Dead::Silent(INTERVAL)), "the first one counts");
}

#[test]
fn any_packet_answers_a_ping() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    let pinged = start + INTERVAL;
    assert_eq!(keep_alive.due(pinged), Due::Ping);
    let answered = pinged + ALMOST_ANSWER;
    keep_alive.received(answered);
    assert_eq!(keep_alive.due(pinged + ANSWER), Due::Nothing);
    assert_eq!(keep_alive.deadline(), Some(pinged + INTERVAL), "the ping was the last thing sent");
}

/// The server counts what the client sends [MQTT-3.1.2-23], and only an answer tells that the server lives.
#[test]
fn traffic_one_way_only_does_not_replace_the_ping() {
    let start = Instant::now();
    for one_way in [KeepAlive::sent, KeepAlive::received] {
        let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
        one_way(&mut keep_alive, start + INTERVAL / 2);
        assert_eq!(keep_alive.due(start + INTERVAL), Due::Ping);
    }
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    keep_alive.sent(start + INTERVAL / 2);
    keep_alive.received(start + INTERVAL / 3);
    assert_eq!(keep_alive.due(start + INTERVAL), Due::Nothing);
    assert_eq!(keep_alive.due(start + INTERVAL / 3 + INTERVAL), Due::Ping);
}

#[test]
fn zero_turns_it_off() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(Duration::ZERO, ANSWER, start);
    assert_eq!(keep_alive.deadline(), None);
    assert_eq!(keep_alive.due(start + Duration::from_secs(1_000_000)), Due::Nothing);
}

/// "IoT Hub docs, MQTT: keep-alive": one and a half intervals, at most 1,767 seconds.
#[test]
fn the_server_waits_one_and_a_half_intervals() {
    let start = Instant::now();
    for (keep_alive, millis) in [
        (1, 1_500),
        (60, 90_000),
        (1_177, 1_765_500),
        (1_178, 1_767_000),
        (u16::MAX, 1_767_000),
        (0, 1_767_000),
    ] {
        let mut idle = IdleLimit::new(keep_alive, start);
        let limit = Duration::from_millis(millis);
        assert_eq!(idle.deadline(), start + limit, "{keep_alive}");
        idle.received(start + TICK);
        assert_eq!(idle.deadline(), start + TICK + limit, "{keep_alive}");
    }
}

/// Client and server with the same interval: the pings keep the server content, whatever else is sent.
#[test]
fn the_two_sides_agree() {
    let start = Instant::now();
    let interval = 7u16;
    let mut client = KeepAlive::new(Duration::from_secs(interval.into()), ANSWER, start);
    let mut server = IdleLimit::new(interval, start);
    for second in 0..1_000 {
        let now = start + Duration::from_secs(second);
        assert!(now < server.deadline(), "second {second}");
        if client.due(now) == Due::Ping {
            server.received(now);
            client.received(now);
        }
        if second % 11 == 0 {
            client.received(now);
        }
    }
}

proptest! {
    /// Every ping is answered once, as soon as it is there, and nothing else changes.
    #[test]
    fn pings_between_packets_that_wait(pings in prop::collection::vec(any::<bool>(), 0..40), cuts in prop::collection::vec(0_usize..30, 0..40)) {
        let mut server = connected_server();
        let other = frame(0x30, b"\x00\x01tbody");
        let sent: Vec<u8> = pings.iter().flat_map(|ping| if *ping { frame(0xc0, b"") } else { other.clone() }).collect();
        let (mut rest, mut input) = (&sent[..], BytesMut::new());
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            input.extend_from_slice(now);
            server.answer_pings(&mut input, Instant::now());
            rest = later;
        }
        let count = pings.iter().filter(|ping| **ping).count();
        prop_assert_eq!(&server.output()[..], encoded(&Packet::PingResp).repeat(count));
        prop_assert_eq!(&input[..], other.repeat(pings.len() - count));
    }

    #[test]
    fn any_bytes_may_be_searched_for_pings(bytes: Vec<u8>) {
        let mut input = BytesMut::from(&bytes[..]);
        connected_server().answer_pings(&mut input, Instant::now());
        prop_assert!(input.len() <= bytes.len());
    }
}
