//! Large packets on slow lines, peers that drip, and peers that are silent while somebody waits.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use proptest::prelude::*;

use crate::client::Event;
use crate::keep_alive::{Due, IdleLimit, KeepAlive};
use crate::tests::encoded;
use crate::tests::order::connected_server;
use crate::{Client, ConnAck, Connect, Dead, Packet, Publish, QoS, ReasonCode};

const SECOND: Duration = Duration::from_secs(1);
const KEEP_ALIVE: u16 = 10;
const ANSWER: Duration = Duration::from_secs(20);

fn connected(now: Instant) -> Client<()> {
    let mut client = Client::new(8, now);
    let mut connect = Connect::new("c");
    connect.keep_alive = KEEP_ALIVE;
    client.connect(&connect, ANSWER, now);
    let connack = Packet::ConnAck(ConnAck::new(ReasonCode::Success, false));
    let mut input = BytesMut::from(&encoded(&connack)[..]);
    assert!(matches!(client.poll(&mut input, now), Ok(Some(Event::Connected { .. }))));
    client.output().clear();
    client
}

fn large(size: usize) -> Vec<u8> {
    encoded(&Packet::Publish(Publish::new("t", QoS::AtMostOnce, vec![b'x'; size])))
}

/// Sends `bytes` a second for as long as the client listens: when it hung up and why, or the packet came.
fn drip(
    client: &mut Client<()>,
    packet: &[u8],
    rate: usize,
    start: Instant,
) -> Result<Duration, (Duration, Dead)> {
    let (mut input, mut rest) = (BytesMut::new(), packet);
    for second in 1.. {
        let now = start + second * SECOND;
        let (come, later) = rest.split_at(rate.min(rest.len()));
        input.extend_from_slice(come);
        rest = later;
        if let Some(Event::Message(_)) = client.poll(&mut input, now).unwrap() {
            return Ok(now - start);
        }
        if client.deadline().is_some_and(|due| due <= now) {
            client.handle_timeout(now).map_err(|dead| (now - start, dead))?;
        }
    }
    unreachable!()
}

#[test]
fn a_large_packet_on_a_slow_line_arrives() {
    let start = Instant::now();
    let mut client = connected(start);
    let took = drip(&mut client, &large(27_000), 700, start).unwrap();
    assert_eq!(took.as_secs(), 39);
    // Meanwhile the hub hears of the client as often as ever.
    assert_eq!(client.output().len(), 2 * 3, "a ping each keep-alive interval");
}

#[test]
fn a_packet_has_as_long_as_its_size_needs_and_no_longer() {
    let start = Instant::now();
    let packet = large(100_000);
    let allowance = Duration::from_secs(packet.len().div_ceil(256) as u64);
    let end = drip(&mut connected(start), &packet, 200, start).unwrap_err();
    // It is known to be late since its first byte, a second after the start.
    assert_eq!(end, (allowance + SECOND, Dead::Dripping(packet.len(), allowance)));
    assert!(drip(&mut connected(start), &packet, 257, start).is_ok());
}

#[test]
fn a_small_packet_that_drips_has_a_keep_alive_interval() {
    let start = Instant::now();
    let interval = Duration::from_secs(KEEP_ALIVE.into());
    let end = drip(&mut connected(start), &large(1000), 1, start).unwrap_err();
    assert_eq!(end, (interval + SECOND, Dead::Dripping(large(1000).len(), interval)));
    // One byte of a header says nothing of a size.
    let end = drip(&mut connected(start), &[0x30, 0x80, 0x80], 1, start).unwrap_err();
    assert!(matches!(end, (_, Dead::Dripping(0, _))), "{end:?}");
}

#[test]
fn a_peer_that_stops_within_a_packet_is_as_silent_as_any() {
    let start = Instant::now();
    let mut client = connected(start);
    let packet = large(200_000);
    let mut input = BytesMut::from(&packet[..5000]);
    assert_eq!(client.poll(&mut input, start), Ok(None));
    let pinged = start + Duration::from_secs(KEEP_ALIVE.into());
    assert_eq!(client.handle_timeout(pinged), Ok(()));
    assert_eq!(client.poll(&mut input, pinged + ANSWER / 2), Ok(None), "nothing new has come");
    assert_eq!(client.handle_timeout(pinged + ANSWER), Err(Dead::Silent(ANSWER)));
}

#[test]
fn each_packet_has_an_allowance_of_its_own() {
    let start = Instant::now();
    let mut client = connected(start);
    let packet = large(2000);
    // Never between two packets: the end of one comes with the beginning of the next.
    let stream: Vec<u8> = std::iter::repeat_n(&packet[..], 20).flatten().copied().collect();
    let (mut input, mut now, mut come) = (BytesMut::new(), start, 0);
    for bytes in stream.chunks(301) {
        now += SECOND;
        input.extend_from_slice(bytes);
        while let Some(event) = client.poll(&mut input, now).unwrap() {
            come += usize::from(matches!(event, Event::Message(_)));
        }
        assert_eq!(client.handle_timeout(now), Ok(()), "{} s", (now - start).as_secs());
    }
    assert_eq!(come, 20);
}

#[test]
fn who_does_not_listen_blames_nobody() {
    let start = Instant::now();
    let mut client = connected(start);
    let packet = large(2000);
    let mut input = BytesMut::from(&packet[..100]);
    assert_eq!(client.poll(&mut input, start), Ok(None));
    let later = start + Duration::from_secs(3600);
    client.not_listening(later);
    assert_eq!(client.handle_timeout(later), Ok(()));
    assert!(client.deadline().unwrap() > later);
}

#[test]
fn without_keep_alive_nothing_is_due() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(Duration::ZERO, ANSWER, start);
    keep_alive.under_way(Some(1000), true, start);
    keep_alive.awaits(Some(SECOND), 0, start);
    assert_eq!(keep_alive.deadline(), None);
}

/// MQTT-3.1.2-24 counts packets: bytes put the end off, to four intervals.
#[test]
fn the_server_lets_a_packet_take_four_intervals() {
    let start = Instant::now();
    let mut server = connected_server();
    let limit = server.deadline() - start;
    let packet = large(250_000);
    let mut input = BytesMut::new();
    let mut now = start;
    for byte in &packet {
        now += limit / 8;
        if server.deadline() <= now {
            break;
        }
        input.extend_from_slice(&[*byte]);
        assert_eq!(server.poll(&mut input, now), Ok(None));
    }
    let dripped = now - start;
    assert!(dripped > limit * 2 && dripped <= limit * 8 / 3 + limit / 4, "{dripped:?} of {limit:?}");
}

#[test]
fn bytes_put_the_end_off_for_clients_that_are_let_in() {
    let start = Instant::now();
    let mut idle = IdleLimit::new(10, start);
    for (second, deadline) in [(5, 20), (14, 29), (24, 39), (30, 40), (39, 40)] {
        idle.received_bytes(start + second * SECOND);
        assert_eq!(idle.deadline(), start + deadline * SECOND, "{second}");
    }
    idle.received(start + 39 * SECOND);
    assert_eq!(idle.deadline(), start + 54 * SECOND);
    // The cap holds for who turned keep-alive off.
    let mut idle = IdleLimit::new(0, start);
    idle.received_bytes(start + IdleLimit::CAP);
    assert_eq!(idle.deadline(), start + IdleLimit::CAP * 2);
    // A stranger has its time, whatever it sends.
    let mut stranger = IdleLimit::after(30 * SECOND, start);
    stranger.received_bytes(start + 20 * SECOND);
    assert_eq!(stranger.deadline(), start + 30 * SECOND);
}

const INTERVAL: Duration = Duration::from_secs(60);

#[test]
fn silence_is_looked_into_while_somebody_waits() {
    let start = Instant::now();
    let asked = start + 50 * SECOND;
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    keep_alive.received(start + 30 * SECOND);
    keep_alive.sent(asked);
    keep_alive.awaits(Some(9 * SECOND), 100, asked);
    // The silence before the question is none of its own.
    assert_eq!(keep_alive.deadline(), Some(asked + 3 * SECOND));
    assert_eq!(keep_alive.due(asked + 3 * SECOND), Due::Ping);
    assert_eq!(keep_alive.deadline(), Some(asked + 6 * SECOND));
    keep_alive.awaits(Some(9 * SECOND), 102, asked + 5 * SECOND);
    assert_eq!(keep_alive.due(asked + 6 * SECOND), Due::Dead(Dead::Silent(3 * SECOND)));
}

#[test]
fn a_hub_that_lives_and_does_not_answer_is_asked_again() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    keep_alive.awaits(Some(30 * SECOND), 100, start);
    for round in 1..6 {
        let now = start + round * 10 * SECOND;
        assert_eq!(keep_alive.due(now), Due::Ping, "{round}");
        keep_alive.received(now);
    }
}

#[test]
fn nobody_waits_any_more() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    keep_alive.awaits(Some(3 * SECOND), 100, start);
    assert_eq!(keep_alive.due(start + SECOND), Due::Ping);
    keep_alive.awaits(None, 102, start + 2 * SECOND);
    assert_eq!(keep_alive.deadline(), Some(start + SECOND + ANSWER), "the ping has the usual time");
}

#[test]
fn a_question_after_a_ping_has_its_own_time() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    assert_eq!(keep_alive.due(start + INTERVAL), Due::Ping);
    let asked = start + INTERVAL + 15 * SECOND;
    keep_alive.awaits(Some(9 * SECOND), 100, asked);
    assert_eq!(keep_alive.deadline(), Some(asked + 3 * SECOND));
    assert_eq!(keep_alive.due(asked + 2 * SECOND), Due::Nothing);
}

#[test]
fn what_takes_time_to_be_sent_takes_time_to_be_answered() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    keep_alive.awaits(Some(30 * SECOND), 100, start);
    keep_alive.awaits(Some(30 * SECOND), 100 + 160 * 1024, start);
    assert_eq!(keep_alive.deadline(), Some(start + 20 * SECOND));
    // It is there, as an answer shows.
    keep_alive.received(start + 15 * SECOND);
    assert_eq!(keep_alive.deadline(), Some(start + 25 * SECOND));
}

#[test]
fn great_patience_does_not_put_off_the_usual_ping() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(INTERVAL, ANSWER, start);
    keep_alive.awaits(Some(Duration::MAX), 0, start);
    assert_eq!(keep_alive.deadline(), Some(start + INTERVAL));
    assert_eq!(keep_alive.due(start + INTERVAL), Due::Ping);
    assert_eq!(keep_alive.deadline(), Some(start + INTERVAL + ANSWER));
}

proptest! {
    /// However its bytes are cut, a packet that keeps to 257 bytes a second arrives, and whole packets are never too slow.
    #[test]
    fn the_slowest_line_is_fast_enough(sizes in prop::collection::vec(1..20_000_usize, 1..4), rate in 257..5_000_usize) {
        let start = Instant::now();
        let mut client = connected(start);
        let stream: Vec<u8> = sizes.iter().flat_map(|size| large(*size)).collect();
        let (mut input, mut now, mut come) = (BytesMut::new(), start, 0);
        for bytes in stream.chunks(rate) {
            now += SECOND;
            input.extend_from_slice(bytes);
            while let Some(event) = client.poll(&mut input, now).unwrap() {
                come += usize::from(matches!(event, Event::Message(_)));
            }
            prop_assert_eq!(client.handle_timeout(now), Ok(()));
        }
        prop_assert_eq!(come, sizes.len());
    }
}

/// On a slow line nothing comes out of a TLS record until all of it is there.
#[test]
fn a_part_of_a_record_is_life_and_a_record_has_its_time_too() {
    let start = Instant::now();
    let mut keep_alive = KeepAlive::new(Duration::from_secs(KEEP_ALIVE.into()), ANSWER, start);
    let mut pings = 0;
    let end = (1..1000).find_map(|second| {
        let now = start + second * SECOND;
        if keep_alive.deadline().is_some_and(|due| due <= now) {
            keep_alive.received_part(now);
            match keep_alive.due(now) {
                Due::Nothing => {}
                Due::Ping => pings += 1,
                Due::Dead(dead) => return Some((second, dead)),
            }
        }
        None
    });
    // 16,645 bytes at 256 a second are 65 seconds from when the first were noticed; then silence counts again.
    assert!(matches!(end, Some((80..=110, Dead::Silent(_)))), "{end:?}");
    assert!(pings > 5, "{pings} pings");

    let mut keep_alive = KeepAlive::new(Duration::from_secs(KEEP_ALIVE.into()), ANSWER, start);
    for second in 1..1000 {
        let now = start + second * SECOND;
        keep_alive.received_part(now);
        if second % 60 == 0 {
            // A record is complete.
            keep_alive.received(now);
        }
        assert!(!matches!(keep_alive.due(now), Due::Dead(_)), "second {second}");
    }
}

#[test]
fn a_part_of_a_record_puts_the_servers_end_off() {
    let start = Instant::now();
    let mut server = connected_server();
    let due = server.deadline();
    server.received_part(start + SECOND);
    assert!(server.deadline() > due);
    server.received_part(start + 10 * (due - start));
    assert!(server.deadline() < start + 4 * (due - start));
}
