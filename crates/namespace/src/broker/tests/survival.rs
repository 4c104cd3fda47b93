//! Whatever clients do, nothing is lost, and nothing is left of them when they are gone.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Publish(u8),
    /// Read and acknowledge all that has come.
    Read(u8),
    /// Read, and acknowledge nothing.
    Ignore(u8),
    Drop(u8),
    Connect(u8),
}

const SUBSCRIBERS: u8 = 3;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4u8).prop_map(Step::Publish),
        2 => (0..SUBSCRIBERS).prop_map(Step::Read),
        1 => (0..SUBSCRIBERS).prop_map(Step::Ignore),
        1 => (0..SUBSCRIBERS).prop_map(Step::Drop),
        2 => (0..SUBSCRIBERS).prop_map(Step::Connect),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_message_at_qos_1_arrives_in_order_whatever_happens_to_connections(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new();
        let (mut publisher, _) = world.connect(v5("p"));
        let connect = |world: &mut World, index: u8| world.connect(lasting(&format!("s{index}"), 600));
        let mut peers: Vec<Peer> = (0..SUBSCRIBERS)
            .map(|index| {
                let (mut peer, _) = connect(&mut world, index);
                // Each has a wildcard, and topics 0 and 1 twice.
                let filters = vec![filter("t/+"), filter("t/0"), filter("t/1")];
                world.subscribe(&mut peer, Subscribe::of(filters));
                peer
            })
            .collect();
        let mut sent = 0;
        let mut got: Vec<Vec<u32>> = vec![Vec::new(); peers.len()];
        let mut read = |world: &mut World, peers: &mut [Peer], index: u8, acknowledges: bool| {
            let index = usize::from(index);
            if !world.is_alive(&peers[index]) {
                return;
            }
            let messages = if acknowledges {
                world.messages(&mut peers[index])
            } else {
                let packets = world.got(&mut peers[index]).into_iter();
                packets.filter_map(|packet| match packet { Packet::Publish(publish) => Some(publish), _ => None }).collect()
            };
            for publish in messages {
                got[index].push(std::str::from_utf8(&publish.payload).unwrap().parse().unwrap());
            }
        };
        for step in steps {
            match step {
                Step::Publish(topic) => {
                    let publish = message(&format!("t/{topic}"), QOS1, &sent.to_string());
                    prop_assert_eq!(world.publish(&mut publisher, publish), Some(ReasonCode::Success));
                    sent += 1;
                }
                Step::Read(index) => read(&mut world, &mut peers, index, true),
                Step::Ignore(index) => read(&mut world, &mut peers, index, false),
                Step::Drop(index) => {
                    let connection = peers[usize::from(index)].connection;
                    world.broker.end(connection, End::Lost, world.now);
                    world.broker.farewell(connection);
                }
                Step::Connect(index) => {
                    let (peer, connack) = connect(&mut world, index);
                    prop_assert!(connack.session_present);
                    let old = std::mem::replace(&mut peers[usize::from(index)], peer);
                    world.broker.farewell(old.connection);
                }
            }
        }
        for index in 0..SUBSCRIBERS {
            let (peer, _) = connect(&mut world, index);
            peers[usize::from(index)] = peer;
            read(&mut world, &mut peers, index, true);
        }
        for got in &mut got {
            // What was not acknowledged may have come twice.
            let mut once: Vec<u32> = Vec::new();
            for number in got.iter() {
                if !once.contains(number) {
                    once.push(*number);
                }
            }
            prop_assert_eq!(once, (0..sent).collect::<Vec<u32>>());
        }
        for peer in peers.iter().chain([&publisher]) {
            world.broker.end(peer.connection, End::Lost, world.now);
        }
        world.pass(600 * SECOND);
        prop_assert_eq!((world.broker.sessions(), world.broker.connected(), world.broker.subscriptions()), (0, 0, 0));
        prop_assert_eq!(world.broker.deadline(), None);
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..100), is_v5 in any::<bool>()) {
        let mut world = World::new();
        let (peer, _) = world.connect(if is_v5 { v5("c") } else { v3("c") });
        let mut input = BytesMut::from(&bytes[..]);
        world.broker.receive(peer.connection, &mut input, world.now);
    }
}
