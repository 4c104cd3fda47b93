//! Clients that mean harm, or are broken. Each is gone in bounded time, and nobody else notices.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::config::Limits;
use crate::tests::support::client::{DEADLINE, Options, TestClient, ends, hub, start, tcp, tls};
use crate::{CloseReason, Hub, HubConfig};
use azmqtt_dialect::MessageProperties;
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, QoS, Version, codec};

const EVENTS: &str = "devices/dev1/messages/events/";

/// A hub with short patience.
fn impatient() -> Hub {
    let short = Duration::from_millis(300);
    let limits = Limits {
        handshake_timeout: short,
        connect_timeout: short,
        write_timeout: short,
        ..Limits::default()
    };
    start(HubConfig { limits, ..HubConfig::default() })
}

async fn assert_others_are_served(hub: &Hub) {
    let mut client = TestClient::connect(hub, "dev2").await;
    assert!(client.send("devices/dev2/messages/events/", "x").await);
}

fn assert_noted(hub: &Hub, reason: &str) {
    let noted = hub.last_refusal().expect("a reason");
    assert!(noted.contains(reason), "{noted}");
}

#[tokio::test]
async fn strangers_that_do_not_go_on_are_closed() {
    let hub = impatient();
    let begun = Instant::now();
    let mut silent_tcp = tcp(&hub).await;
    let mut half_hello = tcp(&hub).await;
    half_hello.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.unwrap();
    assert!(ends(&mut silent_tcp).await);
    assert!(ends(&mut half_hello).await);
    assert_noted(&hub, "the client did not complete the handshake within 300ms");
    let mut silent_tls = tls(&hub).await;
    let mut half_connect = tls(&hub).await;
    half_connect.write_all(b"\x10\x40\x00\x04MQTT\x04").await.unwrap();
    assert!(ends(&mut silent_tls).await);
    assert!(ends(&mut half_connect).await);
    assert_noted(&hub, "no CONNECT within 300ms");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn a_connect_that_trickles_in_is_closed() {
    let hub = impatient();
    let mut packet = BytesMut::new();
    codec::encode(
        &Packet::Connect(Box::new(Options::new(&hub, "dev1").connect)),
        Version::Mqtt311,
        &mut packet,
        MAX_PACKET_SIZE,
    )
    .unwrap();
    let mut stream = tls(&hub).await;
    let begun = Instant::now();
    for byte in packet {
        let written = stream.write_all(&[byte]).await.is_ok() && stream.flush().await.is_ok();
        if !written || begun.elapsed() > DEADLINE {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(hub.connection_count("dev1").unwrap(), 0);
}

#[tokio::test]
async fn strangers_cannot_keep_others_out() {
    let limits =
        Limits { unauthenticated: 4, handshake_timeout: Duration::from_millis(300), ..Limits::default() };
    let hub = start(HubConfig { limits, ..HubConfig::default() });
    let mut strangers = Vec::new();
    for _ in 0..12 {
        strangers.push(tcp(&hub).await);
    }
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn strangers_cannot_make_the_hub_hold_much() {
    let hub = hub();
    // A CONNECT of 128 KiB is announced, and only a part of it comes.
    let mut part =
        BytesMut::from(&b"\x10\x80\x80\x08\x00\x04MQTT\x04\x06\x00\x3c\x00\x01x\x00\x01t\xff\xff"[..]);
    part.resize(20_000, b'x');
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..80 {
        let mut stream = tls(&hub).await;
        stream.write_all(&part).await.unwrap();
        waiting.spawn(async move {
            ends(&mut stream).await;
        });
    }
    // As many as there are places for large greetings may wait for the rest of it; the others are closed at once.
    for _ in 64..80 {
        tokio::time::timeout(DEADLINE / 2, waiting.join_next()).await.expect("closed").unwrap().unwrap();
    }
    assert_others_are_served(&hub).await;
    waiting.shutdown().await;
    // An honest client with a large will finds a place again.
    let mut options = Options::new(&hub, "dev1").will(EVENTS, QoS::AtMostOnce);
    options.connect.will.as_mut().unwrap().message = Bytes::from(vec![b'x'; 60_000]);
    let begun = Instant::now();
    while TestClient::open(&hub, &options).await.is_err() {
        assert!(begun.elapsed() < DEADLINE, "no place for a large will");
    }
}

#[tokio::test]
async fn rubbish_ends_the_connection() {
    let hub = hub();
    let mut http = tcp(&hub).await;
    http.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(ends(&mut http).await);
    for rubbish in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x00\x00",
        b"\xff\xff\xff\xff\xff\xff",
        b"\x10\xff\xff\xff\x7f",                         // a CONNECT of 256 MiB
        b"\x30\x05\x00\x01a12",                          // a PUBLISH first
        b"\xc0\x00",                                     // a PINGREQ first
        b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x3c\x00\x00", // the reserved flag
    ] {
        let mut stream = tls(&hub).await;
        stream.write_all(rubbish).await.unwrap();
        assert!(ends(&mut stream).await, "{rubbish:?}");
    }
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn rubbish_after_the_connect_ends_the_connection() {
    let hub = hub();
    let mut connect = BytesMut::new();
    codec::encode(
        &Packet::Connect(Box::new(Options::new(&hub, "dev1").connect)),
        Version::Mqtt311,
        &mut connect,
        MAX_PACKET_SIZE,
    )
    .unwrap();
    for rubbish in [
        &connect[..],                 // a second CONNECT
        b"\x20\x02\x00\x00",          // a CONNACK
        b"\x36\x05\x00\x01a\x00\x01", // both QoS bits
        b"\x82\x02\x00\x01",          // a SUBSCRIBE for nothing
        b"\x30\xff\xff\xff\x7f",      // a PUBLISH of 256 MiB
        b"\x50\x02\x00\x01",          // a PUBREC
    ] {
        let mut stream = TestClient::connect(&hub, "dev1").await.into_stream();
        stream.write_all(rubbish).await.unwrap();
        assert!(ends(&mut stream).await, "{rubbish:?}");
        assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
        let reason = hub.last_close("dev1").unwrap();
        assert!(matches!(reason, Some(CloseReason::Protocol(_))), "{rubbish:?}: {reason:?}");
    }
}

#[tokio::test]
async fn half_a_packet_waits_for_the_keep_alive_only() {
    let hub = hub();
    let mut options = Options::new(&hub, "dev1");
    options.connect.keep_alive = 1;
    let client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    let mut stream = client.into_stream();
    stream.write_all(b"\x30\x7f\x00\x1ddevices/dev1/messages").await.unwrap();
    assert!(ends(&mut stream).await);
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::KeepAlive));
    assert_eq!(hub.telemetry_count(None).unwrap(), 0);
}

#[tokio::test]
async fn a_line_cut_in_mid_packet_records_nothing() {
    let hub = hub();
    let mut stream = TestClient::connect(&hub, "dev1").await.into_stream();
    stream.write_all(b"\x30\x7f\x00\x1ddevices/dev1/messages").await.unwrap();
    drop(stream);
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::Lost));
    assert_eq!(hub.telemetry_count(None).unwrap(), 0);
}

/// Fills the device's reported properties, so that its twin is worth 30 KB an answer.
async fn with_large_twin(hub: &Hub) -> TestClient {
    let mut client = TestClient::connect(hub, "dev1").await;
    client.subscribe("$iothub/twin/res/#", QoS::AtMostOnce).await.unwrap();
    let values: serde_json::Map<_, _> = (0..10).map(|n| (format!("k{n}"), "x".repeat(3000).into())).collect();
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    client.publish(topic, QoS::AtMostOnce, serde_json::Value::Object(values).to_string()).await;
    assert!(client.message().await.topic.contains("/204/"));
    client
}

#[tokio::test]
async fn a_client_that_asks_and_does_not_read_is_closed() {
    let hub = impatient();
    let client = with_large_twin(&hub).await;
    let mut stream = client.into_stream();
    let mut requests = BytesMut::new();
    let publish = Packet::Publish(azmqtt_mqtt::Publish::new("$iothub/twin/GET/?$rid=1", QoS::AtMostOnce, ""));
    for _ in 0..2000 {
        codec::encode(&publish, Version::Mqtt311, &mut requests, MAX_PACKET_SIZE).unwrap();
    }
    // 60 MB of answers, and nobody reads them.
    let _ = tokio::time::timeout(DEADLINE, stream.write_all(&requests)).await.unwrap();
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::NotReading));
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn a_client_that_asks_for_much_and_reads_gets_it_all() {
    let hub = hub();
    let mut client = with_large_twin(&hub).await;
    for number in 0..500 {
        client.publish(&format!("$iothub/twin/GET/?$rid={number}"), QoS::AtMostOnce, "").await;
    }
    for number in 0..500 {
        let answer = client.message().await;
        assert_eq!(answer.topic, format!("$iothub/twin/res/200/?$rid={number}"));
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_notifications_is_closed() {
    let limits = Limits { close_at: 256 << 10, ..Limits::default() };
    let hub = start(HubConfig { limits, ..HubConfig::default() });
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/twin/PATCH/properties/desired/#", QoS::AtMostOnce).await.unwrap();
    let patch = json!({"k": "x".repeat(4000), "l": "x".repeat(4000), "m": "x".repeat(4000)});
    let begun = Instant::now();
    while hub.connected("dev1").unwrap() && begun.elapsed() < DEADLINE {
        hub.patch_desired("dev1", &patch).unwrap();
    }
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::NotReading));
    drop(client);
}

#[tokio::test]
async fn a_client_that_does_not_acknowledge_is_closed() {
    let limits = Limits { unacknowledged: 100_000, ..Limits::default() };
    let hub = start(HubConfig { limits, ..HubConfig::default() });
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/twin/PATCH/properties/desired/#", QoS::AtLeastOnce).await.unwrap();
    let patch = json!({"k": "x".repeat(4000)});
    for _ in 0..26 {
        hub.patch_desired("dev1", &patch).unwrap();
    }
    while client.next().await.is_some() {}
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::NotReading));
}

#[tokio::test]
async fn cloud_messages_wait_for_acknowledgements() {
    let limits = Limits { unacknowledged: 400_000, ..Limits::default() };
    let hub = start(HubConfig { limits, ..HubConfig::default() });
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("devices/dev1/messages/devicebound/#", QoS::AtLeastOnce).await.unwrap();
    for _ in 0..50 {
        hub.send_c2d("dev1", Bytes::from(vec![0; 60_000]), MessageProperties::default()).unwrap();
    }
    // Two fill the share of cloud messages; the acknowledgement of the probe comes before a third.
    let first = client.message().await;
    let mut last = client.message().await;
    assert!(client.send(EVENTS, "probe").await);
    client.acknowledge(&first).await;
    for _ in 2..50 {
        client.acknowledge(&last).await;
        last = client.message().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_does_not_hold_up_others() {
    let hub = hub();
    let mut packets = BytesMut::new();
    let publish = Packet::Publish(azmqtt_mqtt::Publish::new(EVENTS, QoS::AtMostOnce, "flood"));
    for _ in 0..2000 {
        codec::encode(&publish, Version::Mqtt311, &mut packets, MAX_PACKET_SIZE).unwrap();
    }
    let flood = TestClient::connect(&hub, "dev1").await.into_stream();
    let (mut reader, mut writer) = tokio::io::split(flood);
    let flooding = tokio::spawn(async move { while writer.write_all(&packets).await.is_ok() {} });
    let reading = tokio::spawn(async move { while let Ok(1..) = reader.read(&mut [0; 4096]).await {} });
    hub.wait_for_telemetry(Some("dev1"), 10_000, DEADLINE).unwrap();
    let mut client = TestClient::connect(&hub, "dev2").await;
    for _ in 0..20 {
        let sent = Instant::now();
        assert!(client.send("devices/dev2/messages/events/", "x").await);
        assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
    }
    assert!(hub.disconnect("dev1").unwrap());
    flooding.await.unwrap();
    reading.await.unwrap();
}
