//! From the bytes of one connection to records.

use std::sync::Arc;

use bytes::BytesMut;

use super::foreign;
use super::log::PacketLog;
use super::properties::RecordedProperty;
use super::record::{ClientName, Content, Direction};
use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::{Packet, ProtocolError, ReasonCode, Version};
use azmqtt_net::framed::Observer;

/// More than any service takes, which closes a connection itself when it is told to read more: what waits here for the end
/// of a packet, in bytes, is bounded by that as well.
const LARGEST: usize = 1 << 20;

/// What goes by on one connection. It is told every byte, in both directions, and the end.
pub struct Tap {
    log: Arc<PacketLog>,
    /// Whose connection it is, and which of theirs, once the CONNECT has said so.
    client: Option<(Arc<ClientName>, u64)>,
    /// How packets are written: until the CONNECT has named its version, the newest.
    version: Version,
    to_server: Stream,
    to_client: Stream,
    /// Why the connection ends, once that is known.
    reason: Option<String>,
}

/// The bytes of one direction that are not a whole packet yet.
#[derive(Default)]
struct Stream {
    pending: BytesMut,
    /// They are not MQTT.
    broken: bool,
}

/// The server's side: what came is the client's.
impl Observer for Tap {
    fn received(&mut self, bytes: &[u8]) {
        self.follow(Direction::ToServer, bytes);
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.follow(Direction::ToClient, bytes);
    }
}

impl Tap {
    pub(super) fn new(log: Arc<PacketLog>) -> Self {
        Self {
            log,
            client: None,
            version: Version::Mqtt5,
            to_server: Stream::default(),
            to_client: Stream::default(),
            reason: None,
        }
    }

    /// The connection is going to end, and why. The first reason counts.
    pub fn ends(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert_with(|| reason.into());
    }

    fn follow(&mut self, direction: Direction, bytes: &[u8]) {
        let sender = match direction {
            Direction::ToServer => Sender::Client,
            Direction::ToClient => Sender::Server,
        };
        if self.stream(direction).broken {
            return;
        }
        self.stream(direction).pending.extend_from_slice(bytes);
        loop {
            let stream = self.stream(direction);
            if direction == Direction::ToClient && is_old_connack(&stream.pending) {
                self.version = Version::Mqtt311;
            }
            let version = self.version;
            let stream = self.stream(direction);
            match codec::decode(&mut stream.pending, sender, version, LARGEST) {
                Ok(Some(packet)) => self.packet(direction, packet),
                Ok(None) => return,
                Err(error) => {
                    let rest = std::mem::take(&mut stream.pending);
                    stream.broken = true;
                    self.malformed(direction, &rest, &error);
                    return;
                }
            }
        }
    }

    fn stream(&mut self, direction: Direction) -> &mut Stream {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    fn packet(&mut self, direction: Direction, packet: Packet) {
        if let (None, Packet::Connect(connect)) = (&self.client, &packet) {
            self.client = Some(self.log.begin(&connect.client_id));
            self.version = connect.level.version();
        }
        if matches!(&packet, Packet::ConnAck(ack) if ack.reason != ReasonCode::Success) {
            // Unless somebody has said why.
            self.ends("refused");
        }
        let properties = packet.properties().map(RecordedProperty::all).unwrap_or_default();
        self.record(direction, Content::of(packet, self.version), properties);
    }

    fn malformed(&mut self, direction: Direction, bytes: &[u8], error: &ProtocolError) {
        if self.client.is_none()
            && let Some((client_id, connect)) = foreign::read_connect(bytes)
        {
            self.client = Some(self.log.begin(&client_id));
            if let ProtocolError::UnsupportedLevel(_) = error {
                self.record(direction, connect, Vec::new());
                return;
            }
        }
        self.record(direction, Content::Malformed { rule: error.to_string() }, Vec::new());
    }

    /// What comes before a CONNECT has nobody to be recorded for.
    fn record(&self, direction: Direction, content: Content, properties: Vec<RecordedProperty>) {
        if let Some((client, connection)) = &self.client {
            self.log.record(client, *connection, direction, content, properties);
        }
    }
}

/// Whether this is a CONNACK of MQTT 3.1.1 (§3.2), which a server that speaks nothing else sends to a client of MQTT 5 as
/// well: that of MQTT 5 has a third byte, for its properties.
fn is_old_connack(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x20\x02")
}

/// The end of the connection.
impl Drop for Tap {
    fn drop(&mut self) {
        for (direction, stream) in
            [(Direction::ToServer, &self.to_server), (Direction::ToClient, &self.to_client)]
        {
            if !stream.pending.is_empty() {
                self.record(direction, Content::Incomplete { bytes: stream.pending.len() }, Vec::new());
            }
        }
        let reason = self.reason.take().unwrap_or_else(|| "the connection ended".to_owned());
        self.record(Direction::ToClient, Content::Closed { reason }, Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packets::PacketRecording;
    use azmqtt_mqtt::MAX_PACKET_SIZE;
    use azmqtt_mqtt::{ConnAck, Connect, Disconnect, Publish, QoS};

    fn encode(packets: &[Packet]) -> BytesMut {
        let mut bytes = BytesMut::new();
        for packet in packets {
            codec::encode(packet, Version::Mqtt311, &mut bytes, MAX_PACKET_SIZE).unwrap();
        }
        bytes
    }

    fn connect() -> Packet {
        let mut connect = Connect::new("d");
        connect.set_login("user", "hunter2");
        Packet::Connect(Box::new(connect))
    }

    fn publish() -> Packet {
        let mut publish = Publish::new("devices/d/messages/events/", QoS::AtLeastOnce, "hello");
        publish.packet_id = 7;
        Packet::Publish(publish)
    }

    fn log() -> Arc<PacketLog> {
        PacketLog::new(PacketRecording::Keep { packets: 100, bytes: usize::MAX }).unwrap()
    }

    fn kinds(log: &PacketLog) -> Vec<&'static str> {
        log.records(None, 0).iter().map(|record| record.content.kind()).collect()
    }

    proptest! {
        #[test]
        fn packets_are_found_wherever_the_stream_is_cut(cuts in proptest::collection::vec(1usize..40, 0..20)) {
            let log = log();
            let mut tap = log.tap();
            let sent = encode(&[connect(), publish(), Packet::PingReq, Packet::Disconnect(Disconnect::normal())]);
            let mut rest = &sent[..];
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                tap.received(now);
                rest = later;
            }
            tap.received(rest);
            tap.ends("done");
            drop(tap);
            prop_assert_eq!(kinds(&log), ["CONNECT", "PUBLISH", "PINGREQ", "DISCONNECT", "CLOSED"]);
        }

        #[test]
        fn no_bytes_are_too_much(bytes: Vec<u8>, answer: Vec<u8>) {
            let log = log();
            let mut tap = log.tap();
            tap.received(&encode(&[connect()]));
            tap.received(&bytes);
            tap.sent(&answer);
        }
    }

    #[test]
    fn passwords_are_not_kept() {
        let log = log();
        log.tap().received(&encode(&[connect()]));
        let records = log.records(None, 0);
        assert!(
            matches!(&records[0].content, Content::Connect { has_password: true, username: Some(name), .. }
            if name == "user")
        );
        assert!(!format!("{records:?}").contains("hunter2"));
    }

    #[test]
    fn a_cut_and_a_broken_stream_are_told_apart() {
        let log = log();
        let mut tap = log.tap();
        tap.received(&encode(&[connect()]));
        let answer = encode(&[Packet::ConnAck(ConnAck::new(ReasonCode::Success, false)), publish()]);
        tap.sent(&answer[..10]);
        tap.received(b"\x00\x00 and whatever follows");
        drop(tap);
        assert_eq!(kinds(&log), ["CONNECT", "CONNACK", "MALFORMED", "INCOMPLETE", "CLOSED"]);
        let incomplete = &log.records(None, 0)[3];
        assert_eq!(
            (incomplete.direction, &incomplete.content),
            (Direction::ToClient, &Content::Incomplete { bytes: 6 })
        );
    }

    #[test]
    fn a_connection_without_a_connect_leaves_nothing() {
        let log = log();
        log.tap().received(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(log.total(), 0);
    }

    mod mqtt_5 {
        use azmqtt_mqtt::{
            Auth, LARGEST_PACKET, Level, Properties, PropertiesBuilder, PubAck, RetainHandling, SubAck,
            Subscribe, SubscribeFilter, UnsubAck, Will,
        };

        use super::*;
        use crate::packets::{PacketRecord, RecordedValue};

        const TOKEN: &[u8] = b"hunter2";

        fn encode(packets: &[Packet]) -> BytesMut {
            let mut bytes = BytesMut::new();
            for packet in packets {
                codec::encode(packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
            }
            bytes
        }

        fn token() -> Properties {
            let properties =
                PropertiesBuilder::new().authentication_method("K8S-SAT").authentication_data(TOKEN);
            properties.build().unwrap()
        }

        fn connect() -> Packet {
            let mut connect = Connect::new("d");
            connect.level = Level::Mqtt5;
            connect.set_login("user", TOKEN.to_vec());
            connect.properties = token();
            let mut will = Will::new("gone", "bye", QoS::AtLeastOnce, true);
            will.properties = PropertiesBuilder::new().will_delay(30).build().unwrap();
            connect.will = Some(will);
            Packet::Connect(Box::new(connect))
        }

        fn said(record: &PacketRecord) -> Vec<(&'static str, RecordedValue)> {
            record
                .properties
                .iter()
                .map(|property| (property.property.name(), property.value.clone()))
                .collect()
        }

        fn text(text: &str) -> RecordedValue {
            RecordedValue::Text(text.to_owned())
        }

        #[test]
        fn a_session_with_its_properties_and_without_its_secrets() {
            let mut publish = Publish::new("t", QoS::AtLeastOnce, "hello");
            publish.packet_id = 7;
            let properties = PropertiesBuilder::new().user_property("a", "1").correlation_data(b"\xFF");
            publish.properties = properties.user_property("a", "2").build().unwrap();
            let mut filter = SubscribeFilter::new("f", QoS::AtLeastOnce);
            filter.no_local = true;
            filter.retain_handling = RetainHandling::Never;
            let mut subscribe = Subscribe::of(vec![filter.clone()]);
            subscribe.packet_id = 8;
            let mut goodbye = Disconnect::new(ReasonCode::QuotaExceeded);
            goodbye.properties = PropertiesBuilder::new().reason_string("too much").build().unwrap();
            let renewal = Auth { reason: ReasonCode::ReAuthenticate, properties: token() };

            let log = log();
            let mut tap = log.tap();
            tap.received(&encode(&[connect()]));
            let mut welcome = ConnAck::new(ReasonCode::Success, true);
            welcome.properties = PropertiesBuilder::new().receive_maximum(100).build().unwrap();
            tap.sent(&encode(&[Packet::ConnAck(welcome)]));
            tap.received(&encode(&[
                Packet::Publish(publish),
                Packet::Subscribe(subscribe),
                Packet::Auth(renewal),
            ]));
            tap.sent(&encode(&[
                Packet::PubAck(PubAck::with_reason(7, ReasonCode::NoMatchingSubscribers)),
                Packet::SubAck(SubAck::new(8, vec![ReasonCode::NotAuthorized])),
                Packet::UnsubAck(UnsubAck::new(
                    9,
                    vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted],
                )),
                Packet::Disconnect(goodbye),
            ]));
            drop(tap);

            let records = log.records(None, 0);
            let kinds = kinds(&log);
            assert_eq!(
                kinds,
                [
                    "CONNECT",
                    "CONNACK",
                    "PUBLISH",
                    "SUBSCRIBE",
                    "AUTH",
                    "PUBACK",
                    "SUBACK",
                    "UNSUBACK",
                    "DISCONNECT",
                    "CLOSED"
                ]
            );
            let token =
                [("Authentication Method", text("K8S-SAT")), ("Authentication Data", RecordedValue::Secret)];
            assert_eq!(said(&records[0]), token);
            assert_eq!(said(&records[4]), token);
            let Content::Connect { level: 5, has_password: true, will: Some(will), .. } = &records[0].content
            else {
                panic!("{:?}", records[0].content)
            };
            assert_eq!(will.properties[0].value, RecordedValue::Number(30));
            assert_eq!(records[1].content, Content::ConnAck { session_present: true, code: 0 });
            assert_eq!(said(&records[1]), [("Receive Maximum", RecordedValue::Number(100))]);
            let pair = |value: &str| RecordedValue::Pair("a".to_owned(), value.to_owned());
            let correlation = RecordedValue::Bytes(b"\xFF".as_slice().into());
            assert_eq!(
                said(&records[2]),
                [
                    ("User Property", pair("1")),
                    ("Correlation Data", correlation),
                    ("User Property", pair("2"))
                ]
            );
            assert_eq!(
                records[3].content,
                Content::Subscribe { version: Version::Mqtt5, packet_id: 8, filters: vec![filter] }
            );
            assert_eq!(records[4].content, Content::Bare { name: "AUTH", code: Some(0x19) });
            let ack = |name, packet_id, codes| Content::Acknowledgement { name, packet_id, codes };
            assert_eq!(records[5].content, ack("PUBACK", 7, vec![0x10]));
            assert_eq!(records[6].content, Content::SubAck { packet_id: 8, codes: vec![0x87] });
            assert_eq!(records[7].content, ack("UNSUBACK", 9, vec![0, 0x11]));
            assert_eq!(records[8].content, Content::Bare { name: "DISCONNECT", code: Some(0x97) });
            assert_eq!(said(&records[8]), [("Reason String", text("too much"))]);
            assert!(!format!("{records:?}").contains("hunter2"));
        }

        #[test]
        fn a_server_of_mqtt_3_1_1_refuses_in_its_own_words() {
            let log = log();
            let mut tap = log.tap();
            tap.received(&encode(&[connect()]));
            tap.sent(b"\x20\x02\x00\x01");
            drop(tap);
            let records = log.records(None, 0);
            assert_eq!(records[1].content, Content::ConnAck { session_present: false, code: 1 });
            assert_eq!(kinds(&log), ["CONNECT", "CONNACK", "CLOSED"]);
        }

        #[test]
        fn a_malformed_connect_is_recorded_by_its_client_id() {
            let mut bytes = encode(&[connect()]);
            // The reserved flag [MQTT-3.1.2-3].
            bytes[9] |= 1;
            let log = log();
            log.tap().received(&bytes);
            let records = log.records(Some("d"), 0);
            assert!(
                matches!(&records[0].content, Content::Malformed { rule } if rule.contains("MQTT-3.1.2-3")),
                "{records:?}"
            );
        }

        #[test]
        fn properties_count_for_the_bound_of_the_ring() {
            let value = "x".repeat(10_000);
            let mut publish = Publish::new("t", QoS::AtMostOnce, "");
            publish.properties = PropertiesBuilder::new().user_property("a", &value).build().unwrap();
            let log = PacketLog::new(PacketRecording::Keep { packets: 100, bytes: 15_000 }).unwrap();
            let mut tap = log.tap();
            tap.received(&encode(&[connect(), Packet::Publish(publish.clone()), Packet::Publish(publish)]));
            assert_eq!(kinds(&log), ["PUBLISH"]);
        }

        proptest! {
            #[test]
            fn no_bytes_are_too_much(bytes: Vec<u8>, answer: Vec<u8>) {
                let log = log();
                let mut tap = log.tap();
                tap.received(&encode(&[connect()]));
                tap.received(&bytes);
                tap.sent(&answer);
            }
        }
    }
}
