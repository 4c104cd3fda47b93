//! The limits of a tier, as devices and services see them.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::faults::Rule;
use crate::tests::support::client::{DEADLINE, Options, TestClient, https, start};
use crate::tests::support::http::{Http, VERSION, policy_token};
use crate::throttle::{Throttling, Tier};
use crate::{CloseReason, Hub, HubConfig};
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, Publish, QoS, Version, codec};

const EVENTS: &str = "devices/dev1/messages/events/";
const STATISTICS: &str = "GET /statistics/devices";
const RESPONSES: &str = "$iothub/twin/res/#";

fn hub(throttling: Throttling) -> Hub {
    start(HubConfig { throttling, ..HubConfig::default() })
}

fn throttled(tier: Tier, patience: Duration) -> Hub {
    hub(Throttling { tier, enabled: true, burst: Duration::ZERO, patience, ..Throttling::default() })
}

/// A request of the hub's owner; the head and the body of its answer, or nothing where the connection closed.
async fn ask(hub: &Hub, request: &str) -> (String, String) {
    let (method, path) = request.split_once(' ').unwrap();
    let headers = format!("Authorization: {}\r\n", policy_token(hub, "iothubowner"));
    let target = format!("{path}?{VERSION}");
    let answer = Http::connect(hub).await.send(method, &target, &headers, b"").await;
    answer.map(|answer| (answer.head, String::from_utf8(answer.body).unwrap())).unwrap_or_default()
}

#[tokio::test]
async fn telemetry_over_the_rate_waits() {
    let hub = throttled(Tier::S1, Duration::from_secs(60));
    let mut client = TestClient::connect(&hub, "dev1").await;
    let begun = Instant::now();
    for _ in 0..30 {
        client.publish(EVENTS, QoS::AtLeastOnce, "x").await;
    }
    for _ in 0..30 {
        assert_eq!(client.next().await, Some(Event::acknowledged(())));
    }
    // A hundred a second.
    assert!(begun.elapsed() > Duration::from_millis(280), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn telemetry_that_is_over_the_rate_for_too_long_ends_the_connection() {
    let hub = throttled(Tier::S1, Duration::from_millis(200));
    let mut client = TestClient::connect(&hub, "dev1").await;
    let begun = Instant::now();
    for _ in 0..100 {
        client.queue(EVENTS, QoS::AtMostOnce, "x");
    }
    client.flush().await;
    assert!(client.is_closed().await);
    assert!(begun.elapsed() > Duration::from_millis(200));
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert!(matches!(hub.last_close("dev1").unwrap(), Some(CloseReason::Throttled(_))));
}

#[tokio::test]
async fn connections_over_the_rate_wait() {
    let hub = throttled(Tier::S1, Duration::from_secs(60));
    let begun = Instant::now();
    for _ in 0..10 {
        TestClient::connect(&hub, "dev1").await;
    }
    assert!(begun.elapsed() > Duration::from_millis(80));
    let impatient = throttled(Tier::S1, Duration::ZERO);
    TestClient::connect(&impatient, "dev1").await;
    let mut refused = 0;
    for _ in 0..50 {
        let options = Options::new(&impatient, "dev2");
        let both =
            tokio::join!(TestClient::open(&impatient, &options), TestClient::open(&impatient, &options));
        refused += usize::from(both.0.is_err()) + usize::from(both.1.is_err());
        if refused > 0 {
            return;
        }
    }
    panic!("a hundred connections at once were taken");
}

#[tokio::test]
async fn twin_requests_over_the_rate_are_answered_429() {
    let hub = throttled(Tier::S1, Duration::from_secs(60));
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe(RESPONSES, QoS::AtMostOnce).await;
    let ids = 0..20;
    for id in ids.clone() {
        client.queue(&format!("$iothub/twin/PATCH/properties/reported/?$rid={id}"), QoS::AtMostOnce, "{}");
    }
    client.flush().await;
    let mut statuses = Vec::new();
    for _ in ids {
        let answer = client.message().await;
        let status = answer.topic.split('/').nth(3).unwrap().to_owned();
        if status == "429" {
            let body: Value = serde_json::from_slice(&answer.payload).unwrap();
            assert_eq!((&body["errorCode"], &body["retryAfter"]), (&json!(429_001), &json!(1)));
        }
        statuses.push(status);
    }
    // Ten a second; a busy hub may take more than a tenth of a second for one.
    assert_eq!(statuses[0], "204");
    assert!(statuses.iter().any(|status| status == "429"), "{statuses:?}");
    assert!(statuses.iter().all(|status| status == "204" || status == "429"), "{statuses:?}");
}

#[tokio::test]
async fn the_messages_of_the_day_are_used_up() {
    // 8,000 messages of half a kilobyte.
    let hub = hub(Throttling { tier: Tier::F1, enabled: true, ..Throttling::default() });
    let mut client = TestClient::connect(&hub, "dev1").await;
    for _ in 0..20 {
        assert!(client.send(EVENTS, vec![b'x'; 200_000]).await);
    }
    assert!(!client.send(EVENTS, vec![b'x'; 200_000]).await);
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    let words = hub.last_close("dev1").unwrap().unwrap().to_string();
    assert_eq!(words, "the hub's messages of the day are used up (403002)");
}

#[tokio::test]
async fn a_basic_hub_has_no_twins() {
    let hub = hub(Throttling { tier: Tier::B1, ..Throttling::default() });
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe(RESPONSES, QoS::AtMostOnce).await;
    client.publish("$iothub/twin/GET/?$rid=1", QoS::AtMostOnce, "").await;
    let answer = client.message().await;
    assert_eq!(answer.topic, "$iothub/twin/res/403/?$rid=1");
    assert!(String::from_utf8_lossy(&answer.payload).contains("403010"));
    assert!(client.send(EVENTS, "x").await);
    let (head, body) = ask(&hub, "POST /twins/dev1/methods").await;
    assert!(
        head.starts_with("HTTP/1.1 403") && head.contains("OperationNotAvailableInCurrentTier"),
        "{head}"
    );
    assert!(!body.is_empty());
    for request in ["POST /devices/query", "GET /jobs/v2/query", "PUT /jobs/v2/j", "GET /configurations"] {
        let (head, _) = ask(&hub, request).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{request}: {head}");
        assert!(head.contains("OperationNotAvailableInCurrentTier"), "{request}: {head}");
    }
    assert!(ask(&hub, STATISTICS).await.0.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn requests_over_the_rate_wait_then_are_refused() {
    let hub = throttled(Tier::S1, Duration::from_millis(700));
    // 100 a minute: the second one's turn comes after 0.6 s, the third one's after the patience.
    let answers = async { (ask(&hub, STATISTICS).await, ask(&hub, STATISTICS).await) };
    let begun = Instant::now();
    let (first, second) = answers.await;
    assert!(first.0.starts_with("HTTP/1.1 200") && second.0.starts_with("HTTP/1.1 200"), "{second:?}");
    assert!(begun.elapsed() > Duration::from_millis(500), "{:?}", begun.elapsed());
    let (one, other, third) =
        tokio::join!(ask(&hub, STATISTICS), ask(&hub, STATISTICS), ask(&hub, STATISTICS));
    let refused: Vec<_> =
        [one, other, third].into_iter().filter(|(head, _)| head.starts_with("HTTP/1.1 429")).collect();
    assert!(!refused.is_empty());
    for (head, body) in refused {
        assert!(head.contains("iothub-errorcode: ThrottlingBacklogTimeout"), "{head}");
        assert!(head.contains("connection: close") && !head.contains("retry-after"), "{head}");
        assert!(body.contains("0.7 s") && body.contains("RegistryRead"), "{body}");
    }
}

#[tokio::test]
async fn faults_of_requests() {
    let hub = hub(Throttling::default());
    let inject = |rule| hub.inject_fault(Rule::from_json(rule).unwrap()).unwrap();
    inject(
        json!({"fault": "answer", "on": "request", "status": 503, "retry_after": 9, "path": "/statistics", "count": 2}),
    );
    for _ in 0..2 {
        let (head, _) = ask(&hub, STATISTICS).await;
        assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 9"), "{head}");
    }
    assert!(ask(&hub, STATISTICS).await.0.starts_with("HTTP/1.1 200"));
    for fault in ["drop", "lose"] {
        inject(json!({"fault": fault, "on": "request", "method": "get"}));
        assert_eq!(ask(&hub, STATISTICS).await, (String::new(), String::new()), "{fault}");
    }
    inject(json!({"fault": "delay", "on": "request", "seconds": 0.2}));
    let begun = Instant::now();
    assert!(ask(&hub, STATISTICS).await.0.starts_with("HTTP/1.1 200"));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    inject(json!({"fault": "quota_exceeded", "device_id": "dev1", "lasting": 60}));
    let (head, _) = ask(&hub, "POST /devices/dev1/messages/events").await;
    assert!(head.starts_with("HTTP/1.1 403") && head.contains("IotHubQuotaExceeded"), "{head}");
    hub.clear_faults();
    inject(json!({"fault": "throttle", "device_id": "dev1", "lasting": 60}));
    assert!(ask(&hub, "GET /twins/dev1").await.0.starts_with("HTTP/1.1 429"));
    assert!(!ask(&hub, "GET /twins/dev2").await.0.starts_with("HTTP/1.1 429"));
}

#[tokio::test]
async fn the_pings_of_a_client_over_its_rate_are_answered() {
    let hub = hub(Throttling::default());
    let client = TestClient::connect(&hub, "dev1").await;
    hub.inject_fault(Rule::from_json(json!({"fault": "throttle", "lasting": 1.0})).unwrap()).unwrap();
    let (begun, mut stream) = (Instant::now(), client.into_stream());
    let mut message = BytesMut::new();
    for id in 1..=2 {
        let mut publish = Publish::new(EVENTS, QoS::AtLeastOnce, "x");
        publish.packet_id = id;
        codec::encode(&Packet::Publish(publish), Version::Mqtt311, &mut message, MAX_PACKET_SIZE).unwrap();
        message.extend_from_slice(&[0xc0, 0]);
    }
    // One in the middle of what is read at once, one behind it, and one that comes in two halves.
    for part in [&message[..], &[0xc0], &[0]] {
        stream.write_all(part).await.unwrap();
        stream.flush().await.unwrap();
    }
    let mut answer = [0; 6];
    timeout(DEADLINE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, [0xd0, 0, 0xd0, 0, 0xd0, 0]);
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    let mut acknowledged = [0; 8];
    timeout(DEADLINE, stream.read_exact(&mut acknowledged)).await.unwrap().unwrap();
    assert_eq!(acknowledged, [0x40, 2, 0, 1, 0x40, 2, 0, 2]);
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_a_client_over_its_rate_sent_before_disconnect_counts() {
    let hub = throttled(Tier::S1, Duration::from_secs(60));
    let mut client = TestClient::connect(&hub, "dev1").await;
    for _ in 0..20 {
        client.publish(EVENTS, QoS::AtMostOnce, "x").await;
    }
    client.disconnect().await;
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::Disconnect));
    assert_eq!(hub.telemetry_count(None).unwrap(), 20);
}

#[tokio::test]
async fn a_stranger_uses_up_no_messages_of_the_day() {
    let hub = hub(Throttling { tier: Tier::F1, enabled: true, ..Throttling::default() });
    let mut stream = https(&hub).await;
    // All of them, if it were let in.
    let request = format!(
        "POST /devices/dev1/messages/events?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: none\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        8000 * 512
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(DEADLINE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    let mut client = TestClient::connect(&hub, "dev1").await;
    assert!(client.send(EVENTS, "x").await);
}
