//! The recording of packets, of real connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::api::packets::{Content, Direction, PacketRecord};
use crate::tests::http::websocket::websocket;
use crate::tests::support::client::{DEADLINE, Options, TestClient, hub, key, start, tls};
use crate::unix_time::unix_now;
use crate::{Hub, HubConfig, PacketRecording};
use azmqtt_mqtt::QoS;

const EVENTS: &str = "devices/dev1/messages/events/";

fn recording() -> Hub {
    start(HubConfig { packets: PacketRecording::ON, ..HubConfig::default() })
}

/// All packets of `dev1` up to the end of its connection with this number.
async fn recorded(hub: &Hub, connection: u64) -> Vec<Arc<PacketRecord>> {
    let ended =
        |record: &Arc<PacketRecord>| record.connection == connection && record.content.kind() == "CLOSED";
    let looking = async {
        loop {
            let records = hub.packets(Some("dev1"), 0).unwrap();
            if records.iter().any(ended) {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.expect("the end of the connection")
}

fn kinds(records: &[Arc<PacketRecord>]) -> Vec<(char, &'static str)> {
    let arrow = |direction| if direction == Direction::ToServer { '>' } else { '<' };
    records.iter().map(|record| (arrow(record.direction), record.content.kind())).collect()
}

fn reason(records: &[Arc<PacketRecord>]) -> &str {
    match &records.last().unwrap().content {
        Content::Closed { reason } => reason,
        other => panic!("not the end: {other:?}"),
    }
}

/// What `session` says and hears.
const SESSION: [(char, &str); 11] = [
    ('>', "CONNECT"),
    ('<', "CONNACK"),
    ('>', "PUBLISH"),
    ('<', "PUBACK"),
    ('>', "SUBSCRIBE"),
    ('<', "SUBACK"),
    ('>', "UNSUBSCRIBE"),
    ('<', "UNSUBACK"),
    ('>', "PUBLISH"),
    ('>', "DISCONNECT"),
    ('<', "CLOSED"),
];

async fn session<S>(mut client: TestClient<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    assert!(client.send(EVENTS, "hello").await);
    client.subscribe("$iothub/twin/res/#", QoS::AtMostOnce).await.unwrap();
    assert!(client.unsubscribe("$iothub/twin/res/#").await);
    client.publish(EVENTS, QoS::AtMostOnce, "bye").await;
    client.disconnect().await;
}

#[tokio::test]
async fn a_session_is_recorded_packet_by_packet_on_either_port() {
    let hub = recording();
    session(TestClient::connect(&hub, "dev1").await).await;
    let records = recorded(&hub, 1).await;
    assert_eq!(kinds(&records), SESSION);
    assert_eq!(reason(&records), "the client sent DISCONNECT");
    assert_eq!(
        records[2].content,
        Content::Publish {
            packet_id: 1,
            topic: EVENTS.to_owned(),
            qos: 1,
            dup: false,
            retain: false,
            payload: "hello".into()
        }
    );
    assert_eq!(records[3].content, Content::Acknowledgement { name: "PUBACK", packet_id: 1, codes: vec![] });
    let sequences: Vec<_> = records.iter().map(|record| record.sequence).collect();
    assert!(sequences.is_sorted());

    let client = TestClient::over(websocket(&hub).await, &Options::new(&hub, "dev1")).await.unwrap();
    session(client).await;
    let records = recorded(&hub, 2).await;
    let (first, second) = records.split_at(SESSION.len());
    assert_eq!(kinds(second), SESSION);
    assert!(first.iter().all(|record| record.connection == 1));
    assert!(second.iter().all(|record| record.connection == 2));
    assert!(hub.packets(Some("dev2"), 0).unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_client_is_recorded_without_its_password() {
    let hub = recording();
    let options = Options::new(&hub, "dev1");
    let options = options.token("localhost/devices/dev1", &key(&hub, "dev2"), unix_now() + 60);
    let password = options.connect.password_text().unwrap().to_owned();
    assert!(TestClient::open(&hub, &options).await.is_err());
    let records = recorded(&hub, 1).await;
    assert_eq!(kinds(&records), [('>', "CONNECT"), ('<', "CONNACK"), ('<', "CLOSED")]);
    assert!(matches!(records[0].content, Content::Connect { level: 4, has_password: true, .. }));
    assert_eq!(records[1].content, Content::ConnAck { session_present: false, code: 5 });
    assert!(reason(&records).starts_with("refused: "), "{}", reason(&records));
    let signature = &password[password.find("sig=").unwrap()..];
    assert!(!format!("{records:?}").contains(signature));
}

#[tokio::test]
async fn a_client_of_another_version_is_recorded_by_its_id() {
    let hub = recording();
    let mut stream = tls(&hub).await;
    stream.write_all(b"\x10\x11\0\x04MQTT\x05\x02\0\x3C\0\0\x04dev1").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    drop(stream);
    let records = recorded(&hub, 1).await;
    assert!(matches!(records[0].content, Content::Connect { level: 5, .. }));
    assert_eq!(records[1].content, Content::ConnAck { session_present: false, code: 1 });
    assert!(reason(&records).contains("MQTT 5"), "{}", reason(&records));
}

#[tokio::test]
async fn what_breaks_the_protocol_is_recorded_with_the_rule() {
    let hub = recording();
    let mut stream = TestClient::connect(&hub, "dev1").await.into_stream();
    stream.write_all(b"\xC0\x00\x36\x00").await.unwrap();
    let records = recorded(&hub, 1).await;
    assert_eq!(kinds(&records[2..4]), [('>', "PINGREQ"), ('>', "MALFORMED")]);
    assert!(matches!(&records[3].content, Content::Malformed { rule } if rule.contains("[MQTT-3.3.1-4]")));
}

#[tokio::test]
async fn without_recording_there_is_nothing() {
    let hub = hub();
    TestClient::connect(&hub, "dev1").await.disconnect().await;
    assert!(hub.packets(Some("dev1"), 0).is_none());
    assert!(!hub.wait_for_packet(Some("dev1"), 0, DEADLINE));
}
