//! Cloud-to-device messages.

use bytes::Bytes;

use super::client::{DEADLINE, Options, TestClient, hub, start};
use crate::dialect::MessageProperties;
use crate::hub::{Hub, HubConfig, HubError};
use crate::mqtt::{Publish, QoS};

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
