//! Faults as a device sees them: over a real socket.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::faults::{Rule, Schedule};
use crate::tests::support::client::{DEADLINE, Options, TestClient, hub, start, tcp, tls};
use crate::{CloseReason, Hub, HubConfig, Id, Whose};
use azmqtt_dialect::MessageProperties;
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Publish, QoS, ReasonCode};

const EVENTS: &str = "devices/dev1/messages/events/";
const DEV1: Whose<'static> = Whose::One(Id { device: "dev1", module: None });
const RESPONSES: &str = "$iothub/twin/res/#";
const DESIRED: &str = "$iothub/twin/PATCH/properties/desired/#";
const GET: &str = "$iothub/twin/GET/?$rid=1";

fn inject(hub: &Hub, rule: Value) -> u64 {
    hub.inject_fault(Rule::from_json(rule).unwrap()).unwrap()
}

async fn subscribed(hub: &Hub, filter: &str, qos: QoS) -> TestClient {
    let mut client = TestClient::connect(hub, "dev1").await;
    assert_eq!(client.subscribe(filter, qos).await, Some(ReasonCode::granted(qos)));
    client
}

fn body(publish: &Publish) -> Value {
    serde_json::from_slice(&publish.payload).unwrap()
}

#[tokio::test]
async fn a_lost_puback_leaves_the_message_recorded() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    let id = inject(&hub, json!({"fault": "lose", "on": "puback"}));
    client.publish(EVENTS, QoS::AtLeastOnce, "one").await;
    assert_eq!(hub.wait_for_fault(id, 1, DEADLINE), Some(1));
    // The next one is acknowledged, and no other.
    assert!(client.send(EVENTS, "two").await);
    assert!(timeout(Duration::from_millis(100), client.next()).await.is_err());
    assert_eq!(hub.telemetry_count(DEV1).unwrap(), 2);
}

#[tokio::test]
async fn a_lost_message_is_neither_recorded_nor_acknowledged() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    inject(&hub, json!({"fault": "lose", "on": "telemetry", "device_id": "dev1"}));
    client.publish(EVENTS, QoS::AtLeastOnce, "one").await;
    assert!(client.send(EVENTS, "two").await);
    assert_eq!(hub.telemetry_count(DEV1).unwrap(), 1);
}

#[tokio::test]
async fn others_are_left_alone() {
    let hub = hub();
    let id = inject(&hub, json!({"fault": "drop", "on": "telemetry", "device_id": "dev2"}));
    let mut client = TestClient::connect(&hub, "dev1").await;
    assert!(client.send(EVENTS, "one").await);
    assert_eq!(hub.wait_for_fault(id, 1, Duration::ZERO), Some(0));
    assert!(hub.remove_fault(id));
    assert!(!hub.remove_fault(id));
}

#[tokio::test]
async fn a_connection_drops_at_a_packet() {
    for (on, recorded) in [("telemetry", 0), ("puback", 1), ("received", 0), ("sent", 1)] {
        let hub = hub();
        let mut client = TestClient::connect(&hub, "dev1").await;
        inject(&hub, json!({"fault": "drop", "on": on}));
        assert!(!client.send(EVENTS, "one").await, "{on}");
        assert_eq!(hub.telemetry_count(DEV1).unwrap(), recorded, "{on}");
        assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
        assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::Dropped), "{on}");
    }
}

#[tokio::test]
async fn a_connect_is_refused_with_any_code() {
    let hub = hub();
    for (code, told) in [
        (1, ReasonCode::UnsupportedProtocolVersion),
        (2, ReasonCode::ClientIdentifierNotValid),
        (3, ReasonCode::ServerUnavailable),
        (4, ReasonCode::BadUserNameOrPassword),
        (5, ReasonCode::NotAuthorized),
    ] {
        inject(&hub, json!({"fault": "refuse", "code": code, "device_id": "dev1"}));
        let refused = TestClient::open(&hub, &Options::new(&hub, "dev1")).await.err();
        assert_eq!(refused, Some(Some(told)));
    }
    inject(&hub, json!({"fault": "drop", "on": "connect"}));
    assert_eq!(TestClient::open(&hub, &Options::new(&hub, "dev1")).await.err(), Some(None));
    TestClient::connect(&hub, "dev1").await;
}

#[tokio::test]
async fn a_connack_comes_late_or_in_half() {
    let hub = hub();
    inject(&hub, json!({"fault": "delay", "on": "connack", "seconds": 0.2}));
    let begun = Instant::now();
    let mut client = TestClient::connect(&hub, "dev1").await;
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert!(client.send(EVENTS, "one").await);
    inject(&hub, json!({"fault": "cut", "on": "connack"}));
    assert_eq!(TestClient::open(&hub, &Options::new(&hub, "dev1")).await.err(), Some(None));
}

#[tokio::test]
async fn nobody_answers() {
    let hub = hub();
    inject(&hub, json!({"fault": "silence", "on": "connect"}));
    let options = Options::new(&hub, "dev1");
    assert!(timeout(Duration::from_millis(300), TestClient::open(&hub, &options)).await.is_err());
    inject(&hub, json!({"fault": "silence", "on": "accept"}));
    let mut stream = tcp(&hub).await;
    stream.write_all(&[22, 3, 1, 0, 1, 1]).await.unwrap();
    assert!(timeout(Duration::from_millis(300), stream.read(&mut [0; 16])).await.is_err());
}

#[tokio::test]
async fn a_tcp_connection_is_closed_or_reset() {
    let hub = hub();
    inject(&hub, json!({"fault": "drop", "on": "accept"}));
    assert_eq!(tcp(&hub).await.read(&mut [0; 16]).await.unwrap(), 0);
    inject(&hub, json!({"fault": "reset"}));
    // It may come before the connection counts as open on this side.
    let reset = async {
        let address = SocketAddr::from(([127, 0, 0, 1], hub.port()));
        TcpStream::connect(address).await?.read(&mut [0; 16]).await
    };
    let reset = reset.await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    inject(&hub, json!({"fault": "delay", "on": "accept", "seconds": 0.1}));
    TestClient::connect(&hub, "dev1").await;
}

#[tokio::test]
async fn half_of_a_packet_and_the_end() {
    for (on, whole) in [("puback", 4), ("twin_answer", 80)] {
        let hub = hub();
        let mut client = subscribed(&hub, RESPONSES, QoS::AtMostOnce).await;
        inject(&hub, json!({"fault": "cut", "on": on}));
        if on == "puback" {
            client.publish(EVENTS, QoS::AtLeastOnce, "one").await;
        } else {
            client.publish(GET, QoS::AtMostOnce, "").await;
        }
        let mut rest = Vec::new();
        // A connection without close_notify ends in an error of the TLS library.
        let _ = timeout(DEADLINE, client.into_stream().read_to_end(&mut rest)).await.unwrap();
        assert!(!rest.is_empty() && rest.len() < whole, "{on}: {rest:?}");
    }
}

#[tokio::test]
async fn an_answer_comes_twice() {
    let hub = hub();
    let mut client = subscribed(&hub, RESPONSES, QoS::AtLeastOnce).await;
    inject(&hub, json!({"fault": "duplicate", "on": "twin_answer"}));
    client.publish(GET, QoS::AtMostOnce, "").await;
    let (first, second) = (client.message().await, client.message().await);
    assert_eq!(
        (&first.topic, &first.payload, first.packet_id),
        (&second.topic, &second.payload, second.packet_id)
    );
    assert_eq!((first.dup, second.dup), (false, true));
}

#[tokio::test]
async fn a_delayed_answer_holds_up_its_kind_alone() {
    let hub = hub();
    let mut client = subscribed(&hub, RESPONSES, QoS::AtMostOnce).await;
    inject(&hub, json!({"fault": "delay", "on": "twin_answer", "seconds": 0.2}));
    for id in 1..=2 {
        client.publish(&format!("$iothub/twin/GET/?$rid={id}"), QoS::AtMostOnce, "").await;
    }
    assert!(client.send(EVENTS, "meanwhile").await);
    assert_eq!(client.message().await.topic, "$iothub/twin/res/200/?$rid=1");
    assert_eq!(client.message().await.topic, "$iothub/twin/res/200/?$rid=2");
}

#[tokio::test]
async fn a_twin_request_is_refused() {
    let hub = hub();
    let mut client = subscribed(&hub, RESPONSES, QoS::AtMostOnce).await;
    inject(&hub, json!({"fault": "answer", "status": 429, "retry_after": 7, "count": 2}));
    inject(&hub, json!({"fault": "answer", "on": "twin_patch", "status": 503}));
    for _ in 0..2 {
        client.publish(GET, QoS::AtLeastOnce, "").await;
        assert_eq!(client.next().await, Some(Event::acknowledged(())));
        let answer = client.message().await;
        assert_eq!(answer.topic, "$iothub/twin/res/429/?$rid=1");
        assert_eq!((&body(&answer)["errorCode"], &body(&answer)["retryAfter"]), (&json!(429_001), &json!(7)));
    }
    let patch = "$iothub/twin/PATCH/properties/reported/?$rid=2";
    for topic in ["$iothub/twin/res/503/?$rid=2", "$iothub/twin/res/204/?$rid=2&$version=2"] {
        client.publish(patch, QoS::AtMostOnce, r#"{"a":1}"#).await;
        assert_eq!(client.message().await.topic, topic);
    }
}

#[tokio::test]
async fn somebody_else_writes_in_the_middle_of_a_patch() {
    let hub = hub();
    let mut client = subscribed(&hub, RESPONSES, QoS::AtMostOnce).await;
    client.subscribe(DESIRED, QoS::AtMostOnce).await;
    inject(&hub, json!({"fault": "change_twin", "reported": {"other": 1}, "desired": {"wanted": 1}}));
    let patch = "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=1";
    client.publish(patch, QoS::AtMostOnce, r#"{"a":1}"#).await;
    let mut seen = [client.message().await.topic, client.message().await.topic];
    seen.sort();
    assert_eq!(seen, ["$iothub/twin/PATCH/properties/desired/?$version=2", "$iothub/twin/res/412/?$rid=1"]);
    assert_eq!(hub.twin("dev1").unwrap()["properties"]["reported"]["other"], 1);
}

#[tokio::test]
async fn a_silent_hub_neither_reads_nor_writes_until_it_is_over() {
    let hub = hub();
    let mut client = subscribed(&hub, DESIRED, QoS::AtMostOnce).await;
    inject(&hub, json!({"fault": "silence", "seconds": 0.3, "device_id": "dev1"}));
    let begun = Instant::now();
    hub.patch_desired("dev1", &json!({"a": 1})).unwrap();
    client.publish(EVENTS, QoS::AtLeastOnce, "one").await;
    client.message().await;
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    assert_eq!(client.next().await, Some(Event::acknowledged(())));
}

#[tokio::test]
async fn a_half_open_connection_is_taken_over() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    inject(&hub, json!({"fault": "silence", "on": "telemetry"}));
    client.publish(EVENTS, QoS::AtLeastOnce, "one").await;
    assert!(timeout(Duration::from_millis(200), client.next()).await.is_err());
    let mut second = TestClient::connect(&hub, "dev1").await;
    assert!(client.is_closed().await);
    assert!(second.send(EVENTS, "two").await);
    assert_eq!(hub.telemetry_count(DEV1).unwrap(), 1);
}

#[tokio::test]
async fn a_hub_that_does_not_read_forgives_the_silence() {
    let hub = hub();
    let mut options = Options::new(&hub, "dev1");
    options.connect.keep_alive = 1;
    let mut client = TestClient::open(&hub, &options).await.unwrap();
    inject(&hub, json!({"fault": "delay", "on": "telemetry", "seconds": 2.0}));
    let begun = Instant::now();
    // Longer than one and a half keep-alives.
    assert!(client.send(EVENTS, "one").await);
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn garbage_in_place_of_a_packet() {
    for rule in [json!({"fault": "corrupt", "on": "puback"}), json!({"fault": "corrupt", "on": "now"})] {
        let hub = hub();
        let mut client = TestClient::connect(&hub, "dev1").await;
        inject(&hub, rule);
        client.publish(EVENTS, QoS::AtLeastOnce, "one").await;
        let mut first = [0];
        let mut stream = client.into_stream();
        timeout(DEADLINE, stream.read_exact(&mut first)).await.unwrap().unwrap();
        assert_eq!(first[0] >> 4, 15);
    }
}

#[tokio::test]
async fn a_connection_ends_at_once() {
    for (fault, reason) in [
        ("drop", CloseReason::Dropped),
        ("shut_down", CloseReason::Dropped),
        ("expire_token", CloseReason::TokenExpired),
        ("take_over", CloseReason::TakenOver),
    ] {
        let hub = hub();
        let client = TestClient::connect(&hub, "dev1").await;
        let id = inject(&hub, json!({"fault": fault}));
        assert_eq!(hub.wait_for_fault(id, 1, Duration::ZERO), Some(1), "one connection was hit");
        let mut rest = Vec::new();
        let ended = timeout(DEADLINE, client.into_stream().read_to_end(&mut rest)).await.unwrap();
        // An orderly end sends close_notify; the others do not.
        assert_eq!(ended.is_ok(), fault == "shut_down", "{fault}");
        assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
        assert_eq!(hub.last_close("dev1").unwrap(), Some(reason));
    }
}

#[tokio::test]
async fn a_rule_begins_in_the_middle_of_a_packet_that_is_under_way() {
    let mut config = HubConfig::default();
    config.limits.close_at = 64 << 20;
    let hub = start(config);
    let mut client = subscribed(&hub, DESIRED, QoS::AtMostOnce).await;
    // More than the system's buffers take: what waits begins in mid-packet when the rule is set.
    let text = "x".repeat(4000);
    let large = json!({"a": text, "b": text, "c": text, "d": text, "e": text, "f": text, "g": text});
    for _ in 0..500 {
        hub.patch_desired("dev1", &large).unwrap();
    }
    let id = inject(&hub, json!({"fault": "lose", "on": "sent", "count": 3}));
    for number in 1..=4 {
        hub.patch_desired("dev1", &json!({"number": number})).unwrap();
    }
    // Every packet that comes is whole, to the last.
    let mut whole = 0;
    let last = loop {
        let message = body(&client.message().await);
        match message["number"].as_u64() {
            None => whole += 1,
            Some(number) => break number,
        }
    };
    assert_eq!(hub.wait_for_fault(id, 3, DEADLINE), Some(3));
    // Which three were lost depends on how far the socket was.
    assert!((497..=500).contains(&whole) && last <= 4, "{whole} and {last}");
}

#[tokio::test]
async fn a_schedule_does_what_it_planned() {
    let hub = hub();
    let json = json!({"seed": 5, "duration": 0.4, "faults": [
        {"fault": "corrupt", "on": "now", "device_id": "dev1", "every": 0.05},
        {"fault": "lose", "on": "puback", "probability": 1.0, "count": 1},
    ]});
    let plan = hub.start_fault_schedule(&Schedule::from_json(json.clone()).unwrap()).unwrap();
    assert_eq!(plan, Schedule::from_json(json).unwrap().plan().unwrap());
    let begun = Instant::now();
    while hub.faults().len() < plan.len() {
        assert!(begun.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(begun.elapsed() >= plan.last().unwrap().at);
}

#[tokio::test]
async fn the_properties_of_the_sdks_tests() {
    let hub = hub();
    let ask = |kind: &str, duration: &str| {
        format!(
            "{EVENTS}AzIoTHub_FaultOperationType={kind}&AzIoTHub_FaultOperationCloseReason=boom\
             &AzIoTHub_FaultOperationDelayInSecs=0&AzIoTHub_FaultOperationDurationInSecs={duration}"
        )
    };
    for kind in ["KillTcp", "ShutDownMqtt"] {
        let mut client = TestClient::connect(&hub, "dev1").await;
        assert!(client.send(&ask(kind, "1"), "").await, "{kind}: acknowledged first");
        assert!(client.is_closed().await, "{kind}");
    }
    let mut client = TestClient::connect(&hub, "dev1").await;
    for kind in ["KillAmqpConnection", "KillTcp2", ""] {
        assert!(client.send(&ask(kind, "1"), "").await);
    }
    assert!(client.send(EVENTS, "still there").await);
    assert!(client.send(&ask("InvokeAuthError", "1"), "").await);
    assert!(client.is_closed().await);
    let refused = TestClient::open(&hub, &Options::new(&hub, "dev1")).await.err();
    assert_eq!(refused, Some(Some(ReasonCode::NotAuthorized)));
    TestClient::connect(&hub, "dev2").await;
    let begun = Instant::now();
    let mut client = loop {
        match TestClient::open(&hub, &Options::new(&hub, "dev1")).await {
            Ok(client) => break client,
            Err(_) => assert!(begun.elapsed() < DEADLINE),
        }
    };
    client.subscribe(RESPONSES, QoS::AtMostOnce).await;
    assert!(client.send(&ask("InvokeThrottling", "00%3A00%3A01"), "").await);
    client.publish(GET, QoS::AtMostOnce, "").await;
    assert_eq!(client.message().await.topic, "$iothub/twin/res/429/?$rid=1");
    let begun = Instant::now();
    assert!(client.send(EVENTS, "slow").await);
    assert!(begun.elapsed() > Duration::from_millis(500));
    assert!(client.send(&ask("InvokeMaxMessageQuota", "60"), "").await);
    assert!(!client.send(EVENTS, "too much").await);
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    let refused = matches!(hub.last_close("dev1").unwrap(), Some(CloseReason::Throttled(_)));
    assert!(refused, "{:?}", hub.last_close("dev1"));
    let asked = hub.fired_faults(0).into_iter().filter(|fired| fired.rule == 0).count();
    assert_eq!(asked, 5);
}

#[tokio::test]
async fn without_rules_nothing_is_disturbed() {
    let hub = hub();
    let id = inject(&hub, json!({"fault": "lose", "on": "cloud_message", "lasting": 0.05}));
    let mut client = TestClient::connect(&hub, "dev1").await;
    for _ in 0..50 {
        assert!(client.send(EVENTS, "x").await);
    }
    drop(tls(&hub).await);
    assert_eq!(hub.wait_for_fault(id, 1, Duration::from_millis(100)), Some(0));
    assert_eq!(hub.wait_for_fault(9999, 1, DEADLINE), None);
}

#[tokio::test]
async fn a_message_whose_acknowledgement_is_lost_is_sent_again_in_the_next_connection() {
    for fault in ["lose", "drop", "delay", "silence", "take_over"] {
        let hub = hub();
        let options = Options::new(&hub, "dev1").persistent();
        let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
        client.subscribe("devices/dev1/messages/devicebound/#", QoS::AtLeastOnce).await;
        for body in ["a", "b"] {
            hub.send_c2d("dev1", Bytes::from(body), MessageProperties::default()).unwrap();
        }
        let mut rule = json!({"fault": fault, "on": "acknowledgement"});
        if fault == "delay" {
            rule["seconds"] = json!(60);
        }
        let id = inject(&hub, rule);
        let (first, second) = (client.message().await, client.message().await);
        client.acknowledge(&first).await;
        assert_eq!(hub.wait_for_fault(id, 1, DEADLINE), Some(1));
        assert_eq!(hub.pending_c2d("dev1").unwrap(), 2, "{fault}");
        hub.disconnect("dev1").unwrap();
        let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
        for old in [first, second] {
            let again = client.message().await;
            assert_eq!(
                (again.packet_id, again.dup, &again.payload),
                (old.packet_id, true, &old.payload),
                "{fault}"
            );
            client.acknowledge(&again).await;
        }
        assert!(client.send(EVENTS, "x").await);
        assert_eq!(hub.pending_c2d("dev1").unwrap(), 0, "{fault}");
    }
}

/// Clients give up and come again: those that a hub does not answer must not use up the places for all that are new.
#[tokio::test]
async fn a_client_that_stops_waiting_leaves_its_place() {
    for rule in [
        json!({"fault": "silence", "on": "accept", "count": 3}),
        json!({"fault": "silence", "on": "connect", "count": 3}),
        json!({"fault": "delay", "on": "connect", "seconds": 600, "count": 3}),
    ] {
        let mut config = HubConfig::default();
        config.limits.unauthenticated = 1;
        let hub = start(config);
        let id = inject(&hub, rule);
        let (options, begun) = (Options::new(&hub, "dev1"), Instant::now());
        while hub.wait_for_fault(id, 3, Duration::ZERO) != Some(3) {
            assert!(begun.elapsed() < DEADLINE);
            let _ = timeout(Duration::from_millis(200), TestClient::open(&hub, &options)).await;
        }
        TestClient::connect(&hub, "dev1").await;
    }
}

#[tokio::test]
async fn a_silent_connection_can_be_ended_and_its_commands_wait_in_order() {
    let hub = hub();
    for (fault, reason) in [
        ("drop", CloseReason::Dropped),
        ("shut_down", CloseReason::Dropped),
        ("expire_token", CloseReason::TokenExpired),
        ("take_over", CloseReason::TakenOver),
    ] {
        let mut client = TestClient::connect(&hub, "dev1").await;
        inject(&hub, json!({"fault": "silence", "device_id": "dev1"}));
        inject(&hub, json!({"fault": fault, "device_id": "dev1"}));
        assert!(client.is_closed().await, "{fault}");
        assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
        assert_eq!(hub.last_close("dev1").unwrap(), Some(reason), "{fault}");
    }
    let mut client = subscribed(&hub, DESIRED, QoS::AtMostOnce).await;
    inject(&hub, json!({"fault": "silence", "seconds": 0.3, "device_id": "dev1"}));
    // A shorter one does not end it.
    inject(&hub, json!({"fault": "silence", "seconds": 0, "device_id": "dev1"}));
    let begun = Instant::now();
    for version in 1..=3 {
        hub.patch_desired("dev1", &json!({"a": version})).unwrap();
    }
    for version in 1..=3 {
        assert_eq!(body(&client.message().await)["a"], version);
    }
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    // More than wait for any connection.
    inject(&hub, json!({"fault": "silence", "device_id": "dev1"}));
    for version in 0..10_000 {
        hub.patch_desired("dev1", &json!({"a": version})).unwrap();
    }
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::NotReading));
}

#[tokio::test]
async fn a_device_that_asks_for_faults_without_end_leaves_room_for_others() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    for kind in ["KillTcp", "InvokeMaxMessageQuota", "InvokeAuthError"] {
        let topic = format!(
            "{EVENTS}AzIoTHub_FaultOperationType={kind}&AzIoTHub_FaultOperationDelayInSecs=3000\
             &AzIoTHub_FaultOperationDurationInSecs=3000"
        );
        for _ in 0..1100 {
            client.publish(&topic, QoS::AtMostOnce, "").await;
        }
    }
    assert!(client.send(EVENTS, "after them").await);
    inject(&hub, json!({"fault": "lose", "on": "puback"}));
    // Rules for the quota and for CONNECT, one to drop the connection that is planned, and the one of the test.
    assert_eq!(hub.clear_faults(), 4);
    assert!(client.send(EVENTS, "undisturbed").await);
}
