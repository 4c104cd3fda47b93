//! Sessions of MQTT 5: whatever the peer sends, what this side writes is MQTT 5, and within what the peer takes.

use std::time::{Duration, Instant};

use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::{
    Client, Connect, LARGEST_PACKET, Level, Limits, Packet, Properties, PropertiesBuilder, Publish, QoS,
    ReasonCode, Server, Subscribe, Unsubscribe, Version, Will, client, server,
};
use bytes::BytesMut;

use crate::mqtt::in_pieces;

const QUALITIES: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
/// Of the session under test.
const MAX_IN_FLIGHT: u16 = 8;

/// The bits of one byte, which decide what the application does.
#[derive(Clone, Copy)]
struct Wishes(u8);

impl Wishes {
    fn has(self, bit: u8) -> bool {
        self.0 & 1 << bit != 0
    }

    /// Limits that this side tells the peer.
    fn limits(self) -> PropertiesBuilder {
        let mut limits = PropertiesBuilder::new();
        if self.has(0) {
            limits = limits.receive_maximum(2).maximum_packet_size(64);
        }
        if self.has(1) {
            limits = limits.topic_alias_maximum(2);
        }
        limits
    }

    /// What there is to say to people.
    fn words(self) -> Properties {
        let words = PropertiesBuilder::new().reason_string("because").user_property("a", "b");
        if self.has(2) { words.build().expect("they are short") } else { Properties::default() }
    }

    fn reason(self) -> ReasonCode {
        if self.has(3) { ReasonCode::QuotaExceeded } else { ReasonCode::Success }
    }
}

/// What a client of MQTT 5 is sent on one connection. The first byte is the size of the pieces in which it comes, the second
/// one what the application wants.
pub fn client_session(data: &[u8]) -> bool {
    let Some((&size, rest)) = data.split_first() else { return false };
    let Some((&wishes, stream)) = rest.split_first() else { return false };
    let (now, wishes) = (Instant::now(), Wishes(wishes));
    let mut client = Client::<u32>::new(MAX_IN_FLIGHT, now).with_qos2().with_max_packet_size(4096);
    let mut asked = wishes.limits().session_expiry(60);
    if wishes.has(4) {
        asked = asked.authentication_method("M").authentication_data(b"1");
    }
    let will = wishes.has(5).then(|| Will::new("gone", "", QoS::AtLeastOnce, true));
    let properties = asked.build().expect("they are in order");
    let connect = Connect { level: Level::Mqtt5, properties, will, ..Connect::new("d") };
    client.connect(&connect, Duration::from_secs(10), now);
    client.output().clear();
    let mut sent = 0;
    in_pieces(size, stream, |input| {
        let event = client.poll(input, now);
        if let Ok(Some(event)) = &event {
            of_client(&mut client, event, wishes, now);
        }
        let limits = client.limits().clone();
        sent += check_output(client.output(), Sender::Client, Version::Mqtt5, &limits);
        assert!(sent < 64 * data.len() + 1024, "{sent} bytes in answer to {}", data.len());
        assert!(client.in_flight() <= usize::from(MAX_IN_FLIGHT.min(limits.receive_maximum)));
        event.map(|event| event.is_some())
    })
}

fn of_client(client: &mut Client<u32>, event: &client::Event<u32>, wishes: Wishes, now: Instant) {
    match event {
        client::Event::Connected { .. } => {
            let _ = client.subscribe(Subscribe::new("a/#", QoS::ExactlyOnce), now);
            let _ = client.unsubscribe(Unsubscribe::of(vec!["b".into()]), now);
            let _ = client.authenticate(ReasonCode::ReAuthenticate, b"anew", now);
            for (token, qos) in QUALITIES.into_iter().cycle().take(6).enumerate() {
                let message = Publish { retain: wishes.has(6), ..Publish::new("a/topic", qos, "payload") };
                let _ = client.publish(message, token as u32, now, now);
            }
            let _ = client.publish_qos0(&Publish::new("a/topic", QoS::AtMostOnce, ""), now, now);
            client.take_unacknowledged();
        }
        client::Event::Message(publish) => client.acknowledge(publish.packet_id, wishes.reason(), now),
        client::Event::Auth(_) => {
            let _ = client.authenticate(ReasonCode::ContinueAuthentication, b"2", now);
        }
        client::Event::Acknowledged { .. } if wishes.has(7) => {
            client.abandon(|token| token % 2 == 0);
        }
        _ => {}
    }
}

/// What a server of MQTT 5 is sent on one connection. The first byte is the size of the pieces in which it comes, the second
/// one what the application wants.
pub fn server_session(data: &[u8]) -> bool {
    let Some((&size, rest)) = data.split_first() else { return false };
    let Some((&wishes, stream)) = rest.split_first() else { return false };
    let (now, wishes) = (Instant::now(), Wishes(wishes));
    let mut server = Server::<u32>::new(MAX_IN_FLIGHT, now).with_mqtt5().with_max_packet_size(4096);
    if !wishes.has(4) {
        server = server.with_qos2();
    }
    let mut sent = 0;
    in_pieces(size, stream, |input| {
        let event = server.poll(input, now);
        if let Ok(Some(event)) = &event {
            of_server(&mut server, event, wishes, now);
        }
        let (version, limits) = (server.version(), server.limits().clone());
        sent += check_output(server.output(), Sender::Server, version, &limits);
        assert!(sent < 64 * data.len() + 1024, "{sent} bytes in answer to {}", data.len());
        assert!(server.in_flight() <= usize::from(MAX_IN_FLIGHT.min(limits.receive_maximum)));
        event.map(|event| event.is_some())
    })
}

fn of_server(server: &mut Server<u32>, event: &server::Event<u32>, wishes: Wishes, now: Instant) {
    let words = wishes.words();
    match event {
        server::Event::Connect(connect) => {
            let asks_more = connect.properties.authentication_method().is_some()
                && server.authenticate(ReasonCode::ContinueAuthentication, b"?").is_ok();
            if !asks_more {
                accept(server, wishes, now);
            }
        }
        server::Event::Auth(auth) => {
            if !server.is_connected() {
                accept(server, wishes, now);
            } else if auth.reason == ReasonCode::ReAuthenticate && wishes.has(5) {
                let _ = server.authenticate(ReasonCode::ContinueAuthentication, b"?");
            } else {
                let _ = server.authenticate(ReasonCode::Success, b"");
            }
        }
        server::Event::Publish(publish) => {
            server.acknowledge_with(publish.packet_id, wishes.reason(), words);
            for token in 0..2 {
                let _ = server.publish(publish.clone(), token, now, now);
            }
            let _ = server.publish_qos0(publish, now, now);
        }
        server::Event::Subscribe(subscribe) => {
            let codes = subscribe.filters.iter().map(|filter| ReasonCode::granted(filter.qos));
            server.suback_with(subscribe.packet_id, codes.collect(), words);
        }
        server::Event::Unsubscribe(unsubscribe) => {
            let codes = vec![ReasonCode::Success; unsubscribe.filters.len()];
            server.unsuback_with(unsubscribe.packet_id, codes, words);
        }
        server::Event::Acknowledged { .. } if wishes.has(7) => {
            server.disconnect(ReasonCode::AdministrativeAction, words);
        }
        _ => {}
    }
}

fn accept(server: &mut Server<u32>, wishes: Wishes, now: Instant) {
    let mut told = wishes.limits();
    if wishes.has(6) {
        told = told.retain_available(false).wildcard_available(false).subscription_ids_available(false);
    }
    server.accept(None, told.build().expect("they are in order"), now);
}

/// Takes the output, and returns its size. Every packet can be read, is no larger than the peer takes, and explains itself
/// only where the peer wants that.
fn check_output(output: &mut BytesMut, sender: Sender, version: Version, limits: &Limits) -> usize {
    let size = output.len();
    while !output.is_empty() {
        let before = output.len();
        let packet = codec::decode(output, sender, version, LARGEST_PACKET).expect("it is MQTT");
        let packet = packet.expect("it is whole");
        assert!(before - output.len() <= limits.maximum_packet_size, "{packet:?}");
        check_packet(&packet, limits);
    }
    size
}

fn check_packet(packet: &Packet, limits: &Limits) {
    let words = match packet {
        Packet::PubAck(packet) => &packet.properties,
        Packet::PubRec(packet) => &packet.properties,
        Packet::SubAck(packet) => &packet.properties,
        Packet::UnsubAck(packet) => &packet.properties,
        Packet::Publish(publish) => {
            assert!(publish.qos <= limits.maximum_qos && (limits.retain_available || !publish.retain));
            let alias = publish.properties.topic_alias().unwrap_or(0);
            assert!(alias <= limits.topic_alias_maximum, "{publish:?}");
            return;
        }
        _ => return,
    };
    assert!(limits.problem_information || words.is_empty(), "{packet:?}");
}
