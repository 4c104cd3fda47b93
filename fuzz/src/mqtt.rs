//! MQTT packets, and the sessions that they belong to.

use std::time::{Duration, Instant};

use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::{
    Client, Connect, Level, MAX_PACKET_SIZE, Packet, Properties, Publish, QoS, ReasonCode, Server, Version,
    client, server,
};
use bytes::BytesMut;

/// Packets that a client sent.
pub fn from_client(data: &[u8]) -> bool {
    decode(data, Sender::Client, Version::Mqtt311)
}

/// Packets that a server sent.
pub fn from_server(data: &[u8]) -> bool {
    decode(data, Sender::Server, Version::Mqtt311)
}

/// All packets of a stream, each written and read again.
pub(crate) fn decode(data: &[u8], sender: Sender, version: Version) -> bool {
    let mut input = BytesMut::from(data);
    loop {
        let (before, announced) = (input.len(), codec::packet_length(&input));
        match codec::decode(&mut input, sender, version, MAX_PACKET_SIZE) {
            Ok(Some(packet)) => {
                assert_eq!(announced, Some(before - input.len()), "{packet:?}");
                check_written(packet, sender, version);
            }
            // A part of a packet waits for the rest of it.
            Ok(None) => return input.is_empty(),
            Err(_) => return false,
        }
    }
}

fn check_written(packet: Packet, sender: Sender, version: Version) {
    let mut written = BytesMut::new();
    codec::encode(&packet, version, &mut written, usize::MAX).expect("what was read can be written");
    assert_eq!(codec::decode(&mut written, sender, version, MAX_PACKET_SIZE), Ok(Some(packet)));
    assert!(written.is_empty());
}

/// Feeds a stream to `poll` in pieces of this size, until it refuses or all has been taken. `poll` returns whether there may
/// be more.
pub(crate) fn in_pieces<E>(
    size: u8,
    stream: &[u8],
    mut poll: impl FnMut(&mut BytesMut) -> Result<bool, E>,
) -> bool {
    let mut input = BytesMut::new();
    for piece in stream.chunks(usize::from(size).max(1)) {
        input.extend_from_slice(piece);
        loop {
            match poll(&mut input) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return false,
            }
        }
    }
    input.is_empty()
}

/// What a hub, and a server of both versions, is sent on one connection. The first byte is the size of the pieces in which
/// it comes.
pub fn server_session(data: &[u8]) -> bool {
    let now = Instant::now();
    server_of(Server::new(8, now).with_mqtt5().with_qos2(), data, now);
    server_of(Server::new(8, now), data, now)
}

fn server_of(mut server: Server<u32>, data: &[u8], now: Instant) -> bool {
    let Some((size, stream)) = data.split_first() else { return false };
    in_pieces(*size, stream, |input| {
        let event = server.poll(input, now);
        match &event {
            Ok(Some(server::Event::Connect(_))) => server.accept(None, Properties::default(), now),
            Ok(Some(server::Event::Publish(publish))) => {
                server.acknowledge(publish.packet_id, ReasonCode::Success);
            }
            Ok(Some(_)) => drop(server.publish(Publish::new("a", QoS::AtLeastOnce, ""), 1, now, now)),
            Ok(None) | Err(_) => {}
        }
        assert!(server.output().len() < 64 * data.len() + 1024);
        event.map(|event| event.is_some())
    })
}

/// What a client of either version is sent on one connection. The first byte is the size of the pieces in which it comes.
pub fn client_session(data: &[u8]) -> bool {
    client_of(Level::Mqtt5, data);
    client_of(Level::Mqtt311, data)
}

fn client_of(level: Level, data: &[u8]) -> bool {
    let Some((size, stream)) = data.split_first() else { return false };
    let now = Instant::now();
    let mut client = Client::<u32>::new(8, now).skipping_bad_topics();
    if level == Level::Mqtt5 {
        client = client.with_qos2();
    }
    client.connect(&Connect { level, ..Connect::new("device") }, Duration::from_secs(10), now);
    in_pieces(*size, stream, |input| {
        let event = client.poll(input, now);
        match &event {
            Ok(Some(client::Event::Message(publish))) => {
                client.acknowledge(publish.packet_id, ReasonCode::Success, now);
            }
            Ok(Some(_)) if client.has_room() => {
                drop(client.publish(Publish::new("a", QoS::AtLeastOnce, ""), 1, now, now));
            }
            Ok(_) | Err(_) => {}
        }
        assert!(client.output().len() < 64 * data.len() + 1024);
        event.map(|event| event.is_some())
    })
}
