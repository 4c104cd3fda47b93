//! Clients that were let in.

use azmqtt_mqtt::codec;
use azmqtt_mqtt::{
    ConnAck, Connect, LARGEST_PACKET, Level, Packet, PropertiesBuilder, Publish, QoS, ReasonCode, Subscribe,
    SubscribeFilter, Version,
};
use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::broker::Broker;
use crate::limits::MAX_PACKET_SIZE;
use crate::tests::bad_days::{connect_packet, connected, read, shaken, write};

fn encoded(packets: &[Packet]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for packet in packets {
        codec::encode(packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    }
    bytes
}

/// A client of MQTT 3.1.1, let in.
async fn connected_311(world: &World, name: &str) -> TlsStream<TcpStream> {
    let mut stream = shaken(world, name).await;
    let connect = Connect { level: Level::Mqtt311, ..Connect::new(name) };
    let mut bytes = BytesMut::new();
    codec::encode(&Packet::Connect(Box::new(connect)), Version::Mqtt311, &mut bytes, LARGEST_PACKET).unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).await.unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    stream
}

#[tokio::test]
async fn packets_that_break_a_rule_end_the_connection_with_the_reason() {
    let world = patient();
    let mut honest = Honest::at(&world).await;
    // One byte more than the namespace takes.
    let length = MAX_PACKET_SIZE - 3;
    let mut oversize = vec![0x30, 0, 0, 0, 0, 1, b't'];
    let (low, middle, high) = (length & 0x7f | 0x80, length >> 7 & 0x7f | 0x80, length >> 14);
    for (place, byte) in oversize[1..4].iter_mut().zip([low, middle, high]) {
        *place = u8::try_from(byte).unwrap();
    }
    oversize.resize(MAX_PACKET_SIZE + 1, 0);
    for (code, rule, bytes) in [
        (0x82, "a second CONNECT", &encoded(&[connect_packet("rude")])[..]),
        (0x82, "a CONNACK", b"\x20\x03\x00\x00\x00"),
        (0x82, "a SUBACK", b"\x90\x04\x00\x01\x00\x01"),
        (0x82, "a PINGRESP", b"\xd0\x00"),
        (0x82, "an AUTH without a method", b"\xf0\x02\x19\x00"),
        (0x82, "an AUTH of nothing", b"\xf0\x00"),
        (0x82, "an AUTH with a method of which CONNECT said nothing", b"\xf0\x07\x19\x05\x15\x00\x02ab"),
        (0x82, "a PUBREC", b"\x50\x02\x00\x01"),
        (0x81, "both bits of QoS", b"\x36\x05\x00\x01t\x00\x01"),
        (0x82, "a packet identifier of 0", b"\x32\x06\x00\x01t\x00\x00\x00"),
        (0x81, "flags of SUBSCRIBE", b"\x80\x08\x00\x01\x00\x00\x01t\x01"),
        (0x82, "a SUBSCRIBE for nothing", b"\x82\x03\x00\x01\x00"),
        (0x81, "reserved bits of a filter", b"\x82\x07\x00\x01\x00\x00\x01t\xc1"),
        (0x95, "a PUBLISH of 256 MiB", b"\x30\xff\xff\xff\x7f"),
        (0x95, "a byte over the limit", &oversize),
        (0x81, "a length of five bytes", b"\x30\xff\xff\xff\xff\x01"),
        (0x81, "a topic that is cut", b"\x30\x04\x00\x09ab"),
        (0x81, "a topic that is not UTF-8", b"\x30\x05\x00\x01\xff\x00x"),
        (0x9b, "QoS 2", b"\x34\x06\x00\x01t\x00\x01\x00"),
        (0x94, "alias 0", b"\x30\x07\x00\x01u\x03\x23\x00\x00"),
        (0x94, "alias 11", b"\x30\x07\x00\x01u\x03\x23\x00\x0b"),
        (0x82, "an alias of nothing", b"\x30\x06\x00\x00\x03\x23\x00\x01"),
        (0x82, "no topic", b"\x30\x03\x00\x00\x00"),
        (0x82, "a property twice", b"\x30\x08\x00\x01u\x04\x01\x01\x01\x01"),
        (0x81, "a property that there is not", b"\x30\x06\x00\x01u\x02\x7e\x00"),
    ] {
        let (mut stream, mut input) = connected(&world, "rude").await;
        // It may be closed before all is written.
        let _ = stream.write_all(bytes).await;
        match read(&mut stream, &mut input).await {
            Some(Packet::Disconnect(said)) => {
                let found = said.reason as u8;
                let is_sort_of = code == found || code < 0x83 && found < 0x83;
                assert!(is_sort_of, "{rule}: {code:#x} and not {found:#x}");
            }
            other => panic!("{rule}: {other:?}"),
        }
        assert!(ends(&mut stream).await, "{rule}");
        if bytes[0] != 0x34 && bytes.len() < 100 {
            let mut stream = connected_311(&world, "rude").await;
            stream.write_all(bytes).await.unwrap();
            // What is well-formed in MQTT 3.1.1, which has no properties, is for a topic without the right.
            assert_eq!(last_words(&mut stream).await, b"", "{rule}");
        }
        honest.works().await;
    }
    until(|| world.namespace.with_broker(Broker::connected) == 1).await;
}

#[tokio::test]
async fn half_a_packet_waits_for_the_keep_alive_only() {
    let world = World::new();
    let mut stream = shaken(&world, "half").await;
    let connect = Connect { level: Level::Mqtt5, keep_alive: 1, ..Connect::new("half") };
    write(&mut stream, &Packet::Connect(Box::new(connect))).await.unwrap();
    let mut input = BytesMut::new();
    assert!(matches!(read(&mut stream, &mut input).await, Some(Packet::ConnAck(_))));
    stream.write_all(b"\x30\x7f\x00\x1dcontoso/").await.unwrap();
    match read(&mut stream, &mut input).await {
        Some(Packet::Disconnect(said)) => assert_eq!(said.reason, ReasonCode::KeepAliveTimeout),
        other => panic!("{other:?}"),
    }
    assert!(ends(&mut stream).await);
}

#[tokio::test]
async fn a_flood_of_single_bytes_leaves_others_their_turn() {
    let world = World::new();
    let mut honest = Honest::at(&world).await;
    let (mut flood, mut input) = connected(&world, "flood").await;
    let flooding = tokio::spawn(async move {
        for byte in [0xc0, 0].into_iter().cycle().take(20_000) {
            // Each in a record of its own.
            flood.write_all(&[byte]).await.unwrap();
            flood.flush().await.unwrap();
        }
        flood
    });
    for _ in 0..50 {
        honest.works().await;
    }
    let mut flood = flooding.await.unwrap();
    for _ in 0..10_000 {
        assert_eq!(read(&mut flood, &mut input).await, Some(Packet::PingResp));
    }
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_loses_its_session_and_nobody_else_anything() {
    let world = World::new();
    let mut honest = Honest::at(&world).await;
    let mut deaf = shaken(&world, "deaf").await;
    let mut connect = Connect { level: Level::Mqtt5, clean_start: false, ..Connect::new("deaf") };
    connect.properties = PropertiesBuilder::new().session_expiry(3600).build().unwrap();
    let mut input = BytesMut::new();
    write(&mut deaf, &Packet::Connect(Box::new(connect.clone()))).await.unwrap();
    assert!(matches!(read(&mut deaf, &mut input).await, Some(Packet::ConnAck(_))));
    let all = Subscribe { packet_id: 1, ..Subscribe::new("t/#", QoS::AtLeastOnce) };
    write(&mut deaf, &Packet::Subscribe(all)).await.unwrap();
    assert!(matches!(read(&mut deaf, &mut input).await, Some(Packet::SubAck(_))));

    let (publisher, reader) = (world.client("publisher"), world.client("reader"));
    let receiver = reader.receiver(None).unwrap();
    subscribe(&reader, "t/a").await.unwrap();
    let body = "x".repeat(60_000);
    let limit = world.namespace.with_broker(|broker| broker.limits().connected_queue.bytes);
    let count = limit / body.len() + 10;
    for _ in 0..count {
        publish(&publisher, "t/a", &body).await.unwrap();
        assert_eq!(next(&receiver).await.publish.payload.len(), body.len());
    }
    // Its queue was full: the session is over, and not only the connection.
    until(|| world.namespace.with_broker(|broker| (broker.connected(), broker.sessions())) == (3, 3)).await;
    let last = async {
        loop {
            match read(&mut deaf, &mut input).await {
                Some(Packet::Disconnect(said)) => return said.reason,
                Some(Packet::Publish(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(last.await, ReasonCode::QuotaExceeded);
    let mut again = shaken(&world, "deaf").await;
    write(&mut again, &Packet::Connect(Box::new(connect))).await.unwrap();
    match read(&mut again, &mut BytesMut::new()).await {
        Some(Packet::ConnAck(ConnAck { session_present, .. })) => assert!(!session_present),
        other => panic!("{other:?}"),
    }
    honest.works().await;
}

#[tokio::test]
async fn one_that_asks_for_all_kept_messages_again_and_again_leaves_others_their_turn() {
    let world = World::new();
    let mut honest = Honest::at(&world).await;
    // As many as the namespace keeps.
    let (mut keeper, _keeper_input) = connected(&world, "keeper").await;
    let kept = (0..10_000).map(|index| {
        let mut kept = Publish::new(format!("t/kept/{index}"), QoS::AtMostOnce, "x");
        kept.retain = true;
        Packet::Publish(kept)
    });
    keeper.write_all(&encoded(&kept.collect::<Vec<_>>())).await.unwrap();
    until(|| world.namespace.with_broker(|broker| broker.retained().len()) == 10_000).await;
    let (mut greedy, _) = connected(&world, "greedy").await;
    let filters = vec![SubscribeFilter::new("t/kept/#", QoS::AtLeastOnce); 10];
    let subscribe = Subscribe { packet_id: 1, ..Subscribe::of(filters) };
    let packets = encoded(&vec![Packet::Subscribe(subscribe); 100]);
    // 1,000 times 10,000 messages, and it reads none.
    let asking = tokio::spawn(async move {
        let _ = greedy.write_all(&packets).await;
        greedy
    });
    for _ in 0..20 {
        honest.works().await;
    }
    drop(asking.await);
    until(|| world.namespace.with_broker(Broker::connected) == 2).await;
}

#[tokio::test]
async fn one_connection_after_the_other_leaves_nothing_behind() {
    let world = World::new();
    let mut honest = Honest::at(&world).await;
    for round in 0..60 {
        let (mut stream, mut input) = connected(&world, "restless").await;
        write(
            &mut stream,
            &Packet::Subscribe(Subscribe { packet_id: 1, ..Subscribe::new("t/#", QoS::AtLeastOnce) }),
        )
        .await
        .unwrap();
        assert!(matches!(read(&mut stream, &mut input).await, Some(Packet::SubAck(_))));
        match round % 3 {
            0 => drop(stream),
            1 => stream.write_all(&[0xff, 0xff]).await.unwrap(),
            _ => stream.write_all(&[0xe0, 0x00]).await.unwrap(),
        }
        honest.works().await;
    }
    let counts = |broker: &Broker| (broker.connected(), broker.sessions(), broker.subscriptions());
    until(|| world.namespace.with_broker(counts) == (1, 1, 1)).await;
}
