//! The message a device leaves for the case of its loss.

use crate::Hub;
use crate::tests::support::client::{DEADLINE, Options, TestClient, hub};
use azmqtt_mqtt::QoS;

async fn connect_with_will(hub: &Hub) -> TestClient {
    let will = "devices/dev1/messages/events/$.ct=text%2Fplain&why=lost";
    let options = Options::new(hub, "dev1").will(will, QoS::AtLeastOnce);
    TestClient::open(hub, &options).await.unwrap_or_else(|_| panic!("accepted"))
}

fn assert_will(hub: &Hub) {
    let recorded = hub.wait_for_telemetry(Some("dev1"), 1, DEADLINE).unwrap();
    let message = &recorded[0];
    assert_eq!(message.body, "gone");
    assert_eq!(message.properties.content_type.as_deref(), Some("text/plain"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(message.properties.application, [pair("why", "lost"), pair("iothub-MessageType", "Will")]);
    assert_eq!(recorded.len(), 1);
}

#[tokio::test]
async fn a_lost_device_leaves_its_will() {
    let hub = hub();
    drop(connect_with_will(&hub).await);
    assert_will(&hub);
}

#[tokio::test]
async fn a_dropped_device_leaves_its_will() {
    let hub = hub();
    let mut client = connect_with_will(&hub).await;
    assert!(hub.disconnect("dev1").unwrap());
    // The call returns after the end, will included.
    assert_eq!(hub.telemetry_count(Some("dev1")).unwrap(), 1);
    assert_will(&hub);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_replaced_device_leaves_its_will() {
    let hub = hub();
    let _old = connect_with_will(&hub).await;
    let _new = TestClient::connect(&hub, "dev1").await;
    assert_will(&hub);
}

#[tokio::test]
async fn disconnect_forgets_the_will() {
    let hub = hub();
    connect_with_will(&hub).await.disconnect().await;
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.telemetry_count(None).unwrap(), 0);
}
