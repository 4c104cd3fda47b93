//! A well-behaved device beside clients that mean harm: whatever they do, each of its round trips is over in time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use azmqtt_mqtt::{Packet, Subscribe, Version};
use bytes::{Bytes, BytesMut};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::Limits;
use crate::tests::support::client::{Options, TestClient, https, start, tcp, tls};
use crate::{Hub, HubConfig};
use azmqtt_mqtt::{Publish, QoS};

const EVENTS: &str = "devices/dev1/messages/events/";

/// For one round trip. Builds for tests on a busy machine are slow; a client that is held up waits for ever.
const ROUND_TRIP_TIMEOUT: Duration = Duration::from_secs(8);

/// Round trips that the well-behaved device makes while the others are at it.
const ROUNDS: usize = 25;

/// Runs several of an attack, again whenever one is over, for as long as a device beside them has round trips to make.
async fn served_during<A, F>(hub: Arc<Hub>, attackers: usize, attack: A)
where
    A: Fn(Arc<Hub>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut attacks = JoinSet::new();
    for _ in 0..attackers {
        let (hub, attack) = (hub.clone(), attack.clone());
        attacks.spawn(async move {
            loop {
                attack(hub.clone()).await;
                tokio::task::yield_now().await;
            }
        });
    }
    let in_time = |what, result: Result<bool, _>| assert_eq!(result, Ok(true), "{what}");
    let mut client =
        timeout(ROUND_TRIP_TIMEOUT, TestClient::connect(&hub, "dev2")).await.expect("a connection in time");
    client.subscribe("$iothub/twin/res/#", QoS::AtMostOnce).await.unwrap();
    for round in 0..ROUNDS {
        let sent = client.send("devices/dev2/messages/events/", "x");
        in_time("a message", timeout(ROUND_TRIP_TIMEOUT, sent).await);
        client.publish(&format!("$iothub/twin/GET/?$rid={round}"), QoS::AtMostOnce, "").await;
        let answer = async { client.message().await.topic.contains("/res/200/") };
        in_time("the twin", timeout(ROUND_TRIP_TIMEOUT, answer).await);
        if round % 8 == 0 {
            let another = async { TestClient::open(&hub, &Options::new(&hub, "dev3")).await.is_ok() };
            in_time("another connection", timeout(ROUND_TRIP_TIMEOUT, another).await);
        }
    }
    assert!(attacks.try_join_next().is_none(), "the attacks went on to the end");
    attacks.shutdown().await;
}

/// A hub with a device that nobody attacks in the name of.
fn hub() -> Arc<Hub> {
    let limits = Limits {
        handshake_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let hub = start(HubConfig { limits, ..HubConfig::default() });
    hub.create_device("dev3", None).unwrap();
    Arc::new(hub)
}

/// The same packets over and over on one connection, whose answers are read.
async fn flood(hub: Arc<Hub>, packets: BytesMut) {
    let Ok(client) = TestClient::open(&hub, &Options::new(&hub, "dev1")).await else { return };
    let (mut reader, mut writer) = tokio::io::split(client.into_stream());
    let reading = async { while let Ok(1..) = reader.read(&mut [0; 8192]).await {} };
    let writing = async { while writer.write_all(&packets).await.is_ok() {} };
    tokio::join!(reading, writing);
}

fn encoded(packet: &Packet, times: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    for _ in 0..times {
        azmqtt_mqtt::codec::encode(packet, Version::Mqtt311, &mut bytes, usize::MAX).unwrap();
    }
    bytes
}

fn message(topic: &str, qos: QoS, body: impl Into<Bytes>) -> Packet {
    let mut publish = Publish::new(topic, qos, body.into());
    publish.packet_id = 1;
    Packet::Publish(publish)
}

async fn served_during_flood(packet: Packet) {
    let packets = encoded(&packet, 500);
    served_during(hub(), 1, move |hub| flood(hub, packets.clone())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_messages() {
    served_during_flood(message(EVENTS, QoS::AtLeastOnce, "x")).await;
    served_during_flood(message(EVENTS, QoS::AtMostOnce, "")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_requests_to_the_twin() {
    served_during_flood(message("$iothub/twin/GET/?$rid=1", QoS::AtLeastOnce, "")).await;
    let patch = json!({ "a": { "b": "x".repeat(100) } }).to_string();
    served_during_flood(message("$iothub/twin/PATCH/properties/reported/?$rid=1", QoS::AtMostOnce, patch))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_small_packets() {
    served_during_flood(Packet::PingReq).await;
    let mut subscribe = Subscribe::new("$iothub/methods/POST/#", QoS::AtLeastOnce);
    subscribe.packet_id = 1;
    served_during_flood(Packet::Subscribe(subscribe)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patches_that_nest_without_end() {
    let deep = format!("{}1{}", "{\"a\":".repeat(20_000), "}".repeat(20_000));
    served_during_flood(message("$iothub/twin/PATCH/properties/reported/?$rid=1", QoS::AtLeastOnce, deep))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_byte_by_byte() {
    let packets = encoded(&message(EVENTS, QoS::AtLeastOnce, "one byte a record"), 1000);
    served_during(hub(), 1, move |hub| {
        let packets = packets.clone();
        async move {
            let Ok(client) = TestClient::open(&hub, &Options::new(&hub, "dev1")).await else { return };
            let (mut reader, mut writer) = tokio::io::split(client.into_stream());
            let reading = async { while let Ok(1..) = reader.read(&mut [0; 8192]).await {} };
            let writing = async {
                for byte in packets {
                    if writer.write_all(&[byte]).await.is_err() || writer.flush().await.is_err() {
                        break;
                    }
                }
                let _ = writer.shutdown().await;
            };
            tokio::join!(reading, writing);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_never_reads() {
    let packets = encoded(&message("$iothub/twin/GET/?$rid=1", QoS::AtMostOnce, ""), 500);
    served_during(hub(), 1, move |hub| {
        let packets = packets.clone();
        async move {
            let Ok(mut client) = TestClient::open(&hub, &Options::new(&hub, "dev1")).await else { return };
            client.subscribe("$iothub/twin/res/#", QoS::AtLeastOnce).await;
            let mut stream = client.into_stream();
            while let Ok(Ok(())) = timeout(Duration::from_millis(200), stream.write_all(&packets)).await {}
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_without_number() {
    let hub = hub();
    // Wrong names, and connections for nothing.
    served_during(hub.clone(), 2, |hub| async move {
        let stranger = Options::new(&hub, "dev1").username("localhost/dev9/?api-version=2021-04-12");
        assert!(TestClient::open(&hub, &stranger).await.is_err());
        let mut stream = tls(&hub).await;
        let _ = stream.write_all(b"\x10\x40\x00\x04MQTT\x04").await;
    })
    .await;
    assert_eq!(hub.connection_count("dev1").unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_trickle() {
    let hub = hub();
    // Half of a ClientHello that announces more, in slow bytes, on many connections at once.
    served_during(hub, 40, |hub| async move {
        let mut stream = tcp(&hub).await;
        for byte in *b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while stream.write_all(&[7]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_come_again_with_large_wills() {
    served_during(hub(), 1, |hub| async move {
        let mut options = Options::new(&hub, "dev1").will(EVENTS, QoS::AtMostOnce);
        options.connect.will.as_mut().unwrap().message = Bytes::from(vec![b'x'; 65_000]);
        // Gone without DISCONNECT: each of the wills is recorded.
        drop(TestClient::open(&hub, &options).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_end_on_the_https_port() {
    let request =
        "GET /statistics/devices?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(200);
    let request = Bytes::from(request);
    served_during(hub(), 2, move |hub| {
        let request = request.clone();
        async move {
            // Pipelined, and the answers are not read.
            let mut stream = https(&hub).await;
            while let Ok(Ok(())) = timeout(Duration::from_millis(200), stream.write_all(&request)).await {}
            // A head without an end.
            let mut stream = https(&hub).await;
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n").await;
            while let Ok(Ok(())) = timeout(Duration::from_millis(200), stream.write_all(b"x: y\r\n")).await {}
        }
    })
    .await;
}
