//! Takeover, kept sessions, keep-alive, subscriptions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::CloseReason;
use crate::tests::support::client::{DEADLINE, Options, TestClient, hub};
use azmqtt_mqtt::{QoS, ReasonCode};

const DESIRED: &str = "$iothub/twin/PATCH/properties/desired/#";
const EVENTS: &str = "devices/dev1/messages/events/";

#[tokio::test]
async fn a_second_connection_ends_the_first() {
    let hub = hub();
    let mut first = TestClient::connect(&hub, "dev1").await;
    let mut second = TestClient::connect(&hub, "dev1").await;
    // Before the second CONNACK: no wait is needed to see the first one end.
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::TakenOver));
    assert!(first.is_closed().await);
    assert!(second.send(EVENTS, "x").await);
    assert_eq!(hub.connection_count("dev1").unwrap(), 2);
    assert!(hub.connected("dev1").unwrap());
}

#[tokio::test]
async fn a_storm_of_connections_leaves_one() {
    const COUNT: usize = 20;
    let hub = Arc::new(hub());
    let mut opening = JoinSet::new();
    for _ in 0..COUNT {
        let hub = hub.clone();
        opening.spawn(async move { TestClient::open(&hub, &Options::new(&hub, "dev1")).await });
    }
    // Each was accepted in its turn, and all but the last were closed again.
    let mut clients: Vec<_> = opening.join_all().await.into_iter().filter_map(Result::ok).collect();
    assert_eq!((clients.len(), hub.connection_count("dev1").unwrap()), (COUNT, 20));
    let mut alive = 0;
    for client in &mut clients {
        alive += usize::from(client.send(EVENTS, "x").await);
    }
    assert_eq!(alive, 1);
    assert!(hub.connected("dev1").unwrap());
}

#[tokio::test]
async fn a_kept_session_keeps_its_subscriptions() {
    let hub = hub();
    let persistent = Options::new(&hub, "dev1").persistent();
    let open = async || TestClient::open(&hub, &persistent).await.unwrap_or_else(|_| panic!("accepted"));
    let mut client = open().await;
    assert!(!client.session_present);
    client.subscribe(DESIRED, QoS::AtMostOnce).await.unwrap();
    client.disconnect().await;
    let mut client = open().await;
    assert!(client.session_present);
    hub.patch_desired("dev1", &json!({"a": 1})).unwrap();
    client.message().await;
    drop(client);
    // A clean start forgets them, for later too.
    let client = TestClient::connect(&hub, "dev1").await;
    assert!(!client.session_present);
    client.disconnect().await;
    let mut client = open().await;
    assert!(!client.session_present);
    hub.patch_desired("dev1", &json!({"a": 2})).unwrap();
    assert!(client.send(EVENTS, "nothing came").await);
}

#[tokio::test]
async fn silence_ends_the_connection_after_one_and_a_half_intervals() {
    let hub = hub();
    let mut options = Options::new(&hub, "dev1");
    options.connect.keep_alive = 1;
    let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    let connected = Instant::now();
    assert!(client.is_closed().await);
    let elapsed = connected.elapsed();
    assert!(elapsed >= Duration::from_millis(1400) && elapsed < Duration::from_secs(4), "{elapsed:?}");
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::KeepAlive));
}

#[tokio::test]
async fn subscriptions_are_granted_at_qos_1_at_most() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    for filter in
        [DESIRED, "$iothub/twin/res/#", "$iothub/methods/POST/#", "devices/dev1/messages/devicebound/#"]
    {
        for (asked, granted) in [
            (QoS::AtMostOnce, QoS::AtMostOnce),
            (QoS::AtLeastOnce, QoS::AtLeastOnce),
            (QoS::ExactlyOnce, QoS::AtLeastOnce),
        ] {
            assert_eq!(client.subscribe(filter, asked).await, Some(ReasonCode::granted(granted)));
        }
    }
}

#[tokio::test]
async fn unsubscribing_is_acknowledged_for_the_device_s_own_filters_alone() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    for filter in [DESIRED, "devices/dev1/messages/devicebound/#", "devices/+/messages/devicebound/#"] {
        assert!(client.unsubscribe(filter).await, "{filter} was never subscribed");
    }
    for filter in ["never/subscribed", "devices/dev2/messages/devicebound/#", "#"] {
        let mut client = TestClient::connect(&hub, "dev1").await;
        assert!(!client.unsubscribe(filter).await, "{filter}");
        assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
        assert!(matches!(hub.last_close("dev1").unwrap(), Some(CloseReason::Forbidden(_))));
    }
}

#[tokio::test]
async fn a_foreign_subscription_ends_the_connection() {
    let hub = hub();
    for filter in ["#", "devices/dev2/messages/devicebound/#", "$iothub/#", "devices/dev1/messages/events/#"]
    {
        let mut client = TestClient::connect(&hub, "dev1").await;
        assert_eq!(client.subscribe(filter, QoS::AtMostOnce).await, None, "{filter}");
        assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    }
}

#[tokio::test]
async fn a_test_can_drop_a_connection_or_expire_its_token() {
    let hub = hub();
    assert!(!hub.disconnect("dev1").unwrap());
    for (end, reason) in [(true, CloseReason::Dropped), (false, CloseReason::TokenExpired)] {
        let mut client = TestClient::connect(&hub, "dev1").await;
        assert!(if end { hub.disconnect("dev1") } else { hub.expire_token("dev1") }.unwrap());
        assert!(!hub.connected("dev1").unwrap());
        assert_eq!(hub.last_close("dev1").unwrap(), Some(reason));
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn hundreds_of_devices_connect_at_once() {
    const COUNT: usize = 200;
    let hub = Arc::new(hub());
    let mut sending = JoinSet::new();
    for number in 0..COUNT {
        let (hub, id) = (hub.clone(), format!("many-{number}"));
        hub.create_device(&id, None).unwrap();
        sending.spawn(async move {
            let mut client = TestClient::connect(&hub, &id).await;
            assert!(client.send(&format!("devices/{id}/messages/events/"), "x").await);
        });
    }
    sending.join_all().await;
    assert_eq!(hub.telemetry_count(None).unwrap(), COUNT as u64);
}
