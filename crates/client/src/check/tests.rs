//! Checks of connections to brokers that fail at one step each.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{CheckReport, CheckedStep, Token, check_broker};
use crate::broker::Broker;
use crate::managed::{Config, Error};
use crate::reply::Reply;
use azmqtt_mqtt::codec::{Sender, decode, encode};
use azmqtt_mqtt::{
    ConnAck, Connect, LARGEST_PACKET, Level, Packet, PropertiesBuilder, Publish, QoS, ReasonCode,
};
use azmqtt_net::{ConnectDeadlines, Endpoint};

/// Longer than anything takes that works.
const LONG: Duration = Duration::from_secs(20);

/// A broker whose every packet a test writes.
struct Peer {
    listener: TcpListener,
    level: Level,
}

struct Line {
    stream: TcpStream,
    input: BytesMut,
    level: Level,
}

impl Peer {
    async fn new(level: Level) -> (Self, Config) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let broker = Broker::plain(Endpoint::new("127.0.0.1", port), ConnectDeadlines::default());
        let config = Config { level, ..Config::new(broker, "one") };
        (Self { listener, level }, config)
    }

    async fn accept(&self) -> TcpStream {
        timeout(LONG, self.listener.accept()).await.expect("nobody connects").unwrap().0
    }

    /// Takes a connection and its CONNECT.
    async fn connect(&self) -> (Line, Connect) {
        let mut line = Line { stream: self.accept().await, input: BytesMut::new(), level: self.level };
        let Some(Packet::Connect(connect)) = line.read().await else { panic!("no CONNECT") };
        (line, *connect)
    }

    /// The same, after the look at the port.
    async fn looked_at(&self) -> (Line, Connect) {
        drop(self.accept().await);
        self.connect().await
    }
}

impl Line {
    async fn write(&mut self, packet: Packet) {
        self.write_at_once([packet]).await;
    }

    async fn write_at_once<const N: usize>(&mut self, packets: [Packet; N]) {
        let mut output = BytesMut::new();
        for packet in packets {
            encode(&packet, self.level.version(), &mut output, LARGEST_PACKET).unwrap();
        }
        self.stream.write_all(&output).await.unwrap();
    }

    /// The next packet; `None` at the end.
    async fn read(&mut self) -> Option<Packet> {
        loop {
            let version = self.level.version();
            let packet = decode(&mut self.input, Sender::Client, version, LARGEST_PACKET).unwrap();
            if packet.is_some() {
                return packet;
            }
            let read = timeout(LONG, self.stream.read_buf(&mut self.input)).await;
            if read.expect("nothing comes").unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

fn start(config: Config, token: Option<Token>) -> oneshot::Receiver<Result<CheckReport, Error>> {
    let (reply, report) = Reply::channel();
    check_broker(config, token, LONG, Handle::current, reply);
    report
}

async fn end(report: oneshot::Receiver<Result<CheckReport, Error>>) -> CheckReport {
    timeout(LONG, report).await.expect("no report").unwrap().unwrap()
}

/// The names of the steps that were good, and the one that failed.
fn read(report: &CheckReport) -> (Vec<&str>, Option<&CheckedStep>) {
    let good = report.steps.iter().filter(|step| step.ok).map(|step| step.name.as_str()).collect();
    (good, report.steps.iter().find(|step| !step.ok))
}

fn fact<'a>(step: &'a CheckedStep, name: &str) -> Option<&'a str> {
    step.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

/// The claims of a token, the signature of which nobody here looks at.
fn token(method: &str, claims: &str) -> Token {
    use base64::Engine;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let text = format!("{}.{}.c2VjcmV0", part(r#"{"alg":"RS256"}"#), part(claims));
    Token { method: method.to_owned(), text: text.into() }
}

#[tokio::test]
async fn a_port_that_is_closed() {
    let (peer, config) = Peer::new(Level::Mqtt5).await;
    drop(peer);
    let report = end(start(config, None)).await;
    let (good, failed) = read(&report);
    assert_eq!((good, failed.unwrap().name.as_str()), (vec!["DNS"], "TCP"));
}

#[tokio::test]
async fn a_session_of_3_1_1_that_the_check_began_is_gone_again() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let report = start(config, None);
    let (mut line, first) = peer.looked_at().await;
    assert!(!first.clean_start);
    line.write(Packet::ConnAck(ConnAck::new(ReasonCode::Success, false))).await;
    assert!(matches!(line.read().await, Some(Packet::Disconnect(_))));
    let (mut line, second) = peer.connect().await;
    assert_eq!((second.client_id.as_str(), second.clean_start), ("one", true));
    line.write(Packet::ConnAck(ConnAck::new(ReasonCode::Success, false))).await;
    let report = end(report).await;
    let (good, failed) = read(&report);
    assert_eq!((good, failed), (vec!["DNS", "TCP", "MQTT CONNECT"], None));
    assert_eq!(fact(&report.steps[2], "session"), Some("a new one"));
}

#[tokio::test]
async fn what_waits_in_a_session_stays_there() {
    for level in [Level::Mqtt311, Level::Mqtt5] {
        let (peer, config) = Peer::new(level).await;
        let report = start(config, None);
        let (mut line, _) = peer.looked_at().await;
        let accepted = Packet::ConnAck(ConnAck::new(ReasonCode::Success, true));
        let waiting = Publish { packet_id: 1, ..Publish::new("t", QoS::AtLeastOnce, "x") };
        line.write_at_once([accepted, Packet::Publish(waiting)]).await;
        let Some(Packet::Disconnect(disconnect)) = line.read().await else { panic!("no DISCONNECT") };
        assert_eq!(disconnect.properties.session_expiry(), None);
        assert!(line.read().await.is_none());
        let report = end(report).await;
        assert_eq!(fact(&report.steps[2], "session"), Some("the one of before"));
    }
}

#[tokio::test]
async fn what_a_broker_of_mqtt_5_announces() {
    let (peer, mut config) = Peer::new(Level::Mqtt5).await;
    config.username = Some("dev1".to_owned());
    let report = start(config, None);
    let (mut line, connect) = peer.looked_at().await;
    assert_eq!(
        (connect.username.as_deref(), connect.properties.session_expiry()),
        (Some("dev1"), Some(3600))
    );
    let properties = PropertiesBuilder::new().maximum_qos(true).receive_maximum(1000).build().unwrap();
    line.write(Packet::ConnAck(ConnAck { properties, ..ConnAck::new(ReasonCode::Success, false) })).await;
    let Some(Packet::Disconnect(disconnect)) = line.read().await else { panic!("no DISCONNECT") };
    assert_eq!(disconnect.properties.session_expiry(), Some(0), "the session was the check's own");
    let report = end(report).await;
    let step = &report.steps[2];
    assert!(step.ok && step.detail.contains("accepted \"one\""), "{step:?}");
    assert_eq!((fact(step, "maximum QoS"), fact(step, "receive maximum")), (Some("1"), Some("1000")));
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason() {
    for (level, expected) in [(Level::Mqtt311, "no credentials"), (Level::Mqtt5, "(disabled)")] {
        let (peer, config) = Peer::new(level).await;
        let report = start(config, None);
        let (mut line, _) = peer.looked_at().await;
        let mut refusal = ConnAck::new(ReasonCode::NotAuthorized, false);
        if level == Level::Mqtt5 {
            refusal.properties = PropertiesBuilder::new().reason_string("disabled").build().unwrap();
        }
        line.write(Packet::ConnAck(refusal)).await;
        let report = end(report).await;
        let (_, failed) = read(&report);
        let failed = failed.unwrap();
        assert_eq!(failed.name, "MQTT CONNECT");
        assert!(failed.detail.contains("Not authorized (0x87)"), "{failed:?}");
        let advice = failed.advice.as_ref().unwrap();
        assert!(format!("{} {advice}", failed.detail).contains(expected), "{failed:?}");
        assert!(advice.contains("the client's permissions on the broker"), "{advice}");
    }
}

#[tokio::test]
async fn a_broker_that_closes_instead() {
    let (peer, config) = Peer::new(Level::Mqtt5).await;
    let report = start(config, None);
    drop(peer.looked_at().await);
    let report = end(report).await;
    let (_, failed) = read(&report);
    assert!(failed.unwrap().advice.as_ref().unwrap().contains("--protocol 4"), "{failed:?}");
}

#[tokio::test]
async fn a_token_that_the_broker_may_not_like_goes_to_it_all_the_same() {
    let (peer, config) = Peer::new(Level::Mqtt5).await;
    let shown =
        token("K8S-SAT", r#"{"sub":"system:serviceaccount:default:app","aud":["api"],"exp":99999999999}"#);
    let report = start(config, Some(shown.clone()));
    let (mut line, connect) = peer.looked_at().await;
    assert_eq!(connect.properties.authentication_method(), Some("K8S-SAT"));
    assert_eq!(connect.properties.authentication_data(), Some(shown.text.as_ref()));
    line.write(Packet::ConnAck(ConnAck::new(ReasonCode::NotAuthorized, false))).await;
    let report = end(report).await;
    let [.., judged, refused] = report.steps.as_slice() else { panic!("{report:?}") };
    assert!(judged.ok && judged.advice.as_ref().unwrap().contains("aio-internal"), "{judged:?}");
    assert_eq!(fact(judged, "subject"), Some("system:serviceaccount:default:app"));
    assert!(!refused.ok && refused.advice.as_ref().unwrap().contains("aio-internal"), "{refused:?}");
    let text = std::str::from_utf8(&shown.text).unwrap();
    assert!(text.split('.').all(|part| !format!("{report:?}").contains(part)), "the token is shown");
}

#[tokio::test]
async fn a_token_out_of_its_time_ends_the_check() {
    for (claims, expected) in [
        (r#"{"exp":1000}"#, "expired at 1970-01-01T00:16:40Z"),
        (r#"{"nbf":99999999999}"#, "valid only from"),
    ] {
        let (peer, config) = Peer::new(Level::Mqtt5).await;
        let report = start(config, Some(token("CUSTOM-JWT", claims)));
        drop(peer.accept().await);
        let report = end(report).await;
        let (good, failed) = read(&report);
        assert_eq!((good, failed.unwrap().name.as_str()), (vec!["DNS", "TCP"], "credentials"));
        assert!(failed.unwrap().detail.contains(expected), "{failed:?}");
    }
}
