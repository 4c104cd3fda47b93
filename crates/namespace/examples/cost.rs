//! What a message costs the broker, without sockets and TLS:
//! `cargo run --release --package azmqtt-namespace --example cost`.
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use azmqtt_mqtt::codec;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{Connect, LARGEST_PACKET, Level, Packet, Publish, QoS, Subscribe, Version};
use azmqtt_namespace::access::{Access, TopicCache};
use azmqtt_namespace::attributes::{AttributeValue, Attributes};
use azmqtt_namespace::behaviours::Behaviours;
use azmqtt_namespace::broker::{Broker, Connection, Identity};
use azmqtt_namespace::limits::Limits;
use azmqtt_namespace::names::{AuthenticationName, GroupRef, ResourceName};
use azmqtt_namespace::principal::{Principal, Standing};
use azmqtt_namespace::query::Query;
use azmqtt_namespace::resources::{ClientGroup, Directory, Permission, PermissionBinding, TopicSpace};
use azmqtt_namespace::template::Template;
use azmqtt_namespace::topic::Levels;
use bytes::BytesMut;

const BYTES: usize = 256;

fn main() {
    authorization();
    fan_in();
    one_to_one();
    fan_out(1000);
}

fn per(what: &str, start: Duration, count: usize) {
    let nanoseconds = cpu_time().saturating_sub(start).as_nanos() / count as u128;
    println!("{what:<60} {nanoseconds:>7} ns, {:>9}/s", 1_000_000_000 / nanoseconds.max(1));
}

fn name(text: &str) -> ResourceName {
    ResourceName::parse(text).expect("a name")
}

/// Ten topic spaces of ten templates each, ten groups, a hundred bindings: all that a namespace may have.
fn full_directory() -> Directory {
    let mut directory = Directory::new(10);
    for index in 0..10 {
        let query = Query::parse(&format!("attributes.floor >= {index}")).expect("a query");
        let group = ClientGroup { name: name(&format!("group{index}")), description: String::new(), query };
        directory.put_group(group).expect("it fits");
        let template =
            |each| format!("s{index}/${{client.attributes.floor}}/t{each}/${{client.authenticationName}}/+");
        let templates = (0..10).map(|each| Template::parse(&template(each)).expect("a template")).collect();
        let space =
            TopicSpace { name: name(&format!("space{index}")), description: String::new(), templates };
        directory.put_topic_space(space).expect("it fits");
    }
    for index in 0..100 {
        let binding = PermissionBinding {
            name: name(&format!("binding{index}")),
            description: String::new(),
            group: GroupRef::Named(name(&format!("group{}", index / 10))),
            topic_space: name(&format!("space{}", index % 10)),
            permission: if index / 10 % 2 == 0 { Permission::Publisher } else { Permission::Subscriber },
        };
        directory.put_binding(binding).expect("it fits");
    }
    directory
}

fn authorization() {
    const COUNT: usize = 200_000;
    let attributes = [("floor".to_owned(), AttributeValue::Integer(20))];
    let principal = Principal {
        name: AuthenticationName::parse("client1").expect("a name"),
        attributes: Attributes::new(attributes).expect("they fit"),
    };
    let rights = Access::new(&full_directory()).rights(&principal);
    let topics: Vec<String> = (0..COUNT).map(|index| format!("s9/20/t9/client1/{index}")).collect();
    let mut cache = TopicCache::default();
    let mut judge = |topic: &str| {
        cache.get_or(topic, || rights.may_publish(&principal, &Levels::of(topic).expect("a topic")))
    };
    let start = cpu_time();
    assert!(topics.iter().all(|topic| judge(topic)));
    per("authorization, a new topic each time", start, COUNT);
    let start = cpu_time();
    assert!((0..COUNT).all(|_| judge(&topics[0])));
    per("authorization, the topic of before", start, COUNT);
}

/// A broker on which everybody may do everything.
struct World {
    broker: Broker,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let mut broker = Broker::new(Limits::default(), Behaviours::default());
        broker.change(now, |directory| {
            let templates = vec![Template::parse("#").expect("a template")];
            let space = TopicSpace { name: name("all"), description: String::new(), templates };
            directory.put_topic_space(space).expect("it fits");
            for (binding, permission) in
                [("publisher", Permission::Publisher), ("subscriber", Permission::Subscriber)]
            {
                let binding = PermissionBinding {
                    name: name(binding),
                    description: String::new(),
                    group: GroupRef::All,
                    topic_space: name("all"),
                    permission,
                };
                directory.put_binding(binding).expect("it fits");
            }
        });
        Self { broker, now }
    }

    fn connect(&mut self, client: &str) -> Connection {
        let mut server = self.broker.server(self.now);
        let connect = Packet::Connect(Box::new(Connect { level: Level::Mqtt5, ..Connect::new(client) }));
        let Ok(Some(Event::Connect(connect))) = server.poll(&mut encode(&[connect]), self.now) else {
            unreachable!("it is a CONNECT")
        };
        let name = AuthenticationName::parse(client).expect("a name");
        let principal = Arc::new(Principal { name, attributes: Attributes::default() });
        let identity = Identity { principal, standing: Standing::Asserted };
        let accepted = self.broker.connect(server, *connect, identity, self.now);
        let connection = accepted.unwrap_or_else(|(_, refusal)| panic!("{refusal}")).connection;
        self.written(connection);
        connection
    }

    fn subscribe(&mut self, connection: Connection, qos: QoS) {
        let subscribe = Subscribe { packet_id: 1, ..Subscribe::new("t/+", qos) };
        self.receive(connection, encode(&[Packet::Subscribe(subscribe)]));
        self.written(connection);
    }

    fn receive(&mut self, connection: Connection, mut input: BytesMut) {
        while !input.is_empty() {
            self.broker.receive(connection, &mut input, self.now);
        }
    }

    /// What was written to a connection.
    fn written(&mut self, connection: Connection) -> BytesMut {
        let mut output = BytesMut::new();
        self.broker.output(connection, &mut output, Waker::noop(), self.now);
        output
    }
}

fn encode(packets: &[Packet]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for packet in packets {
        codec::encode(packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).expect("it fits");
    }
    bytes
}

/// As one read brings them.
fn messages(count: u16, qos: QoS) -> BytesMut {
    let message = |id| Publish { packet_id: id, ..Publish::new("t/a", qos, vec![7; BYTES]) };
    let packets: Vec<Packet> = (1..=count).map(|id| Packet::Publish(message(id))).collect();
    encode(&packets)
}

fn fan_in() {
    const ROUNDS: usize = 5000;
    let mut world = World::new();
    let publisher = world.connect("publisher");
    let batch = messages(100, QoS::AtLeastOnce);
    let start = cpu_time();
    for _ in 0..ROUNDS {
        world.receive(publisher, batch.clone());
        world.written(publisher);
    }
    per("a message at QoS 1 that nobody wants, with its PUBACK", start, ROUNDS * 100);
}

fn one_to_one() {
    const ROUNDS: usize = 5000;
    let mut world = World::new();
    let (publisher, subscriber) = (world.connect("publisher"), world.connect("subscriber"));
    world.subscribe(subscriber, QoS::AtLeastOnce);
    let batch = messages(100, QoS::AtLeastOnce);
    let start = cpu_time();
    for _ in 0..ROUNDS {
        world.receive(publisher, batch.clone());
        world.written(publisher);
        let mut delivered = world.written(subscriber);
        let mut acks = BytesMut::new();
        // The identifier stands behind the topic: a PUBACK is four bytes.
        while let Some(length) = codec::packet_length(&delivered) {
            let packet = delivered.split_to(length);
            acks.extend_from_slice(&[0x40, 2, packet[8], packet[9]]);
        }
        world.receive(subscriber, acks);
    }
    per("a message at QoS 1 from one to one, with both PUBACKs", start, ROUNDS * 100);
}

fn fan_out(subscribers: usize) {
    const ROUNDS: usize = 50;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let mut world = World::new();
        let publisher = world.connect("publisher");
        let subscribers: Vec<Connection> = (0..subscribers)
            .map(|index| {
                let connection = world.connect(&format!("subscriber{index}"));
                world.subscribe(connection, qos);
                connection
            })
            .collect();
        let batch = messages(20, QoS::AtLeastOnce);
        let start = cpu_time();
        for _ in 0..ROUNDS {
            world.receive(publisher, batch.clone());
            world.written(publisher);
            for subscriber in &subscribers {
                let mut delivered = world.written(*subscriber);
                if qos == QoS::AtMostOnce {
                    continue;
                }
                let mut acks = BytesMut::new();
                while let Some(length) = codec::packet_length(&delivered) {
                    let packet = delivered.split_to(length);
                    acks.extend_from_slice(&[0x40, 2, packet[8], packet[9]]);
                }
                world.receive(*subscriber, acks);
            }
        }
        let what = format!("a delivery at QoS {} to one of {}", qos as u8, subscribers.len());
        per(&what, start, ROUNDS * 20 * subscribers.len());
    }
}

/// What this thread has computed, whatever else the machine does; the time of day where the system does not say.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    let since = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    nanoseconds.map_or_else(since, Duration::from_nanos)
}
