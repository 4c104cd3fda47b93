//! A broker of one connection at a time, whose every packet a test writes.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::Broker;
use crate::manual::{Event, EventKind, MqttClient};
use azmqtt_mqtt::codec::{Sender, decode};
use azmqtt_mqtt::{ConnAck, Connect, LARGEST_PACKET, Packet, Publish, QoS, ReasonCode, Version};

const LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Peer {
    listener: TcpListener,
    pub(super) client: MqttClient,
}

/// The broker's end of a connection.
pub(super) struct Line {
    pub(super) stream: TcpStream,
    input: BytesMut,
}

impl Peer {
    pub(super) async fn new(max_in_flight: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, client: MqttClient::new(&Handle::current(), max_in_flight) }
    }

    pub(super) fn connect_packet() -> Connect {
        let mut connect = Connect::new("test");
        connect.clean_start = false;
        connect.keep_alive = 60;
        connect
    }

    /// Connects and takes CONNECT.
    pub(super) async fn open(&self, connect: Connect) -> (u64, Line) {
        let port = self.listener.local_addr().unwrap().port();
        let opening = self.client.open(Broker::new("127.0.0.1", port, LIMIT), connect.clone());
        let accepting = timeout(LIMIT, self.listener.accept());
        let (number, accepted) = tokio::join!(opening, accepting);
        let (number, (stream, _)) = (number.unwrap(), accepted.unwrap().unwrap());
        let mut line = Line { stream, input: BytesMut::new() };
        assert_eq!(line.read().await, Packet::Connect(Box::new(connect)));
        (number, line)
    }

    /// The same, accepted.
    pub(super) async fn connected(&self, session_present: bool) -> (u64, Line) {
        let (number, mut line) = self.open(Self::connect_packet()).await;
        line.write(Packet::ConnAck(ConnAck::new(ReasonCode::Success, session_present))).await;
        assert_eq!(
            self.next().await,
            Event { connection: number, kind: EventKind::Connected { session_present } }
        );
        (number, line)
    }

    pub(super) async fn next(&self) -> Event {
        let events = std::sync::Arc::clone(self.client.events());
        let taken = tokio::task::spawn_blocking(move || events.take(1, LIMIT)).await.unwrap().0;
        taken.into_iter().next().expect("nothing happened")
    }

    pub(super) async fn happens(&self) -> EventKind {
        self.next().await.kind
    }
}

impl Line {
    pub(super) async fn read(&mut self) -> Packet {
        loop {
            if let Some(packet) =
                decode(&mut self.input, Sender::Client, Version::Mqtt311, LARGEST_PACKET).unwrap()
            {
                return packet;
            }
            let count = timeout(LIMIT, self.stream.read_buf(&mut self.input)).await.unwrap().unwrap();
            assert!(count > 0, "the client closed");
        }
    }

    pub(super) async fn write(&mut self, packet: Packet) {
        let mut output = BytesMut::new();
        azmqtt_mqtt::codec::encode(&packet, Version::Mqtt311, &mut output, LARGEST_PACKET).unwrap();
        self.stream.write_all(&output).await.unwrap();
    }

    /// Whether the client has closed.
    pub(super) async fn is_over(&mut self) -> bool {
        let mut rest = [0; 1024];
        matches!(timeout(LIMIT, self.stream.read(&mut rest)).await, Ok(Ok(0) | Err(_)))
    }
}

pub(super) fn message(qos: QoS, body: &str) -> Publish {
    Publish::new("t", qos, body.to_owned())
}
