//! Against Mosquitto, in both versions.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

use super::support::{LONG, ask, body, client, message, next, publish, subscribe, until};
use crate::Bulk;
use crate::broker::Broker;
use crate::changes::StateChanges;
use crate::limits::RetryPolicy;
use crate::managed::{Client, Config};
use crate::watch::State;
use azmqtt_mqtt::{Level, PropertiesBuilder, Publish, QoS, ReasonCode};
use azmqtt_net::{ConnectDeadlines, Endpoint};

const PROGRAM: &str = "/usr/sbin/mosquitto";
const LEVELS: [Level; 2] = [Level::Mqtt311, Level::Mqtt5];

/// A broker of its own for a test, which ends with it.
struct Mosquitto {
    child: Child,
    port: u16,
    /// Bound to the port, so that nobody else on the machine gets it before the broker listens, or while it restarts: two
    /// sockets may have it as long as one of them does not listen (socket(7), `SO_REUSEADDR`).
    _reserved: TcpSocket,
    directory: std::path::PathBuf,
}

impl Mosquitto {
    /// `None` where it is not installed.
    async fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            #[expect(clippy::print_stderr, reason = "a test says why it does nothing")]
            {
                eprintln!("skipped: {PROGRAM} is not installed");
            }
            return None;
        }
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.set_reuseaddr(true).unwrap();
        reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = reserved.local_addr().unwrap().port();
        let directory = std::env::temp_dir().join(format!("azmqtt-mosquitto-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n\
             max_queued_messages 0\n"
        );
        std::fs::write(directory.join("conf"), text).unwrap();
        let child = Self::run(&directory);
        let mosquitto = Self { child, port, _reserved: reserved, directory };
        mosquitto.ready().await;
        Some(mosquitto)
    }

    fn run(directory: &Path) -> Child {
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(directory.join("conf")).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    async fn ready(&self) {
        let connects = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, connects).await.expect("mosquitto does not listen");
    }

    /// Without its sessions, as it keeps none on disk.
    async fn restart(&mut self) {
        self.stop();
        self.child = Self::run(&self.directory);
        self.ready().await;
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn client(&self, level: Level, client_id: &str) -> Client {
        let endpoint = Endpoint::new("127.0.0.1", self.port);
        let mut config = Config::new(Broker::plain(endpoint, ConnectDeadlines::default()), client_id);
        config.level = level;
        config.retry = RetryPolicy {
            base: Duration::from_millis(5),
            max: Duration::from_millis(50),
            first_connect: false,
        };
        client(config)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test]
async fn messages_of_every_qos_go_to_and_fro() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for level in LEVELS {
        let client = mosquitto.client(level, &format!("both-{level:?}"));
        let receiver = client.receiver(Some("t/+")).unwrap();
        let filters = vec![azmqtt_mqtt::SubscribeFilter::new("t/#", QoS::ExactlyOnce)];
        let granted = ask(|reply| client.subscribe(filters, LONG, reply)).get().await;
        assert_eq!(granted, Ok(vec![ReasonCode::GrantedQoS2]));
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            assert!(publish(&client, Publish::new("t/x", qos, "hello")).get().await.is_ok());
            let got = next(&receiver).await;
            assert_eq!((body(&got), got.publish.qos), ("hello", qos));
        }
        drop(receiver);
        assert_eq!(ask(|reply| client.close(LONG, reply)).get().await, Ok(0));
    }
}

#[tokio::test]
async fn ten_thousand_messages_come_back_in_order() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    for level in LEVELS {
        let client = mosquitto.client(level, &format!("many-{level:?}"));
        let receiver = client.receiver(None).unwrap();
        subscribe(&client, "many").get().await.unwrap();
        let bulk = Bulk::new(client.clone(), LONG);
        let sending = bulk.send_all((0..10_000).map(|number: u32| message("many", &number.to_string())));
        let taking = async {
            let mut expected = 0;
            while expected < 10_000 {
                let number: u32 = body(&next(&receiver).await).parse().unwrap();
                // The client connects anew if messages find no room, and sends those without an answer again: on a busy machine
                // some come twice.
                assert!(number <= expected, "{number} before {expected}: {:?}", client.stats());
                assert!(
                    number == expected || client.stats().reconnects > 0,
                    "{number} twice: {:?}",
                    client.stats()
                );
                expected += u32::from(number == expected);
            }
        };
        let (sent, ()) = tokio::join!(sending, taking);
        assert_eq!((sent, bulk.acknowledged()), (Ok(()), 10_000));
    }
}

#[tokio::test]
async fn properties_and_the_lack_of_subscribers_are_told() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let client = mosquitto.client(Level::Mqtt5, "properties");
    let unmatched = publish(&client, message("nobody", "x")).get().await.unwrap();
    assert_eq!(unmatched.code, ReasonCode::NoMatchingSubscribers);
    let receiver = client.receiver(None).unwrap();
    subscribe(&client, "t").get().await.unwrap();
    let properties = PropertiesBuilder::new()
        .content_type("text/plain")
        .payload_format(true)
        .message_expiry(60)
        .user_property("a", "1")
        .user_property("a", "2")
        .build()
        .unwrap();
    let sent = publish(&client, Publish { properties, ..message("t", "x") }).get().await.unwrap();
    assert_eq!(sent.code, ReasonCode::Success);
    let got = next(&receiver).await.publish.properties;
    assert_eq!((got.content_type(), got.payload_format()), (Some("text/plain"), Some(true)));
    assert!(got.message_expiry().is_some_and(|expiry| (59..=60).contains(&expiry)));
    assert_eq!(got.user_properties().collect::<Vec<_>>(), [("a", "1"), ("a", "2")]);
}

#[tokio::test]
async fn requests_are_answered() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let [asker, answerer] = ["asker", "answerer"].map(|id| mosquitto.client(Level::Mqtt5, id));
    let requests = answerer.receiver(Some("service")).unwrap();
    subscribe(&answerer, "service").get().await.unwrap();
    let outcome = ask(|reply| asker.request(message("service", "question"), None, LONG, reply));
    let request = next(&requests).await.publish;
    let correlation = request.properties.correlation_data().unwrap();
    let properties = PropertiesBuilder::new().correlation_data(correlation).build().unwrap();
    let topic = request.properties.response_topic().unwrap();
    let answer = Publish { properties, ..message(topic, "answer") };
    assert!(publish(&answerer, answer).get().await.is_ok());
    assert_eq!(body(&outcome.get().await.unwrap()), "answer");
}

#[tokio::test]
async fn a_broker_that_forgot_the_session_is_subscribed_to_again() {
    let Some(mut mosquitto) = Mosquitto::start().await else { return };
    for level in LEVELS {
        let client = mosquitto.client(level, &format!("lost-{level:?}"));
        let receiver = client.receiver(None).unwrap();
        subscribe(&client, "t").get().await.unwrap();
        let changes = StateChanges::of(client.state_changes());
        mosquitto.restart().await;
        until(&changes, State::Connected).await;
        assert!(publish(&client, message("t", "after")).get().await.is_ok());
        assert_eq!(body(&next(&receiver).await), "after");
        assert_eq!(client.stats().sessions_lost, 1);
    }
}
