//! What a message of 64 bytes at QoS 1 costs the client's thread, in microseconds of CPU, both ways and in both versions:
//! `cargo run --release -p azmqtt-client --example cost`.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use azmqtt_client::{Broker, Bulk, Client, Config, Reply};
use azmqtt_mqtt::codec::{Sender, decode, encode};
use azmqtt_mqtt::{
    ConnAck, LARGEST_PACKET, Level, Packet, Properties, PropertiesBuilder, PubAck, Publish, QoS, ReasonCode,
};
use azmqtt_net::{ConnectDeadlines, Endpoint};
use bytes::BytesMut;

const MESSAGES: u16 = 60_000;
const ROUNDS: u16 = 5;
const WINDOW: u16 = 1000;
const LONG: Duration = Duration::from_secs(60);

/// What a broker does once it has accepted.
#[derive(Clone, Copy)]
enum Role {
    Acknowledge,
    Deliver,
}

fn main() -> Result<(), Box<dyn Error>> {
    for level in [Level::Mqtt311, Level::Mqtt5] {
        for round in 0..ROUNDS {
            let published = measure(level, Role::Acknowledge, publish)?;
            let received = measure(level, Role::Deliver, receive)?;
            println!("{level:?} {round}: publish {published:.3} µs, receive {received:.3} µs");
        }
    }
    Ok(())
}

/// CPU time of this thread for a message.
fn measure<F: Future<Output = ()>>(
    level: Level,
    role: Role,
    work: impl FnOnce(Client) -> F,
) -> Result<f64, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = Endpoint::new("127.0.0.1", listener.local_addr()?.port());
    let broker = std::thread::spawn(move || serve(&listener, level, role).is_ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut config = Config::new(Broker::plain(endpoint, ConnectDeadlines::default()), "cost");
    config.level = level;
    config.receive_maximum = WINDOW;
    let cpu = runtime.block_on(async {
        let client = Client::new(config, tokio::runtime::Handle::current);
        let receiver = client.receiver(None);
        let (reply, connected) = Reply::channel();
        client.connect(LONG, reply);
        connected.await.is_ok_and(|outcome| outcome.is_ok()).then_some(()).ok_or("not connected")?;
        drop(receiver);
        let before = cpu_time()?;
        work(client).await;
        Ok::<_, Box<dyn Error>>(cpu_time()? - before)
    })?;
    drop(runtime);
    let _ = broker.join();
    Ok(cpu * 1e6 / f64::from(MESSAGES))
}

async fn publish(client: Client) {
    let bulk = Bulk::new(client, LONG);
    let payload = bytes::Bytes::from_static(&[7; 64]);
    let messages = (0..MESSAGES).map(|_| Publish::new("site/line/cell", QoS::AtLeastOnce, payload.clone()));
    let outcome = bulk.send_all(messages).await;
    assert_eq!((outcome, bulk.acknowledged()), (Ok(()), usize::from(MESSAGES)));
}

async fn receive(client: Client) {
    let Ok(receiver) = client.receiver(None) else { return };
    let begin = Publish::new("begin", QoS::AtMostOnce, "");
    client.publish(begin, LONG, Reply::ignore());
    for _ in 0..MESSAGES {
        assert!(receiver.next().await.is_some());
    }
}

/// Seconds of CPU that this thread has taken.
fn cpu_time() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse::<f64>()? / 1e9)
}

fn serve(listener: &TcpListener, level: Level, role: Role) -> Result<(), Box<dyn Error>> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let version = level.version();
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    let accepted = Packet::ConnAck(ConnAck {
        properties: if level == Level::Mqtt5 {
            PropertiesBuilder::new().receive_maximum(WINDOW).build()?
        } else {
            Properties::default()
        },
        ..ConnAck::new(ReasonCode::Success, false)
    });
    let (mut sent, mut acknowledged, mut begun) = (0u16, 0u16, false);
    loop {
        while let Some(packet) = decode(&mut input, Sender::Client, version, LARGEST_PACKET)? {
            match packet {
                Packet::Connect(_) => encode(&accepted, version, &mut output, LARGEST_PACKET)?,
                Packet::Publish(publish) if publish.qos == QoS::AtLeastOnce => {
                    let puback = Packet::PubAck(PubAck::new(publish.packet_id));
                    encode(&puback, version, &mut output, LARGEST_PACKET)?;
                }
                Packet::Publish(_) => begun = true,
                Packet::PubAck(_) => acknowledged += 1,
                _ => {}
            }
        }
        if begun && matches!(role, Role::Deliver) {
            while sent < MESSAGES && sent - acknowledged < WINDOW {
                sent += 1;
                let publish = Publish {
                    packet_id: sent,
                    ..Publish::new("site/line/cell", QoS::AtLeastOnce, vec![7; 64])
                };
                encode(&Packet::Publish(publish), version, &mut output, LARGEST_PACKET)?;
            }
        }
        stream.write_all(&output)?;
        output.clear();
        read(&mut stream, &mut input)?;
    }
}

fn read(stream: &mut TcpStream, input: &mut BytesMut) -> Result<(), Box<dyn Error>> {
    let mut buffer = vec![0; 65_536];
    let count = stream.read(&mut buffer)?;
    input.extend_from_slice(&buffer[..count]);
    if count == 0 { Err("the client closed".into()) } else { Ok(()) }
}
