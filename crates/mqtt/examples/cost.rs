//! What a message of 256 bytes at QoS 1 and its PUBACK cost, in nanoseconds: `cargo run --release -p azmqtt-mqtt --example cost`.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::{
    Client, Connect, Level, MAX_PACKET_SIZE, Packet, Properties, PubAck, Publish, QoS, ReasonCode, Server,
    Version, server,
};
use bytes::{Bytes, BytesMut};

const TOPIC: &str = "devices/boiler/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8";
const BATCH: u16 = 100;
const ROUNDS: u32 = 20_000;

fn message(payload: &Bytes) -> Publish {
    Publish::new(TOPIC, QoS::AtLeastOnce, payload.clone())
}

/// The fastest of all rounds, for one message.
fn fastest(mut round: impl FnMut()) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed());
    }
    best.as_secs_f64() * 1e9 / f64::from(BATCH)
}

fn written(packet: &Packet, output: &mut BytesMut) {
    codec::encode(packet, Version::Mqtt311, output, MAX_PACKET_SIZE).expect("it fits");
}

fn read(input: &mut BytesMut, sender: Sender) -> Packet {
    codec::decode(input, sender, Version::Mqtt311, MAX_PACKET_SIZE)
        .expect("it is valid")
        .expect("it is whole")
}

fn main() {
    let payload = Bytes::from(vec![7; 256]);
    let mut publish = message(&payload);
    publish.packet_id = 7;
    let (publish, puback) = (Packet::Publish(publish), Packet::PubAck(PubAck::new(7)));

    for (name, packet) in [("PUBLISH", &publish), ("PUBACK", &puback)] {
        let mut bytes = BytesMut::new();
        let encode = fastest(|| {
            bytes.clear();
            for _ in 0..BATCH {
                written(black_box(packet), &mut bytes);
            }
        });
        let stream = bytes.freeze();
        let decode = fastest(|| {
            let mut input = BytesMut::from(&stream[..]);
            for _ in 0..BATCH {
                black_box(read(&mut input, Sender::Client));
            }
        });
        println!("{name}: encode {encode:.1} ns, decode {decode:.1} ns");
    }

    let rounds = [Level::Mqtt311, Level::Mqtt5].map(|level| together(level, &payload));
    println!(
        "published, received, acknowledged: {:.1} ns in MQTT 3.1.1, {:.1} ns in MQTT 5",
        rounds[0], rounds[1]
    );
}

/// A client and a server, without the codec's share taken apart.
fn together(level: Level, payload: &Bytes) -> f64 {
    let now = Instant::now();
    let mut client = Client::<u32>::new(1024, now);
    let mut server = Server::<u32>::new(1024, now).with_mqtt5();
    client.connect(&Connect { level, ..Connect::new("boiler") }, Duration::from_secs(10), now);
    server.poll(client.output(), now).expect("CONNECT");
    server.accept(None, Properties::default(), now);
    client.poll(server.output(), now).expect("CONNACK");
    fastest(|| {
        for token in 0..u32::from(BATCH) {
            client.publish(message(payload), token, now, now).expect("there is room");
        }
        while let Some(server::Event::Publish(publish)) = server.poll(client.output(), now).expect("PUBLISH")
        {
            server.acknowledge(publish.packet_id, ReasonCode::Success);
        }
        while client.poll(server.output(), now).expect("PUBACK").is_some() {}
        assert_eq!(client.in_flight(), 0);
    })
}
