//! Device-to-cloud messages.

use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::tests::support::client::{DEADLINE, Options, TestClient, hub, start};
use crate::{CloseReason, HubConfig, HubError, Recording};
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, QoS, Version, codec};

const EVENTS: &str = "devices/dev1/messages/events/";

#[tokio::test]
async fn a_message_is_recorded_with_everything_it_said() {
    let hub = hub();
    let options = Options::new(&hub, "dev1");
    let options = options.username("localhost/dev1/?api-version=2021-04-12&model-id=dtmi%3Aa%3Bone%3B1");
    let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    let topic = format!("{EVENTS}$.mid=m-1&%24.ct=application%2Fjson&$.ce=utf-8&level=hot%20one&empty=&null");
    let before = SystemTime::now();
    assert!(client.send(&topic, r#"{"t":1}"#).await);
    let recorded = hub.telemetry("dev1");
    assert_eq!(recorded.len(), 1);
    let message = &recorded[0];
    assert_eq!((&message.body[..], message.sequence), (&br#"{"t":1}"#[..], 1));
    assert!(message.enqueued_time >= before && message.enqueued_time <= SystemTime::now());
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let application = [pair("level", "hot one"), pair("empty", ""), pair("null", "")];
    assert_eq!(message.properties.application, application);
    let system = message.system_properties();
    let get = |name: &str| system.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
    for (name, value) in [
        ("message-id", "m-1"),
        ("content-type", "application/json"),
        ("content-encoding", "utf-8"),
        ("iothub-connection-device-id", "dev1"),
        (
            "iothub-connection-auth-method",
            r#"{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#,
        ),
        ("iothub-message-source", "Telemetry"),
        ("dt-dataschema", "dtmi:a;one;1"),
    ] {
        assert_eq!(get(name), Some(value), "{name}");
    }
    assert!(get("iothub-enqueuedtime").is_some_and(|time| time.ends_with('Z')));
    assert_eq!(get("iothub-connection-auth-generation-id").map(str::len), Some(18));
    assert!(hub.telemetry("dev2").is_empty());
}

#[tokio::test]
async fn properties_are_those_that_services_read() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let created = pair("iothub-creation-time-utc", "2026-01-01T00:00:00Z");
    for (bag, application) in [
        ("$.ctime=2026-01-01T00%3A00%3A00Z", vec![created.clone()]),
        ("a=1&%24.ctime=2026-01-01T00%3A00%3A00Z", vec![pair("a", "1"), created]),
        // Of names that differ in case alone one is kept, and of names that stand there twice.
        ("Temp=1&b=2&temp=3&TEMP=4&b=5", vec![pair("Temp", "1"), pair("b", "2")]),
        ("%C3%9C=1&%C3%BC=2", vec![pair("Ü", "1")]),
    ] {
        assert!(client.send(&format!("{EVENTS}{bag}"), "x").await);
        let recorded = hub.telemetry("dev1");
        let message = recorded.last().unwrap();
        assert_eq!(message.properties.application, application, "{bag}");
        assert!(message.system_properties().iter().all(|(name, _)| !name.contains("creation")));
    }
}

#[tokio::test]
async fn qos_0_and_retained_messages_are_recorded() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.publish(EVENTS, QoS::AtMostOnce, "zero").await;
    client.publish("devices/dev1/messages/events", QoS::AtMostOnce, "no slash").await;
    let mut stream = client.into_stream();
    let mut publish = azmqtt_mqtt::Publish::new(EVENTS, QoS::AtMostOnce, "kept");
    publish.retain = true;
    let mut bytes = bytes::BytesMut::new();
    codec::encode(&Packet::Publish(publish), Version::Mqtt311, &mut bytes, MAX_PACKET_SIZE).unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await.unwrap();
    let recorded = hub.wait_for_telemetry(Some("dev1"), 3, DEADLINE).unwrap();
    let bodies: Vec<_> = recorded.iter().map(|message| &message.body[..]).collect();
    assert_eq!(bodies, [&b"zero"[..], b"no slash", b"kept"]);
    assert!(recorded[0].properties.is_empty());
    let retain = ("mqtt-retain".to_owned(), "True".to_owned());
    assert_eq!(recorded[2].properties.application, [retain]);
}

#[tokio::test]
async fn a_message_that_is_sent_again_counts_again() {
    let hub = hub();
    let mut stream = TestClient::connect(&hub, "dev1").await.into_stream();
    for dup in [false, true] {
        let mut publish = azmqtt_mqtt::Publish::new(EVENTS, QoS::AtLeastOnce, "again");
        (publish.packet_id, publish.dup) = (7, dup);
        let mut bytes = bytes::BytesMut::new();
        codec::encode(&Packet::Publish(publish), Version::Mqtt311, &mut bytes, MAX_PACKET_SIZE).unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"\x40\x02\x00\x07");
    }
    assert_eq!(hub.telemetry_count(Some("dev1")).unwrap(), 2);
}

#[tokio::test]
async fn many_messages_are_acknowledged_and_recorded_in_order() {
    const COUNT: usize = 5000;
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    for number in 0..COUNT {
        client.publish(EVENTS, QoS::AtLeastOnce, number.to_string()).await;
    }
    for _ in 0..COUNT {
        assert_eq!(client.next().await, Some(Event::acknowledged(())));
    }
    let recorded = hub.telemetry("dev1");
    assert_eq!(recorded.len(), COUNT);
    assert!(recorded.iter().enumerate().all(|(at, message)| message.body == at.to_string()));
}

#[tokio::test]
async fn the_largest_message_is_taken() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    // Two bytes of the service's count are the property's.
    assert!(client.send(&format!("{EVENTS}k=v"), vec![7; 262_142]).await);
    assert_eq!(hub.telemetry("dev1")[0].body.len(), 262_142);
}

#[tokio::test]
async fn what_the_service_closes_over_closes_the_connection() {
    let hub = hub();
    for (case, topic, qos, size) in [
        ("another device's topic", "devices/dev2/messages/events/", QoS::AtMostOnce, 0),
        ("a module's topic", "devices/dev1/modules/m/messages/events/", QoS::AtMostOnce, 0),
        ("a topic of nobody's", "some/topic", QoS::AtMostOnce, 0),
        ("another device's queue", "devices/dev1/messages/devicebound/", QoS::AtMostOnce, 0),
        ("a hub's topic", "$iothub/twin/res/200/?$rid=1", QoS::AtMostOnce, 0),
        ("a twin request without id", "$iothub/twin/GET/?", QoS::AtMostOnce, 0),
        ("a raw colon", "devices/dev1/messages/events/at=10:30", QoS::AtMostOnce, 0),
        ("a bad escape", "devices/dev1/messages/events/k=%zz", QoS::AtMostOnce, 0),
        ("QoS 2", EVENTS, QoS::ExactlyOnce, 0),
        ("too large", EVENTS, QoS::AtMostOnce, 262_145),
        ("too large by a property", "devices/dev1/messages/events/k=v", QoS::AtMostOnce, 262_143),
    ] {
        let mut client = TestClient::connect(&hub, "dev1").await;
        if qos == QoS::ExactlyOnce {
            let mut bytes = bytes::BytesMut::new();
            let mut publish = azmqtt_mqtt::Publish::new(topic, qos, "x");
            publish.packet_id = 1;
            codec::encode(&Packet::Publish(publish), Version::Mqtt311, &mut bytes, MAX_PACKET_SIZE).unwrap();
            let mut stream = client.into_stream();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await.unwrap();
            assert!(crate::tests::support::client::ends(&mut stream).await, "{case}");
        } else {
            client.publish(topic, qos, vec![0; size]).await;
            assert!(client.is_closed().await, "{case}");
        }
        assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
        let reason = hub.last_close("dev1").unwrap();
        assert!(matches!(reason, Some(CloseReason::Forbidden(_))), "{case}: {reason:?}");
    }
    assert_eq!(hub.telemetry_count(None).unwrap(), 0);
}

#[tokio::test]
async fn a_wait_that_is_too_short_says_what_came() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    assert!(client.send(EVENTS, "x").await);
    let short = Duration::from_millis(20);
    match hub.wait_for_telemetry(Some("dev1"), 2, short) {
        Err(HubError::Timeout { wanted: 2, got: 1 }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(hub.wait_for_telemetry(None, 1, short).unwrap().len(), 1);
    assert!(matches!(hub.wait_for_telemetry(Some("nobody"), 1, short), Err(HubError::DeviceNotFound(_))));
}

#[tokio::test]
async fn a_counting_hub_keeps_nothing() {
    let hub = start(HubConfig { recording: Recording::CountOnly, ..HubConfig::default() });
    let mut client = TestClient::connect(&hub, "dev1").await;
    assert!(client.send(EVENTS, "x").await);
    assert_eq!(hub.telemetry_count(Some("dev1")).unwrap(), 1);
    assert!(hub.telemetry_after(None, 0).is_empty());
}
