//! What a message of 256 bytes at QoS 1 and its PUBACK cost, in nanoseconds: `cargo run --release -p azmqtt-mqtt --example cost`.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::{Client, Connect, MAX_PACKET_SIZE, Packet, PubAck, Publish, QoS, Server, Version, server};
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

    let now = Instant::now();
    let mut client = Client::<u32>::new(1024, now);
    let mut server = Server::<u32>::new(1024, now);
    client.connect(&Connect::new("boiler"), Duration::from_secs(10), now);
    server.poll(client.output(), now).expect("CONNECT");
    server.accept(None, now);
    client.poll(server.output(), now).expect("CONNACK");
    let both = fastest(|| {
        for token in 0..u32::from(BATCH) {
            client.publish_qos1(message(&payload), token, now).expect("there is room");
        }
        while let Some(server::Event::Publish(publish)) = server.poll(client.output(), now).expect("PUBLISH")
        {
            server.acknowledge(publish.packet_id);
        }
        while client.poll(server.output(), now).expect("PUBACK").is_some() {}
        assert_eq!(client.in_flight(), 0);
    });
    println!("published, received, acknowledged: {both:.1} ns");
}
