//! A broker that is gone without a word, and the next one with its journal.

use std::fs;
use std::path::PathBuf;

use azmqtt_local::journal::Log;
use azmqtt_local::temp_dir::TempDir;
use azmqtt_mqtt::Will;
use proptest::prelude::*;

use super::*;
use crate::durable::{Replay, Wall};
use crate::store::open_journal;

/// A broker with a journal.
struct Durable {
    world: World,
    log: Arc<Log>,
    path: PathBuf,
    _dir: TempDir,
}

impl Durable {
    fn new() -> Self {
        let dir = TempDir::make("azmqtt-namespace-test-").unwrap();
        let path = dir.join("sessions.journal");
        let mut world = World::new();
        let log = open_journal(&path, &mut world.broker).unwrap();
        Self { world, log, path, _dir: dir }
    }

    /// Writes what there is to be written.
    fn write(&mut self) {
        self.log.write(|_| self.world.broker.snapshot());
        self.world.broker.wake_held();
    }

    /// What was not written is lost.
    fn kill(&mut self) {
        self.world = World::new();
        self.log = open_journal(&self.path, &mut self.world.broker).unwrap();
    }

    /// The same, after so long, and nothing is written any more.
    fn kill_for(&mut self, seconds: u64) {
        let mut replay = Replay::default();
        azmqtt_local::journal::read(&self.path, |record| replay.take(record)).unwrap();
        self.world = World::new();
        let wall = Wall(Wall::now().0 + 1000 * seconds);
        self.world.broker.restore(replay.finish(), self.world.now, wall);
    }

    fn connect(&mut self, connect: Connect) -> (Peer, bool) {
        let name = connect.client_id.clone();
        let principal =
            Principal { name: AuthenticationName::parse(&name).unwrap(), attributes: Attributes::default() };
        let identity = Identity { principal: Arc::new(principal), standing: Standing::Asserted };
        let mut server = self.world.broker.server(self.world.now);
        let version = connect.level.version();
        let mut bytes = BytesMut::new();
        codec::encode(&Packet::Connect(Box::new(connect)), version, &mut bytes, usize::MAX).unwrap();
        let Ok(Some(Event::Connect(connect))) = server.poll(&mut bytes, self.world.now) else { panic!() };
        let accepted = self.world.broker.connect(server, *connect, identity, self.world.now).unwrap();
        let mut peer = Peer { connection: accepted.connection, version, input: BytesMut::new() };
        self.write();
        match self.world.next_packet(&mut peer) {
            Some(Packet::ConnAck(connack)) => assert_eq!(connack.reason, ReasonCode::Success),
            other => panic!("{other:?}"),
        }
        (peer, accepted.session_present)
    }

    /// Subscribes a session that outlasts its connection, and has its client go.
    fn offline(&mut self, client_id: &str, filters: &[&str]) {
        let (mut peer, _) = self.connect(lasting(client_id, 600));
        let filters = filters.iter().map(|text| filter(text)).collect();
        self.world
            .send(&mut peer, &[Packet::Subscribe(Subscribe { packet_id: 7, ..Subscribe::of(filters) })]);
        assert!(self.world.got(&mut peer).is_empty(), "nothing before it is on the disk");
        self.write();
        assert!(matches!(self.world.got(&mut peer)[..], [Packet::SubAck(_)]));
        self.world.broker.end(peer.connection, End::Lost, self.world.now);
        self.world.broker.farewell(peer.connection);
        self.write();
    }

    /// Publishes, and writes it down.
    fn publish(&mut self, publish: Publish) {
        let (mut publisher, _) = self.connect(v5("publisher"));
        let publish = Publish { packet_id: 9, ..publish };
        self.world.send(&mut publisher, &[Packet::Publish(publish)]);
        assert!(self.world.got(&mut publisher).is_empty(), "nothing before it is on the disk");
        self.write();
        assert!(matches!(self.world.got(&mut publisher)[..], [Packet::PubAck(_)]));
    }

    fn payloads_of(&mut self, client_id: &str) -> Vec<String> {
        let (mut peer, session_present) = self.connect(lasting(client_id, 600));
        assert!(session_present);
        self.world.payloads(&mut peer)
    }
}

impl World {
    fn next_packet(&mut self, peer: &mut Peer) -> Option<Packet> {
        self.transfer(peer);
        codec::decode(&mut peer.input, Sender::Server, peer.version, usize::MAX).unwrap()
    }
}

fn retained(topic: &str, payload: &str) -> Publish {
    Publish { retain: true, ..message(topic, QOS1, payload) }
}

#[test]
fn what_waits_for_a_session_outlasts_the_broker() {
    let mut durable = Durable::new();
    durable.offline("s", &["t/a", "t/+"]);
    let text = properties(|builder| builder.content_type("text").user_property("a", "b"));
    durable.publish(Publish { properties: text.clone(), ..message("t/a", QOS1, "one") });
    durable.publish(message("t/b", QOS1, &"two".repeat(200)));
    for _ in 0..2 {
        durable.kill();
    }
    let (mut peer, session_present) = durable.connect(lasting("s", 600));
    assert!(session_present);
    let messages = durable.world.messages(&mut peer);
    assert_eq!(messages.iter().map(|publish| &*publish.topic).collect::<Vec<_>>(), ["t/a", "t/b"]);
    assert_eq!((&messages[0].payload[..], messages[1].payload.len()), (&b"one"[..], 600));
    assert_eq!(messages[0].properties, text);
    // The subscriptions are there, and what was acknowledged is not.
    durable.publish(message("t/c", QOS1, "three"));
    assert_eq!(durable.world.payloads(&mut peer), ["three"]);
    durable.write();
    durable.kill();
    assert!(durable.payloads_of("s").is_empty());
}

#[test]
fn what_is_in_flight_comes_again_under_its_identifier() {
    let mut durable = Durable::new();
    durable.offline("s", &["t/#"]);
    durable.publish(message("t/queued", QOS1, "queued"));
    let (mut peer, _) = durable.connect(lasting("s", 600));
    durable.publish(message("t/direct", QOS1, "direct"));
    let first = durable.world.got(&mut peer);
    durable.write();
    durable.kill();
    let (mut peer, session_present) = durable.connect(lasting("s", 600));
    assert!(session_present);
    let again = durable.world.got(&mut peer);
    let told = |packets: &[Packet]| -> Vec<(u16, String, bool)> {
        let publishes = packets.iter().map(|packet| match packet {
            Packet::Publish(publish) => (publish.packet_id, publish.topic.to_string(), publish.dup),
            other => panic!("{other:?}"),
        });
        publishes.collect()
    };
    let sent_again: Vec<_> = told(&first).into_iter().map(|(id, topic, _)| (id, topic, true)).collect();
    assert_eq!(told(&again), sent_again);
    assert_eq!(sent_again.len(), 2);
    // The identifiers of new messages are others.
    durable.publish(message("t/new", QOS1, "new"));
    let new = told(&durable.world.got(&mut peer));
    assert!(sent_again.iter().all(|(id, ..)| *id != new[0].0));
}

#[test]
fn sessions_expire_while_nobody_runs() {
    let mut durable = Durable::new();
    durable.offline("gone", &["t/#"]);
    durable.publish(message("t/a", QOS1, "one"));
    let (_there, _) = durable.connect(lasting("there", 60));
    durable.kill_for(599);
    assert_eq!(durable.world.broker.sessions(), 2);
    durable.world.pass(2 * SECOND);
    assert_eq!(durable.world.broker.sessions(), 1);
    assert_eq!(durable.world.broker.subscriptions(), 0);
    // Nobody knows when the client of the other one was lost: its time begins with the next start.
    durable.world.pass(59 * SECOND);
    assert_eq!(durable.world.broker.sessions(), 0);
    durable.kill_for(601);
    assert_eq!(durable.world.broker.sessions(), 1);
}

/// A CONNECT of a session that outlasts its connection, with a will.
fn with_will(client_id: &str, seconds: u32, delay: u32, text: &str) -> Connect {
    let mut will = Will::new("t/will", text.to_owned(), QOS1, false);
    will.properties = properties(|builder| builder.will_delay(delay));
    Connect { will: Some(will), ..lasting(client_id, seconds) }
}

#[test]
fn wills_outlast_the_broker() {
    let mut durable = Durable::new();
    durable.offline("watcher", &["t/will"]);
    let (mut left, _) = durable.connect(with_will("left", 60, 0, "left"));
    durable.world.send(&mut left, &[Packet::Disconnect(Disconnect::normal())]);
    let (lost, _) = durable.connect(with_will("lost", 60, 20, "lost"));
    durable.world.broker.end(lost.connection, End::Lost, durable.world.now);
    let (_there, _) = durable.connect(with_will("there", 60, 0, "there"));
    let (_delayed, _) = durable.connect(with_will("delayed", 60, 20, "delayed"));
    let (_back, _) = durable.connect(with_will("back", 60, 20, "back"));
    durable.write();
    // The second time what stands in the snapshot is read, and the wills that were published are not.
    for expected in [vec!["there"], Vec::new()] {
        durable.kill();
        assert_eq!(durable.payloads_of("watcher"), expected);
        durable.write();
    }
    let (_back, is_present) = durable.connect(lasting("back", 60));
    assert!(is_present);
    durable.world.pass(20 * SECOND);
    let mut published = durable.payloads_of("watcher");
    published.sort();
    assert_eq!(published, ["delayed", "lost"]);
    durable.write();
    durable.kill();
    durable.world.pass(60 * SECOND);
    assert_eq!(durable.payloads_of("watcher"), [""; 0]);
}

#[test]
fn wills_are_due_while_nobody_runs() {
    let mut durable = Durable::new();
    durable.offline("watcher", &["t/will"]);
    for (client, seconds, delay) in [("delay", 300, 30), ("session", 30, 300), ("neither", 300, 300)] {
        let (peer, _) = durable.connect(with_will(client, seconds, delay, client));
        durable.world.broker.end(peer.connection, End::Lost, durable.world.now);
    }
    durable.write();
    durable.kill_for(60);
    durable.world.broker.tick(durable.world.now);
    let mut published = durable.payloads_of("watcher");
    published.sort();
    assert_eq!(published, ["delay", "session"]);
    assert_eq!(durable.world.broker.sessions(), 3);
    durable.world.pass(240 * SECOND);
    assert_eq!(durable.payloads_of("watcher"), ["neither"]);
}

#[test]
fn messages_expire_while_nobody_runs() {
    let mut durable = Durable::new();
    durable.offline("s", &["t/#"]);
    let expiring = |seconds| properties(|builder| builder.message_expiry(seconds));
    durable.publish(Publish { properties: expiring(60), ..message("t/a", QOS1, "short") });
    durable.publish(Publish { properties: expiring(300), ..message("t/a", QOS1, "long") });
    durable.publish(Publish { properties: expiring(60), ..retained("t/short", "kept") });
    durable.publish(Publish { properties: expiring(300), ..retained("t/long", "kept") });
    durable.publish(retained("t/year", "kept"));
    durable.kill_for(100);
    assert_eq!(durable.world.broker.retained().len(), 2);
    let (mut peer, _) = durable.connect(lasting("s", 600));
    let messages = durable.world.messages(&mut peer);
    let left: Vec<_> = messages.iter().map(|publish| publish.properties.message_expiry()).collect();
    assert!(matches!(left[..], [Some(199..=200), Some(199..=200), None]), "{left:?}");
}

#[test]
fn kept_messages_are_there_and_what_was_dropped_is_not() {
    let mut durable = Durable::new();
    for (topic, payload) in [("t/a", "old"), ("t/a", "new"), ("t/b", "x"), ("t/b", ""), ("$dollar/c", "y")] {
        durable.publish(retained(topic, payload));
    }
    let kept = |durable: &Durable| {
        let kept = durable.world.broker.retained().iter();
        let mut kept: Vec<_> =
            kept.map(|kept| format!("{} {:?}", kept.publish.topic, kept.publish.payload)).collect();
        kept.sort();
        kept
    };
    let before = kept(&durable);
    assert_eq!(before.len(), 2);
    durable.kill();
    assert_eq!(kept(&durable), before);
    let (mut peer, _) = durable.connect(v5("s"));
    durable.world.subscribe(&mut peer, Subscribe::of(vec![filter("t/#")]));
    let messages = durable.world.messages(&mut peer);
    assert!(messages[0].retain && messages[0].payload == "new");
}

#[test]
fn what_ends_with_its_connection_leaves_no_record() {
    let mut durable = Durable::new();
    let size = |durable: &mut Durable| {
        durable.write();
        fs::metadata(&durable.path).unwrap().len()
    };
    let empty = size(&mut durable);
    let (mut peer, _) = durable.connect(v5("s"));
    assert_eq!(
        durable.world.subscribe(&mut peer, Subscribe::of(vec![filter("t/#")])),
        [ReasonCode::GrantedQoS1]
    );
    let (mut publisher, _) = durable.connect(v3("p"));
    let publish = message("t/a", QOS1, "one");
    assert_eq!(durable.world.publish(&mut publisher, publish), Some(ReasonCode::Success), "at once");
    assert_eq!(durable.world.payloads(&mut peer), ["one"]);
    assert_eq!(size(&mut durable), empty);
}

#[test]
fn sessions_that_were_ended_do_not_come_back() {
    let mut durable = Durable::new();
    for client in ["clean", "short", "ended", "unsubscribed"] {
        durable.offline(client, &["t/a", "t/b"]);
    }
    durable.publish(message("t/a", QOS1, "one"));
    // A clean start, one that does not keep it any more, and one that says so.
    assert!(!durable.connect(Connect { clean_start: true, ..lasting("clean", 600) }).1);
    assert!(durable.connect(lasting("short", 0)).1);
    let (mut peer, _) = durable.connect(lasting("ended", 600));
    let zero = properties(|builder| builder.session_expiry(0));
    let disconnect = Disconnect { properties: zero, ..Disconnect::new(ReasonCode::Success) };
    durable.world.send(&mut peer, &[Packet::Disconnect(disconnect)]);
    let (mut peer, _) = durable.connect(lasting("unsubscribed", 600));
    durable.world.messages(&mut peer);
    durable.world.send(
        &mut peer,
        &[Packet::Unsubscribe(Unsubscribe { packet_id: 8, ..Unsubscribe::of(vec!["t/a".to_owned()]) })],
    );
    durable.write();
    durable.kill();
    assert_eq!(durable.world.broker.sessions(), 2, "the new one, and that without a subscription");
    assert_eq!(durable.world.broker.subscriptions(), 1);
    assert!(durable.payloads_of("clean").is_empty());
    assert!(durable.payloads_of("unsubscribed").is_empty());
}

#[test]
fn one_payload_for_many_is_written_once() {
    let mut durable = Durable::new();
    for index in 0..50 {
        durable.offline(&format!("s{index}"), &["t/#"]);
    }
    let payload = "x".repeat(100_000);
    durable.publish(message("t/a", QOS1, &payload));
    for _ in 0..2 {
        assert!(fs::metadata(&durable.path).unwrap().len() < 200_000);
        durable.kill();
    }
    for index in 0..50 {
        assert_eq!(durable.payloads_of(&format!("s{index}")), [&*payload]);
    }
}

#[test]
fn rights_that_were_lost_take_subscriptions_with_them() {
    let mut durable = Durable::new();
    durable.offline("s", &["t/a"]);
    let mut world =
        World { broker: Broker::new(Limits::default(), Behaviours::default()), now: Instant::now() };
    world.change(|directory| grant(directory, Permission::Subscriber, &["t/b"]));
    open_journal(&durable.path, &mut world.broker).unwrap();
    assert_eq!((world.broker.sessions(), world.broker.subscriptions()), (1, 0));
}

#[test]
fn what_cannot_be_kept_is_not_acknowledged() {
    let mut durable = Durable::new();
    let dir = durable.path.parent().unwrap().to_owned();
    let away = dir.with_extension("away");
    let (mut publisher, _) = durable.connect(v5("publisher"));
    let (mut other, _) = durable.connect(v5("other"));
    durable.world.subscribe(&mut other, Subscribe::of(vec![filter("t/b")]));
    fs::rename(&dir, &away).unwrap();
    // So much that the journal is made anew, for which there is no place.
    loop {
        let publish = Publish { packet_id: 9, ..retained("t/b", &"y".repeat(60_000)) };
        durable.world.send(&mut publisher, &[Packet::Publish(publish)]);
        durable.write();
        match &durable.world.got(&mut publisher)[..] {
            [Packet::PubAck(_)] => {}
            [] => {
                let code = Some(ReasonCode::ImplementationSpecificError);
                assert_eq!(durable.world.farewell(&mut publisher), Some((End::NotKept, code)));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    // Others go on.
    assert!(durable.world.is_alive(&other));
    assert!(!durable.world.messages(&mut other).is_empty());
    fs::rename(&away, &dir).unwrap();
    let deadline = Instant::now() + 20 * SECOND;
    loop {
        assert!(Instant::now() < deadline, "the disk is not asked again");
        let (mut publisher, _) = durable.connect(v5("publisher"));
        let publish = Publish { packet_id: 9, ..retained("t/c", "z") };
        durable.world.send(&mut publisher, &[Packet::Publish(publish)]);
        durable.write();
        if matches!(durable.world.got(&mut publisher)[..], [Packet::PubAck(_)]) {
            break;
        }
        std::thread::yield_now();
    }
    durable.kill();
    assert_eq!(durable.world.broker.retained().len(), 2);
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u8),
    /// Read and acknowledge all that has come.
    Read(u8),
    /// Read, and acknowledge nothing.
    Ignore(u8),
    Drop(u8),
    Connect(u8),
    Write,
    Kill,
}

const SUBSCRIBERS: u8 = 3;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8).prop_map(Step::Publish),
        2 => (0..SUBSCRIBERS).prop_map(Step::Read),
        1 => (0..SUBSCRIBERS).prop_map(Step::Ignore),
        1 => (0..SUBSCRIBERS).prop_map(Step::Drop),
        2 => (0..SUBSCRIBERS).prop_map(Step::Connect),
        2 => Just(Step::Write),
        1 => Just(Step::Kill),
    ]
}

/// What a subscriber has got.
struct Subscriber {
    peer: Option<Peer>,
    got: Vec<u32>,
}

impl Durable {
    fn read(&mut self, subscriber: &mut Subscriber, acknowledges: bool) {
        let Some(peer) = &mut subscriber.peer else { return };
        let messages = if acknowledges {
            self.world.messages(peer)
        } else {
            let packets = self.world.got(peer).into_iter();
            packets
                .filter_map(|packet| match packet {
                    Packet::Publish(publish) => Some(publish),
                    _ => None,
                })
                .collect()
        };
        let numbers =
            messages.iter().map(|publish| std::str::from_utf8(&publish.payload).unwrap().parse::<u32>());
        subscriber.got.extend(numbers.map(Result::unwrap));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_was_acknowledged_arrives_though_brokers_are_killed(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut durable = Durable::new();
        let mut subscribers: Vec<Subscriber> = Vec::new();
        for index in 0..SUBSCRIBERS {
            durable.offline(&format!("s{index}"), &["t/+", "t/0"]);
            subscribers.push(Subscriber { peer: None, got: Vec::new() });
        }
        let (mut publisher, _) = durable.connect(v5("p"));
        let (mut sent, mut waiting, mut acknowledged) = (0_u32, Vec::new(), Vec::new());
        for step in steps.into_iter().chain([Step::Write, Step::Kill]) {
            match step {
                Step::Publish(topic) => {
                    let publish = message(&format!("t/{topic}"), QOS1, &sent.to_string());
                    let publish = Publish { packet_id: 9, ..publish };
                    durable.world.send(&mut publisher, &[Packet::Publish(publish)]);
                    waiting.push(sent);
                    sent += 1;
                }
                Step::Read(index) => durable.read(&mut subscribers[usize::from(index)], true),
                Step::Ignore(index) => durable.read(&mut subscribers[usize::from(index)], false),
                Step::Drop(index) => {
                    if let Some(peer) = subscribers[usize::from(index)].peer.take() {
                        durable.world.broker.end(peer.connection, End::Lost, durable.world.now);
                        durable.world.broker.farewell(peer.connection);
                    }
                }
                Step::Connect(index) => {
                    let (peer, session_present) = durable.connect(lasting(&format!("s{index}"), 600));
                    prop_assert!(session_present);
                    let old = subscribers[usize::from(index)].peer.replace(peer);
                    old.map(|old| durable.world.broker.farewell(old.connection));
                }
                Step::Write => durable.write(),
                Step::Kill => {
                    durable.kill();
                    waiting.clear();
                    for subscriber in &mut subscribers {
                        subscriber.peer = None;
                    }
                    publisher = durable.connect(v5("p")).0;
                }
            }
            for packet in durable.world.got(&mut publisher) {
                prop_assert!(matches!(packet, Packet::PubAck(_)));
                acknowledged.push(waiting.remove(0));
            }
        }
        for (index, subscriber) in subscribers.iter_mut().enumerate() {
            subscriber.peer = Some(durable.connect(lasting(&format!("s{index}"), 600)).0);
            durable.read(subscriber, true);
            let mut once: Vec<u32> = Vec::new();
            for number in &subscriber.got {
                if !once.contains(number) {
                    once.push(*number);
                }
            }
            prop_assert!(once.is_sorted(), "{:?}", subscriber.got);
            let lost = acknowledged.iter().find(|number| !once.contains(number));
            prop_assert_eq!(lost, None);
        }
    }
}
