//! From the bytes of one connection to records.

use std::sync::Arc;

use bytes::BytesMut;

use super::foreign;
use super::log::PacketLog;
use super::record::{ClientName, Content, Direction};
use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, ProtocolError, ReasonCode, Version};
use azmqtt_net::framed::Observer;

/// What goes by on one connection. It is told every byte, in both directions, and the end.
pub struct Tap {
    log: Arc<PacketLog>,
    /// Whose connection it is, and which of theirs, once the CONNECT has said so.
    client: Option<(Arc<ClientName>, u64)>,
    to_server: Stream,
    to_client: Stream,
    /// Why the connection ends, once that is known.
    reason: Option<String>,
}

/// The bytes of one direction that are no whole packet yet.
#[derive(Default)]
struct Stream {
    pending: BytesMut,
    /// They are no MQTT.
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
        Self { log, client: None, to_server: Stream::default(), to_client: Stream::default(), reason: None }
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
            match codec::decode(&mut stream.pending, sender, Version::Mqtt311, MAX_PACKET_SIZE) {
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
        }
        if matches!(&packet, Packet::ConnAck(ack) if ack.reason != ReasonCode::Success) {
            // Unless somebody has said why.
            self.ends("refused");
        }
        self.record(direction, packet.into());
    }

    fn malformed(&mut self, direction: Direction, bytes: &[u8], error: &ProtocolError) {
        if self.client.is_none()
            && let ProtocolError::UnsupportedLevel(_) = error
            && let Some((client_id, connect)) = foreign::read_connect(bytes)
        {
            self.client = Some(self.log.begin(&client_id));
            self.record(direction, connect);
            return;
        }
        self.record(direction, Content::Malformed { rule: error.to_string() });
    }

    /// What comes before a CONNECT has nobody to be recorded for.
    fn record(&self, direction: Direction, content: Content) {
        if let Some((client, connection)) = &self.client {
            self.log.record(client, *connection, direction, content);
        }
    }
}

/// The end of the connection.
impl Drop for Tap {
    fn drop(&mut self) {
        for (direction, stream) in
            [(Direction::ToServer, &self.to_server), (Direction::ToClient, &self.to_client)]
        {
            if !stream.pending.is_empty() {
                self.record(direction, Content::Incomplete { bytes: stream.pending.len() });
            }
        }
        let reason = self.reason.take().unwrap_or_else(|| "the connection ended".to_owned());
        self.record(Direction::ToClient, Content::Closed { reason });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packets::PacketRecording;
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
}
