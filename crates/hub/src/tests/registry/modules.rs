//! Modules: identities of their own beside their device's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::tests::support::client::{DEADLINE, Options, TestClient, hub, key};
use crate::unix_time::unix_now;
use crate::{CloseReason, Hub, HubError, Id, MAX_MODULES};
use azmqtt_dialect::{ConnectionString, Identity, MessageProperties};
use azmqtt_mqtt::{QoS, ReasonCode};

const EVENTS: &str = "devices/dev1/modules/m1/messages/events/";
const INPUTS: &str = "devices/dev1/modules/m1/inputs/#";
const MODULE: (&str, &str) = ("dev1", "m1");

/// A hub with the modules `m1` and `m2` of `dev1`, and another `m1` of `dev2`.
fn with_modules() -> Hub {
    let hub = hub();
    for (device_id, module_id) in [("dev1", "m1"), ("dev1", "m2"), ("dev2", "m1")] {
        hub.create_module(device_id, module_id, None).unwrap();
    }
    hub
}

fn to_input(hub: &Hub, body: &'static str) -> Result<(), HubError> {
    hub.send_to_input("dev1", "m1", "in1", Bytes::from(body), MessageProperties::default())
}

#[test]
fn modules_are_listed_found_and_removed() {
    let hub = with_modules();
    assert_eq!(hub.device_ids(), ["dev1", "dev2"]);
    assert_eq!(hub.module_ids("dev1").unwrap(), ["m1", "m2"]);
    assert_ne!(key(&hub, MODULE), key(&hub, ("dev2", "m1")));
    let parts = ConnectionString::parse(&hub.connection_string(MODULE).unwrap()).unwrap();
    assert_eq!(parts.identity(), Identity::new("localhost", "dev1", Some("m1")).unwrap());

    hub.remove_module("dev1", "m1").unwrap();
    assert_eq!(hub.module_ids("dev1").unwrap(), ["m2"]);
    hub.remove_device("dev1").unwrap();
    hub.create_device("dev1", None).unwrap();
    assert!(hub.module_ids("dev1").unwrap().is_empty(), "a new device has none of the old one's");
    assert!(hub.has_module("dev2", "m1"));
}

#[test]
fn what_cannot_be_is_a_typed_error() {
    let hub = with_modules();
    assert!(
        matches!(hub.create_module("dev1", "m1", None), Err(HubError::ModuleExists(id)) if id == "dev1/m1")
    );
    assert!(matches!(hub.create_module("nobody", "m", None), Err(HubError::DeviceNotFound(_))));
    assert!(matches!(hub.create_module("dev1", "a/b", None), Err(HubError::Identity(_))));
    assert!(matches!(hub.twin(("dev1", "m9")), Err(HubError::ModuleNotFound(id)) if id == "dev1/m9"));
    assert!(matches!(hub.twin(("dev9", "m1")), Err(HubError::DeviceNotFound(id)) if id == "dev9"));
    assert!(matches!(hub.remove_module("dev2", "m2"), Err(HubError::ModuleNotFound(_))));
    for number in hub.module_ids("dev1").unwrap().len()..MAX_MODULES {
        hub.create_module("dev1", &format!("n{number}"), None).unwrap();
    }
    assert!(matches!(hub.create_module("dev1", "one-more", None), Err(HubError::TooManyModules(_))));
}

#[tokio::test]
async fn a_module_sends_under_its_own_name() {
    let hub = with_modules();
    let mut client = TestClient::connect(&hub, MODULE).await;
    assert!(client.send(EVENTS, "plain").await);
    assert!(client.send(&format!("{EVENTS}%24.on=out1&k=v"), "routed").await);
    let mut device = TestClient::connect(&hub, "dev1").await;
    assert!(device.send("devices/dev1/messages/events/", "device").await);

    let recorded = hub.telemetry(MODULE);
    assert_eq!(recorded.iter().map(|m| &m.body[..]).collect::<Vec<_>>(), [b"plain", &b"routed"[..]]);
    assert_eq!(recorded[1].properties.output_name.as_deref(), Some("out1"));
    let stamps = recorded[1].system_properties();
    for stamp in [
        ("iothub-outputname", "out1"),
        ("iothub-connection-device-id", "dev1"),
        ("iothub-connection-module-id", "m1"),
        (
            "iothub-connection-auth-method",
            r#"{"scope":"module","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#,
        ),
    ] {
        assert!(stamps.contains(&(stamp.0, stamp.1.to_owned())), "{stamp:?} in {stamps:?}");
    }
    assert_eq!(hub.telemetry("dev1")[0].body, "device");
    assert_eq!((hub.telemetry("dev1").len(), hub.telemetry_count(Id::from(MODULE)).unwrap()), (1, 2));
    assert_eq!(hub.telemetry_after(None, 0).len(), 3);
}

#[tokio::test]
async fn a_foreign_topic_ends_the_connection() {
    let hub = with_modules();
    for topic in [
        "devices/dev1/messages/events/",
        "devices/dev1/modules/m2/messages/events/",
        "devices/dev2/modules/m1/messages/events/",
    ] {
        let mut client = TestClient::connect(&hub, MODULE).await;
        assert!(!client.send(topic, "x").await, "{topic}");
        assert!(hub.wait_for_connection(MODULE, false, DEADLINE).unwrap());
        assert!(matches!(hub.last_close(MODULE).unwrap(), Some(CloseReason::Forbidden(_))));
    }
    for filter in [
        "devices/dev1/messages/devicebound/#",
        "devices/dev1/modules/m2/inputs/#",
        "devices/dev1/modules/m1/inputs/in1/#",
    ] {
        let mut client = TestClient::connect(&hub, MODULE).await;
        assert_eq!(client.subscribe(filter, QoS::AtLeastOnce).await, None, "{filter}");
    }
    let mut device = TestClient::connect(&hub, "dev1").await;
    assert!(!device.send(EVENTS, "x").await, "a device on its module's topic");
}

#[tokio::test]
async fn only_its_own_key_and_audience_let_a_module_in() {
    let hub = with_modules();
    let own = key(&hub, MODULE);
    let resource = "localhost/devices/dev1/modules/m1";
    let later = unix_now() + 60;
    let honest = || Options::new(&hub, MODULE);
    assert!(TestClient::open(&hub, &honest().token(resource, &own, later)).await.is_ok());
    for (case, options) in [
        ("the device's key", honest().token(resource, &key(&hub, "dev1"), later)),
        ("another module's key", honest().token(resource, &key(&hub, ("dev1", "m2")), later)),
        ("another module's audience", honest().token("localhost/devices/dev1/modules/m2", &own, later)),
        ("the user name of a device", honest().username("localhost/dev1/?api-version=2021-04-12")),
        ("the user name of another", honest().username("localhost/dev1/m2/?api-version=2021-04-12")),
        ("a module that is not there", honest().username("localhost/dev1/m9/?api-version=2021-04-12")),
    ] {
        let refused = TestClient::open(&hub, &options).await.err();
        assert_eq!(refused, Some(Some(ReasonCode::NotAuthorized)), "{case}");
    }
}

#[tokio::test]
async fn device_and_modules_are_connected_each_by_itself() {
    let hub = with_modules();
    let mut device = TestClient::connect(&hub, "dev1").await;
    let mut first = TestClient::connect(&hub, MODULE).await;
    let mut second = TestClient::connect(&hub, ("dev1", "m2")).await;
    let mut again = TestClient::connect(&hub, MODULE).await;
    assert!(first.is_closed().await);
    assert_eq!(hub.last_close(MODULE).unwrap(), Some(CloseReason::TakenOver));
    assert!(hub.disconnect(("dev1", "m2")).unwrap());
    assert!(second.is_closed().await);
    assert!(again.send(EVENTS, "still here").await);
    assert!(device.send("devices/dev1/messages/events/", "still here").await);
    assert_eq!((hub.connection_count(MODULE).unwrap(), hub.connection_count("dev1").unwrap()), (2, 1));
}

#[tokio::test]
async fn a_disabled_device_disables_its_modules() {
    let hub = with_modules();
    let mut client = TestClient::connect(&hub, MODULE).await;
    hub.set_enabled("dev1", false).unwrap();
    assert!(client.is_closed().await);
    assert_eq!(hub.last_close(MODULE).unwrap(), Some(CloseReason::Disabled));
    let refused = TestClient::open(&hub, &Options::new(&hub, MODULE)).await.err();
    assert_eq!(refused, Some(Some(ReasonCode::ServerUnavailable)));
    TestClient::connect(&hub, ("dev2", "m1")).await;
    hub.set_enabled("dev1", true).unwrap();
    TestClient::connect(&hub, MODULE).await;
}

#[tokio::test]
async fn a_removed_device_takes_its_modules_with_it() {
    let hub = with_modules();
    let mut client = TestClient::connect(&hub, MODULE).await;
    hub.remove_device("dev1").unwrap();
    assert!(client.is_closed().await);
    assert!(!hub.has_module("dev1", "m1"));
}

#[tokio::test]
async fn a_module_has_a_twin_of_its_own() {
    let hub = with_modules();
    let mut client = TestClient::connect(&hub, MODULE).await;
    for filter in ["$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#"] {
        client.subscribe(filter, QoS::AtMostOnce).await.unwrap();
    }
    hub.patch_desired("dev1", &json!({"of": "device"})).unwrap();
    hub.patch_desired(MODULE, &json!({"of": "module"})).unwrap();
    let told = client.message().await;
    assert_eq!(told.payload, r#"{"of":"module","$version":2}"#);
    client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", QoS::AtMostOnce, r#"{"r":1}"#).await;
    assert!(client.message().await.topic.contains("/204/"));

    let twin = hub.twin(MODULE).unwrap();
    assert_eq!((&twin["deviceId"], &twin["moduleId"]), (&json!("dev1"), &json!("m1")));
    assert_eq!(
        (&twin["connectionState"], &twin["properties"]["reported"]["r"]),
        (&json!("Connected"), &json!(1))
    );
    let device = hub.twin("dev1").unwrap();
    assert_eq!((&device["moduleId"], &device["properties"]["reported"]["r"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn a_module_answers_methods() {
    let hub = Arc::new(with_modules());
    let mut client = TestClient::connect(&hub, MODULE).await;
    client.subscribe("$iothub/methods/POST/#", QoS::AtMostOnce).await.unwrap();
    let called = spawn_blocking({
        let hub = hub.clone();
        move || hub.invoke_method(MODULE, "ping", &json!(1), DEADLINE, Duration::ZERO)
    });
    assert_eq!(client.message().await.topic, "$iothub/methods/POST/ping/?$rid=1");
    client.publish("$iothub/methods/res/200/?$rid=1", QoS::AtMostOnce, "2").await;
    assert_eq!(called.await.unwrap().unwrap().payload, "2");
}

#[tokio::test]
async fn a_message_reaches_the_input() {
    let hub = with_modules();
    let mut client = TestClient::connect(&hub, MODULE).await;
    client.subscribe(INPUTS, QoS::AtLeastOnce).await.unwrap();
    let properties = MessageProperties {
        connection_module_id: Some("m2".to_owned()),
        application: vec![("k".to_owned(), "v".to_owned())],
        ..MessageProperties::default()
    };
    hub.send_to_input("dev1", "m1", "in1", Bytes::from("hello"), properties).unwrap();
    let message = client.message().await;
    assert_eq!(message.topic, "devices/dev1/modules/m1/inputs/in1/%24.cdid=dev1&%24.cmid=m2&k=v");
    assert_eq!((&message.payload[..], message.qos), (&b"hello"[..], QoS::AtLeastOnce));
    assert_eq!(hub.pending_inputs("dev1", "m1").unwrap(), 1);
    client.acknowledge(&message).await;
    assert!(client.send(EVENTS, "x").await);
    assert_eq!(hub.pending_inputs("dev1", "m1").unwrap(), 0);
}

#[tokio::test]
async fn an_input_keeps_its_messages_until_they_are_acknowledged() {
    let hub = with_modules();
    to_input(&hub, "a").unwrap();
    for _ in 0..2 {
        // Also over clean sessions: the queue is the gateway's.
        let mut client = TestClient::connect(&hub, MODULE).await;
        client.subscribe(INPUTS, QoS::AtLeastOnce).await.unwrap();
        assert_eq!(client.message().await.payload, "a");
    }
}

#[test]
fn an_input_has_its_rules() {
    let hub = with_modules();
    let send = |input: &str, size: usize| {
        let body = Bytes::from(vec![0; size]);
        hub.send_to_input("dev1", "m1", input, body, MessageProperties::default())
    };
    for input in ["", "a/b", "#", "a?b"] {
        assert!(matches!(send(input, 1), Err(HubError::InputName(_))), "{input}");
    }
    assert!(matches!(send("in1", 262_145), Err(HubError::MessageTooLarge { .. })));
    send("in1", 262_144).unwrap();
    for _ in 1..1024 {
        to_input(&hub, "x").unwrap();
    }
    assert!(matches!(to_input(&hub, "x"), Err(HubError::QueueFull { limit: 1024, .. })));
}

#[tokio::test]
async fn a_will_is_a_modules_own() {
    let hub = with_modules();
    let refused = Options::new(&hub, MODULE).will("devices/dev1/messages/events/", QoS::AtMostOnce);
    assert!(TestClient::open(&hub, &refused).await.is_err());
    let options = Options::new(&hub, MODULE).will(EVENTS, QoS::AtLeastOnce);
    let client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    drop(client);
    let recorded = hub.wait_for_telemetry(Id::from(MODULE), 1, DEADLINE).unwrap();
    assert_eq!(recorded[0].properties.application, [("iothub-MessageType".to_owned(), "Will".to_owned())]);
}

#[tokio::test]
async fn a_device_may_be_called_registrations() {
    let hub = hub();
    hub.create_device("registrations", None).unwrap();
    hub.create_module("registrations", "m", None).unwrap();
    let stream = crate::tests::http::websocket::websocket(&hub).await;
    let options = Options::new(&hub, ("registrations", "m"));
    let opened = TestClient::over(stream, &options).await;
    assert!(opened.is_ok(), "{:?}", hub.last_refusal());
}
