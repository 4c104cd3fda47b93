//! Cloud-to-device messages: acknowledged when the application says so, read as far as it keeps up.

use std::time::Duration;

use super::support::{Hub, LONG, Peer, ask, close, device, send, until};
use crate::session::MAX_DELIVERIES;
use crate::{CloudMessage, Device, Error};
use azmqtt_client::inbox::MAX_BYTES;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, Publish, QoS, Version, codec};

const TOPIC: &str = "devices/dev/messages/devicebound/";
/// As many as may wait.
const BOUND: usize = 1024;

async fn grant(peer: &mut Peer) {
    assert_eq!(peer.answer_subscribe(true).await, "devices/dev/messages/devicebound/#");
}

async fn listening(hub: &Hub, device: &Device) -> Peer {
    let mut peer = hub.connect(device).await;
    let watching = ask(|reply| device.watch_messages(LONG, reply));
    grant(&mut peer).await;
    watching.get().await.unwrap();
    peer
}

async fn next(device: &Device) -> CloudMessage {
    ask(|reply| device.messages().when_ready(reply)).get().await.unwrap();
    device.messages().take(1).pop_front().expect("somebody else took it")
}

/// The device takes part, but acknowledges nothing: a message sent now is the next that the hub hears.
async fn hears_nothing(device: &Device, peer: &mut Peer) {
    let sent = send(device, "marker");
    assert_eq!(peer.take_message().await, "marker");
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_message_is_acknowledged_when_the_application_says_so() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = listening(&hub, &device).await;
    peer.deliver(&format!("{TOPIC}%24.mid=7&key=value"), "hello", 1).await;
    peer.deliver(TOPIC, "again", 2).await;
    let first = next(&device).await;
    assert_eq!((first.bag.as_str(), &first.payload[..]), ("%24.mid=7&key=value", &b"hello"[..]));
    let properties = first.properties().unwrap();
    assert_eq!(properties.message_id.as_deref(), Some("7"));
    assert_eq!(properties.application, [("key".to_owned(), "value".to_owned())]);
    let second = next(&device).await;
    hears_nothing(&device, &mut peer).await;
    device.acknowledge(vec![first.delivery.unwrap(), second.delivery.unwrap()]);
    assert_eq!(peer.event().await, Some(Event::acknowledged(1)));
    assert_eq!(peer.event().await, Some(Event::acknowledged(2)));
}

#[tokio::test]
async fn qos_0_and_foreign_topics() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = listening(&hub, &device).await;
    peer.publish("devices/other/messages/devicebound/", "not ours").await;
    peer.publish("devices/device/messages/devicebound/", "nor this").await;
    // Of no use to us, but the hub waits for its acknowledgement.
    peer.deliver("$iothub/methods/POST/x/?$rid=1", "{}", 9).await;
    peer.publish(TOPIC, "ours").await;
    let message = next(&device).await;
    assert_eq!((&message.payload[..], message.delivery), (&b"ours"[..], None));
    assert_eq!(peer.event().await, Some(Event::acknowledged(9)));
    assert_eq!(device.stats().messages_received, 1);
}

#[tokio::test]
async fn an_old_delivery_is_not_acknowledged_on_a_new_connection() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = listening(&hub, &device).await;
    peer.deliver(TOPIC, "old", 1).await;
    let old = next(&device).await;
    drop(peer);
    let mut peer = hub.accept(true).await;
    grant(&mut peer).await;
    peer.deliver(TOPIC, "new", 2).await;
    let new = next(&device).await;
    device.acknowledge(vec![old.delivery.unwrap()]);
    hears_nothing(&device, &mut peer).await;
    device.acknowledge(vec![new.delivery.unwrap()]);
    assert_eq!(peer.event().await, Some(Event::acknowledged(2)));
}

#[tokio::test]
async fn acknowledgements_leave_before_disconnect() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = listening(&hub, &device).await;
    peer.deliver(TOPIC, "last", 1).await;
    let last = next(&device).await;
    device.acknowledge(vec![last.delivery.unwrap()]);
    let closing = close(&device);
    assert_eq!(peer.event().await, Some(Event::acknowledged(1)));
    peer.expect_disconnect().await;
    closing.get().await.unwrap();
    let error = ask(|reply| device.messages().when_ready(reply)).get().await.unwrap_err();
    assert_eq!(error, Error::ClientClosed);
}

/// Fills the inbox until reading pauses; yields how many messages were sent.
async fn flood(device: &Device, peer: &mut Peer) -> usize {
    let body = "x".repeat(10_000);
    for count in 0..BOUND {
        peer.publish(TOPIC, &format!("{count}{body}")).await;
    }
    until("the inbox is full", || device.messages().len() == BOUND).await;
    // What follows stays in the socket: far more than a round of reading.
    for count in BOUND..BOUND + 30 {
        peer.publish(TOPIC, &format!("{count}{body}")).await;
    }
    BOUND + 30
}

#[tokio::test]
async fn reading_pauses_at_the_bound_and_goes_on_when_there_is_room() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.keep_alive = 1;
    config.ping_timeout = Duration::from_millis(150);
    let device = device(config);
    let mut peer = listening(&hub, &device).await;
    let sent = flood(&device, &mut peer).await;
    // Pings go on, and their missing answers are not held against the hub, which cannot be heard.
    for _ in 0..2 {
        use tokio::io::AsyncReadExt;
        let mut ping = [0; 2];
        super::support::within(peer.stream.read_exact(&mut ping)).await.unwrap();
        assert_eq!(ping, [0xC0, 0]);
        peer.raw(&[0xD0, 0]).await;
    }
    assert_eq!((device.stats().connections_lost, device.messages().len()), (0, BOUND));

    let mut taken = 0;
    while taken < sent {
        ask(|reply| device.messages().when_ready(reply)).get().await.unwrap();
        for message in device.messages().take(100) {
            assert!(message.payload.starts_with(format!("{taken}x").as_bytes()));
            taken += 1;
        }
    }
    hears_nothing(&device, &mut peer).await;
}

#[tokio::test]
async fn a_full_inbox_does_not_keep_a_connection_from_coming_up_nor_close_from_flushing() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = listening(&hub, &device).await;
    for _ in 0..BOUND {
        peer.publish(TOPIC, "x").await;
    }
    until("the inbox is full", || device.messages().len() == BOUND).await;
    let waits = send(&device, "waits");
    peer.message().await;
    let (tcp, _) = peer.stream.into_inner();
    tcp.set_zero_linger().unwrap();
    drop(tcp);
    // The loss shows at the latest when something is written.
    let _nudge = send(&device, "nudge");
    let mut peer = hub.accept(true).await;
    until("the connection", || device.stats().connects == 2).await;
    let closing = close(&device);
    let mut texts = Vec::new();
    while texts.len() < 2 {
        match peer.event().await {
            Some(Event::Publish(publish)) => {
                peer.acknowledge(publish.packet_id).await;
                texts.push(super::support::text(&publish));
            }
            Some(Event::Subscribe(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts, ["waits", "nudge"]);
    assert_eq!(closing.get().await, Ok(0));
    waits.get().await.unwrap();
}

/// A QoS 1 message outside of the peer's window, so that any number may be unacknowledged.
fn qos1(packet_id: u16) -> Vec<u8> {
    let mut publish = Publish::new(TOPIC, QoS::AtLeastOnce, packet_id.to_string());
    publish.packet_id = packet_id;
    let mut bytes = bytes::BytesMut::new();
    codec::encode(&Packet::Publish(publish), Version::Mqtt311, &mut bytes, MAX_PACKET_SIZE).unwrap();
    bytes.to_vec()
}

#[tokio::test]
async fn messages_that_nobody_takes_hold_up_nothing_else() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = listening(&hub, &device).await;
    for packet_id in 1..=5000 {
        peer.raw(&qos1(packet_id)).await;
    }
    let sent = send(&device, "telemetry");
    assert_eq!(peer.take_message().await, "telemetry");
    sent.get().await.unwrap();
    assert_eq!(device.messages().len(), MAX_DELIVERIES, "the others are left to the hub");

    // Once the application has taken these, a new connection asks for the others.
    let mut taken = Vec::new();
    while taken.len() < MAX_DELIVERIES {
        taken.extend(device.messages().take(500));
    }
    assert_eq!(taken.last().unwrap().payload, MAX_DELIVERIES.to_string());
    while peer.event().await.is_some() {}
    let mut peer = hub.accept(true).await;
    grant(&mut peer).await;
    peer.raw(&qos1(4097)).await;
    assert_eq!(next(&device).await.payload, "4097");
}

#[tokio::test]
async fn large_messages_that_nobody_takes_are_bounded_in_bytes() {
    const SIZE: usize = 250_000;
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = listening(&hub, &device).await;
    for packet_id in 1..=80 {
        let mut publish = Publish::new(TOPIC, QoS::AtLeastOnce, vec![b'x'; SIZE]);
        publish.packet_id = packet_id;
        let mut bytes = bytes::BytesMut::new();
        codec::encode(&Packet::Publish(publish), Version::Mqtt311, &mut bytes, MAX_PACKET_SIZE).unwrap();
        peer.raw(&bytes).await;
    }
    let sent = send(&device, "telemetry");
    assert_eq!(peer.take_message().await, "telemetry");
    sent.get().await.unwrap();
    assert_eq!(device.messages().len(), MAX_BYTES.div_ceil(SIZE), "the others are left to the hub");
}

#[tokio::test]
async fn what_nobody_took_before_a_reconnect_is_there_once() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = listening(&hub, &device).await;
    for round in 1..4 {
        for packet_id in 1..=50 {
            peer.raw(&qos1(packet_id)).await;
        }
        until("they are read", || device.stats().messages_received == round * 50).await;
        assert_eq!(device.messages().len(), 50);
        drop(peer);
        peer = hub.accept(true).await;
        grant(&mut peer).await;
        until("the others are gone", || device.messages().is_empty()).await;
    }
}
