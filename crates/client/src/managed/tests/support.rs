//! A broker whose every packet a test writes, and outcomes to wait for.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::broker::Broker;
use crate::changes::StateChanges;
use crate::limits::RetryPolicy;
use crate::managed::{Client, Config, Error, Published, Received, Receiver};
use crate::reply::Reply;
use crate::watch::{State, StateChange};
use azmqtt_mqtt::codec::{Sender, decode, encode};
use azmqtt_mqtt::{
    ConnAck, Connect, LARGEST_PACKET, Level, Packet, Publish, QoS, ReasonCode, SubAck, Subscribe,
    SubscribeFilter, Version,
};
use azmqtt_net::{ConnectDeadlines, Endpoint};

/// Longer than anything takes that works.
pub(super) const LONG: Duration = Duration::from_secs(20);

pub(super) struct Peer {
    listener: TcpListener,
    version: Version,
}

/// The broker's end of a connection.
pub(super) struct Line {
    pub(super) stream: TcpStream,
    input: BytesMut,
    version: Version,
}

impl Peer {
    /// A broker, and the configuration of a client for it, which tries again soon.
    pub(super) async fn new(level: Level) -> (Self, Config) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let broker = Broker::plain(Endpoint::new("127.0.0.1", port), ConnectDeadlines::default());
        let mut config = Config::new(broker, "test");
        config.level = level;
        config.retry = RetryPolicy {
            base: Duration::from_millis(1),
            max: Duration::from_millis(5),
            first_connect: false,
        };
        (Self { listener, version: level.version() }, config)
    }

    /// Takes a connection and its CONNECT.
    pub(super) async fn accept(&self) -> (Line, Connect) {
        let (stream, _) = timeout(LONG, self.listener.accept()).await.expect("nobody connects").unwrap();
        let mut line = Line { stream, input: BytesMut::new(), version: self.version };
        let Packet::Connect(connect) = line.read().await else { panic!("no CONNECT") };
        (line, *connect)
    }

    /// The same, and accepts.
    pub(super) async fn connected(&self, session_present: bool) -> Line {
        let (mut line, _) = self.accept().await;
        line.accept(session_present).await;
        line
    }
}

impl Line {
    pub(super) async fn read(&mut self) -> Packet {
        loop {
            if let Some(packet) =
                decode(&mut self.input, Sender::Client, self.version, LARGEST_PACKET).unwrap()
            {
                return packet;
            }
            let read = timeout(LONG, self.stream.read_buf(&mut self.input)).await;
            assert!(read.expect("nothing comes").unwrap() > 0, "the client closed");
        }
    }

    pub(super) async fn message(&mut self) -> Publish {
        match self.read().await {
            Packet::Publish(publish) => publish,
            other => panic!("no PUBLISH: {other:?}"),
        }
    }

    pub(super) async fn subscription(&mut self) -> Subscribe {
        match self.read().await {
            Packet::Subscribe(subscribe) => subscribe,
            other => panic!("no SUBSCRIBE: {other:?}"),
        }
    }

    /// Accepts the CONNECT that has come.
    pub(super) async fn accept(&mut self, session_present: bool) {
        self.write(Packet::ConnAck(ConnAck::new(ReasonCode::Success, session_present))).await;
    }

    /// Refuses it.
    pub(super) async fn refuse(&mut self, code: ReasonCode) {
        self.write(Packet::ConnAck(ConnAck::new(code, false))).await;
    }

    /// Takes a SUBSCRIBE and grants all of it.
    pub(super) async fn grant(&mut self) -> Vec<String> {
        let Subscribe { packet_id, filters, .. } = self.subscription().await;
        let reasons = filters.iter().map(|filter| ReasonCode::granted(filter.qos)).collect();
        self.write(Packet::SubAck(SubAck::new(packet_id, reasons))).await;
        filters.into_iter().map(|filter| filter.filter).collect()
    }

    pub(super) async fn write(&mut self, packet: Packet) {
        let mut output = BytesMut::new();
        encode(&packet, self.version, &mut output, LARGEST_PACKET).unwrap();
        self.stream.write_all(&output).await.unwrap();
    }

    pub(super) async fn puback(&mut self, packet_id: u16) {
        self.write(Packet::PubAck(azmqtt_mqtt::PubAck::new(packet_id))).await;
    }

    /// Sends a message with this packet identifier; 0 is QoS 0.
    pub(super) async fn deliver(&mut self, topic: &str, body: &str, packet_id: u16) {
        let qos = if packet_id == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let publish = Publish { packet_id, ..Publish::new(topic, qos, body.to_owned()) };
        self.write(Packet::Publish(publish)).await;
    }

    pub(super) async fn acknowledged(&mut self) -> u16 {
        match self.read().await {
            Packet::PubAck(puback) => puback.packet_id,
            other => panic!("no PUBACK: {other:?}"),
        }
    }

    /// Reads until the client closes; the packets that came before.
    pub(super) async fn rest(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        loop {
            while let Some(packet) =
                decode(&mut self.input, Sender::Client, self.version, LARGEST_PACKET).unwrap()
            {
                packets.push(packet);
            }
            match timeout(LONG, self.stream.read_buf(&mut self.input)).await.expect("it does not close") {
                Ok(0) | Err(_) => return packets,
                Ok(_) => {}
            }
        }
    }
}

/// A client on the test's runtime.
pub(super) fn client(config: Config) -> Client {
    Client::new(config, Handle::current)
}

/// A client, changed, that is connected for the first time.
pub(super) async fn connected(level: Level, change: impl FnOnce(&mut Config)) -> (Client, Peer, Line) {
    let (peer, mut config) = Peer::new(level).await;
    change(&mut config);
    let client = client(config);
    let connected = connect(&client);
    let line = peer.connected(false).await;
    connected.get().await.unwrap();
    (client, peer, line)
}

/// An outcome to wait for.
pub(super) struct Outcome<T>(oneshot::Receiver<Result<T, Error>>);

impl<T> Outcome<T> {
    pub(super) async fn get(self) -> Result<T, Error> {
        timeout(LONG, self.0).await.expect("no outcome").expect("the reply is answered")
    }
}

pub(super) fn ask<T: Send + 'static>(start: impl FnOnce(Reply<T>)) -> Outcome<T> {
    let (reply, outcome) = Reply::channel();
    start(reply);
    Outcome(outcome)
}

pub(super) fn message(topic: &str, body: &str) -> Publish {
    Publish::new(topic, QoS::AtLeastOnce, body.to_owned())
}

pub(super) fn publish(client: &Client, publish: Publish) -> Outcome<Published> {
    ask(|reply| client.publish(publish, LONG, reply))
}

pub(super) fn connect(client: &Client) -> Outcome<()> {
    ask(|reply| client.connect(LONG, reply))
}

pub(super) fn subscribe(client: &Client, filter: &str) -> Outcome<Vec<ReasonCode>> {
    let filters = vec![SubscribeFilter::new(filter, QoS::AtLeastOnce)];
    ask(|reply| client.subscribe(filters, LONG, reply))
}

pub(super) async fn next(receiver: &Receiver) -> Received {
    timeout(LONG, receiver.next()).await.expect("no message").expect("the receiver goes on")
}

pub(super) fn body(received: &Received) -> &str {
    std::str::from_utf8(&received.publish.payload).unwrap()
}

/// Waits for a state; the change to it.
pub(super) async fn until(changes: &StateChanges, state: State) -> StateChange {
    let waiting = async {
        loop {
            while let Some(change) = changes.take() {
                if change.state == state {
                    return change;
                }
            }
            let (reply, ready) = Reply::<(), Error>::channel();
            changes.listen(reply);
            ready.await.unwrap().unwrap();
        }
    };
    timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("it does not become {state:?}"))
}
