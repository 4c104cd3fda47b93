//! Cloud-to-device messages.

use std::time::Duration;

use bytes::Bytes;

use crate::config::CloudToDevice;
use crate::storage::state_dir::make_temp_dir;
use crate::tests::support::client::{DEADLINE, Options, TestClient, hub, start};
use crate::{CloudSend, FeedbackStatus, Hub, HubConfig, HubError};
use azmqtt_dialect::MessageProperties;
use azmqtt_mqtt::{Publish, QoS, ReasonCode};

const FILTER: &str = "devices/dev1/messages/devicebound/#";
const EVENTS: &str = "devices/dev1/messages/events/";

fn send(hub: &Hub, body: &'static str) {
    hub.send_c2d("dev1", Bytes::from(body), MessageProperties::default()).unwrap();
}

async fn persistent(hub: &Hub) -> TestClient {
    let options = Options::new(hub, "dev1").persistent();
    TestClient::open(hub, &options).await.unwrap_or_else(|_| panic!("accepted"))
}

async fn receive(client: &mut TestClient, body: &str) -> Publish {
    let message = client.message().await;
    assert_eq!(message.payload, body.as_bytes());
    message
}

#[tokio::test]
async fn a_message_arrives_with_its_properties() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    let properties = MessageProperties {
        message_id: Some("m:1".to_owned()),
        ack: Some("full".to_owned()),
        application: vec![("k".to_owned(), "v w".to_owned())],
        ..MessageProperties::default()
    };
    hub.send_c2d("dev1", Bytes::from("hello"), properties).unwrap();
    let message = receive(&mut client, "hello").await;
    let bag = "%24.mid=m%3A1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound&iothub-ack=full&k=v%20w";
    assert_eq!(message.topic, format!("devices/dev1/messages/devicebound/{bag}"));
    assert_eq!((message.qos, hub.pending_c2d("dev1").unwrap()), (QoS::AtLeastOnce, 1));
    client.acknowledge(&message).await;
    assert!(client.send(EVENTS, "x").await);
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 0);
}

#[tokio::test]
async fn messages_wait_for_a_subscription() {
    let hub = hub();
    let mut client = persistent(&hub).await;
    send(&hub, "a");
    assert!(client.send(EVENTS, "nothing came").await);
    client.subscribe(FILTER, QoS::AtMostOnce).await.unwrap();
    assert_eq!(receive(&mut client, "a").await.qos, QoS::AtMostOnce);
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 0);
}

#[tokio::test]
async fn a_device_may_subscribe_with_a_plus_for_its_id() {
    const ANY: &str = "devices/+/messages/devicebound/#";
    let hub = hub();
    let mut client = persistent(&hub).await;
    let granted = client.subscribe(ANY, QoS::AtLeastOnce).await;
    assert_eq!(granted, Some(ReasonCode::GrantedQoS1));
    send(&hub, "a");
    let message = receive(&mut client, "a").await;
    assert!(message.topic.starts_with("devices/dev1/messages/devicebound/"), "{}", message.topic);
    client.acknowledge(&message).await;
    // Beside the other spelling a message comes once, at the higher QoS of both.
    client.subscribe(FILTER, QoS::AtMostOnce).await.unwrap();
    send(&hub, "b");
    let message = receive(&mut client, "b").await;
    assert_eq!(message.qos, QoS::AtLeastOnce);
    client.acknowledge(&message).await;
    // Each is left by itself.
    assert!(client.unsubscribe(ANY).await);
    send(&hub, "c");
    assert_eq!(receive(&mut client, "c").await.qos, QoS::AtMostOnce);
    assert!(client.unsubscribe(FILTER).await);
    send(&hub, "d");
    assert!(client.send(EVENTS, "x").await);
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 1);
}

#[tokio::test]
async fn unacknowledged_messages_come_again_in_a_kept_session() {
    let hub = hub();
    let mut client = persistent(&hub).await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    for body in ["a", "b", "c"] {
        send(&hub, body);
    }
    receive(&mut client, "a").await;
    let b = receive(&mut client, "b").await;
    receive(&mut client, "c").await;
    client.acknowledge(&b).await;
    assert!(client.send(EVENTS, "x").await);
    hub.disconnect("dev1").unwrap();
    send(&hub, "d");
    let mut client = persistent(&hub).await;
    assert!(client.session_present);
    for (body, dup) in [("a", true), ("c", true), ("d", false)] {
        let message = receive(&mut client, body).await;
        assert_eq!(message.dup, dup, "{body}");
        client.acknowledge(&message).await;
    }
    assert!(client.send(EVENTS, "x").await);
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 0);
}

#[tokio::test]
async fn a_clean_start_empties_the_queue() {
    let hub = hub();
    send(&hub, "a");
    let _client = TestClient::connect(&hub, "dev1").await;
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 0);
}

#[tokio::test]
async fn a_hub_may_keep_the_queue_over_a_clean_start() {
    let hub = start(HubConfig { clean_session_purges: false, ..HubConfig::default() });
    for body in ["a", "b"] {
        send(&hub, body);
    }
    for expected in [["a", "b"], ["a", "b"]] {
        let mut client = TestClient::connect(&hub, "dev1").await;
        client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
        for body in expected {
            assert!(!receive(&mut client, body).await.dup);
        }
    }
}

#[tokio::test]
async fn the_queue_and_the_messages_are_bounded() {
    let hub = hub();
    let large = || Bytes::from(vec![0; 65_536]);
    hub.send_c2d("dev1", large(), MessageProperties::default()).unwrap();
    let with_property = MessageProperties { user_id: Some("u".to_owned()), ..MessageProperties::default() };
    let refused = hub.send_c2d("dev1", large(), with_property);
    assert!(matches!(refused, Err(HubError::MessageTooLarge { size: 65_537, limit: 65_536 })));
    for _ in 1..50 {
        hub.send_c2d("dev1", large(), MessageProperties::default()).unwrap();
    }
    let refused = hub.send_c2d("dev1", Bytes::new(), MessageProperties::default());
    assert!(matches!(refused, Err(HubError::QueueFull { limit: 50, .. })));
    let mut client = persistent(&hub).await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    for _ in 0..50 {
        let message = client.message().await;
        client.acknowledge(&message).await;
    }
    assert!(hub.wait_for_telemetry(None, 0, DEADLINE).is_ok());
}

/// A lock of 150 ms; whoever does not acknowledge sees a message again soon.
fn short_lock() -> Hub {
    let cloud_to_device = CloudToDevice { lock: Duration::from_millis(150), ..CloudToDevice::default() };
    start(HubConfig { cloud_to_device, ..HubConfig::default() })
}

fn ask(ack: &str, id: &str) -> MessageProperties {
    MessageProperties {
        message_id: Some(id.to_owned()),
        ack: Some(ack.to_owned()),
        ..MessageProperties::default()
    }
}

fn statuses(hub: &Hub, count: usize) -> Vec<(String, FeedbackStatus)> {
    assert!(hub.wait_for_feedback(Some("dev1"), count, DEADLINE), "{:?}", hub.feedback(None));
    let records = hub.feedback(Some("dev1"));
    assert!(records.iter().all(|record| record.source.device_id == "dev1" && record.time > 0));
    records.into_iter().map(|record| (record.message_id, record.status)).collect()
}

#[tokio::test]
async fn a_lost_lock_sends_the_message_again_and_its_old_acknowledgement_counts_for_nothing() {
    let hub = short_lock();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    hub.send_c2d("dev1", Bytes::from("a"), ask("full", "1")).unwrap();
    let first = receive(&mut client, "a").await;
    let second = receive(&mut client, "a").await;
    assert!(!second.dup, "a delivery of its own, not the first one's packet");
    assert_ne!(first.packet_id, second.packet_id);
    client.acknowledge(&first).await;
    assert!(client.send(EVENTS, "x").await);
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 1);
    let third = receive(&mut client, "a").await;
    client.acknowledge(&third).await;
    assert_eq!(statuses(&hub, 1), [("1".to_owned(), FeedbackStatus::Success)]);
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 0);
}

#[tokio::test]
async fn a_message_that_ended_while_the_device_was_away_is_not_in_its_session_any_more() {
    let hub = hub();
    let mut client = persistent(&hub).await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    let short = CloudSend {
        body: Bytes::from("short"),
        properties: ask("negative", "short"),
        ttl: Some(Duration::from_millis(300)),
        ..CloudSend::default()
    };
    hub.send_c2d_message("dev1", short).unwrap();
    send(&hub, "long");
    receive(&mut client, "short").await;
    receive(&mut client, "long").await;
    hub.disconnect("dev1").unwrap();
    assert_eq!(statuses(&hub, 1), [("short".to_owned(), FeedbackStatus::Expired)]);
    let mut client = persistent(&hub).await;
    let again = receive(&mut client, "long").await;
    assert!(again.dup);
    client.acknowledge(&again).await;
    assert!(client.send(EVENTS, "x").await);
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 0);
}

#[tokio::test]
async fn feedback_comes_as_it_was_asked_for() {
    let hub = hub();
    let expired =
        MessageProperties { expiry: Some("2020-01-01T00:00:00Z".to_owned()), ..ask("negative", "old") };
    hub.send_c2d("dev1", Bytes::new(), expired).unwrap();
    assert_eq!(statuses(&hub, 1), [("old".to_owned(), FeedbackStatus::Expired)]);
    for ack in ["none", "positive", "negative", "full"] {
        hub.send_c2d("dev1", Bytes::new(), ask(ack, ack)).unwrap();
    }
    let mut client = persistent(&hub).await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    for _ in 0..4 {
        let message = client.message().await;
        client.acknowledge(&message).await;
    }
    assert!(client.send(EVENTS, "x").await);
    for ack in ["none", "positive", "negative", "full"] {
        hub.send_c2d("dev1", Bytes::new(), ask(ack, ack)).unwrap();
    }
    assert_eq!(hub.purge_c2d("dev1").unwrap(), 4);
    let wanted = [
        ("old", FeedbackStatus::Expired),
        ("positive", FeedbackStatus::Success),
        ("full", FeedbackStatus::Success),
        ("negative", FeedbackStatus::Purged),
        ("full", FeedbackStatus::Purged),
    ];
    assert_eq!(statuses(&hub, 5), wanted.map(|(id, status)| (id.to_owned(), status)));
    assert!(!hub.wait_for_feedback(Some("dev2"), 1, Duration::ZERO));
}

#[tokio::test]
async fn a_message_that_ends_connections_is_given_up() {
    let cloud_to_device = CloudToDevice { max_deliveries: 2, ..CloudToDevice::default() };
    let hub = start(HubConfig { cloud_to_device, ..HubConfig::default() });
    hub.send_c2d("dev1", Bytes::from("poison"), ask("full", "p")).unwrap();
    for round in 0..2 {
        let mut client = persistent(&hub).await;
        if round == 0 {
            client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
        }
        assert_eq!(receive(&mut client, "poison").await.dup, round > 0);
        hub.disconnect("dev1").unwrap();
    }
    assert_eq!(statuses(&hub, 1), [("p".to_owned(), FeedbackStatus::DeliveryCountExceeded)]);
    let mut client = persistent(&hub).await;
    send(&hub, "next");
    receive(&mut client, "next").await;
}

#[tokio::test]
async fn null_and_empty_values_a_made_up_id_and_the_expiry() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    let properties = MessageProperties {
        application: vec![("empty".to_owned(), String::new())],
        ..MessageProperties::default()
    };
    let nulls = vec!["null".to_owned()];
    let ttl = Some(Duration::from_secs(90));
    let send = CloudSend { body: Bytes::new(), properties, nulls, ttl };
    let id = hub.send_c2d_message("dev1", send).unwrap();
    let topic = client.message().await.topic;
    let bag = topic.strip_prefix("devices/dev1/messages/devicebound/").unwrap();
    assert!(bag.starts_with(&format!("%24.mid={id}&%24.exp=20")), "{bag}");
    assert!(bag.ends_with("&empty=&null"), "{bag}");
}

#[tokio::test]
async fn messages_outlive_the_hub_that_has_a_state_directory() {
    let dir = make_temp_dir().unwrap();
    let config = || HubConfig { state_dir: Some(dir.clone()), ..HubConfig::default() };
    let hub = start(config());
    for body in ["a", "b", "c"] {
        send(&hub, body);
    }
    let mut client = persistent(&hub).await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    let a = receive(&mut client, "a").await;
    receive(&mut client, "b").await;
    receive(&mut client, "c").await;
    client.acknowledge(&a).await;
    assert!(client.send(EVENTS, "x").await);
    hub.stop();

    let hub = Hub::start(config()).unwrap();
    assert_eq!(hub.pending_c2d("dev1").unwrap(), 2);
    let mut client = persistent(&hub).await;
    client.subscribe(FILTER, QoS::AtLeastOnce).await.unwrap();
    for body in ["b", "c"] {
        receive(&mut client, body).await;
    }
    drop(hub);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_message_whose_properties_fit_into_no_topic_is_refused() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let properties = MessageProperties {
        application: vec![("k".to_owned(), " ".repeat(30_000))],
        ..MessageProperties::default()
    };
    let refused = hub.send_c2d("dev1", Bytes::new(), properties.clone());
    assert!(matches!(refused, Err(HubError::TopicTooLong { .. })));
    let refused = hub.send_to_input("dev1", "m", "in", Bytes::new(), properties);
    assert!(matches!(refused, Err(HubError::TopicTooLong { .. })));
    assert_eq!((hub.pending_c2d("dev1").unwrap(), hub.pending_inputs("dev1", "m").unwrap()), (0, 0));
}
