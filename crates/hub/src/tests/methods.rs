//! Direct methods: calls, answers, and callers who get none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::tests::support::client::{DEADLINE, Options, TestClient, hub};
use crate::{CloseReason, Hub, HubError, MethodResult};
use azmqtt_mqtt::{Publish, QoS};

const METHODS: &str = "$iothub/methods/POST/#";
const NEVER: Duration = Duration::ZERO;

async fn subscribed(hub: &Hub) -> TestClient {
    let mut client = TestClient::connect(hub, "dev1").await;
    client.subscribe(METHODS, QoS::AtLeastOnce).await.unwrap();
    client
}

type Called = JoinHandle<Result<MethodResult, HubError>>;

/// Calls a method on a thread of its own.
fn invoke(hub: &Arc<Hub>, name: &'static str, payload: Value, connect_timeout: Duration) -> Called {
    let hub = hub.clone();
    spawn_blocking(move || hub.invoke_method("dev1", name, &payload, DEADLINE, connect_timeout))
}

async fn respond(client: &mut TestClient, status: &str, request_id: &str, body: impl Into<bytes::Bytes>) {
    let topic = format!("$iothub/methods/res/{status}/?$rid={request_id}");
    client.publish(&topic, QoS::AtMostOnce, body).await;
}

fn code(outcome: Result<MethodResult, HubError>) -> u32 {
    match outcome {
        Err(HubError::Method(error)) => error.error_code.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn request_id(publish: &Publish) -> String {
    publish.topic.split_once("$rid=").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_call_reaches_the_device_and_its_answer_the_caller() {
    let hub = Arc::new(hub());
    let mut client = subscribed(&hub).await;
    let called = invoke(&hub, "reboot", json!({"delay": 5}), NEVER);
    let request = client.message().await;
    assert_eq!(request.topic, "$iothub/methods/POST/reboot/?$rid=1");
    assert_eq!((&request.payload[..], request.qos), (&br#"{"delay":5}"#[..], QoS::AtMostOnce));
    respond(&mut client, "-3", "1", "[1,2]").await;
    assert_eq!(called.await.unwrap().unwrap(), MethodResult { status: -3, payload: "[1,2]".into() });
}

#[tokio::test]
async fn request_ids_count_in_hexadecimal_from_1_on_each_connection() {
    let hub = Arc::new(hub());
    for _ in 0..2 {
        let mut client = subscribed(&hub).await;
        for number in 1..=17 {
            let called = invoke(&hub, "x", Value::Null, NEVER);
            let id = request_id(&client.message().await);
            assert_eq!(id, format!("{number:x}"));
            respond(&mut client, "200", &id, "").await;
            assert!(called.await.unwrap().unwrap().payload.is_empty());
        }
        client.disconnect().await;
    }
}

#[tokio::test]
async fn answers_find_their_own_callers_and_others_are_ignored() {
    let hub = Arc::new(hub());
    let mut client = subscribed(&hub).await;
    let first = invoke(&hub, "first", Value::Null, NEVER);
    let first_id = request_id(&client.message().await);
    let second = invoke(&hub, "second", Value::Null, NEVER);
    let second_id = request_id(&client.message().await);
    respond(&mut client, "1", "ffff", "\"nobody\"").await;
    respond(&mut client, "2", &second_id, "\"second\"").await;
    respond(&mut client, "9", &second_id, "\"again\"").await;
    assert_eq!(second.await.unwrap().unwrap().payload, "\"second\"");
    respond(&mut client, "1", &first_id, "\"first\"").await;
    assert_eq!(first.await.unwrap().unwrap().payload, "\"first\"");
}

#[tokio::test]
async fn a_device_that_is_not_there_or_does_not_listen() {
    let hub = Arc::new(hub());
    let text = match hub.invoke_method("dev1", "x", &Value::Null, DEADLINE, NEVER) {
        Err(HubError::Method(error)) => (error.status, error.error_code, error.message),
        other => panic!("{other:?}"),
    };
    let (404, Some(404_103), message) = text else { panic!("{text:?}") };
    assert!(
        message.starts_with("The operation failed because the requested device isn't online."),
        "{message}"
    );
    let mut client = TestClient::connect(&hub, "dev1").await;
    assert_eq!(code(invoke(&hub, "x", Value::Null, NEVER).await.unwrap()), 404_103);
    client.subscribe(METHODS, QoS::AtMostOnce).await.unwrap();
    assert!(client.unsubscribe(METHODS).await);
    let started = Instant::now();
    let short = Duration::from_millis(50);
    assert_eq!(code(invoke(&hub, "x", Value::Null, short).await.unwrap()), 404_103);
    assert!(started.elapsed() >= short);
    client.disconnect().await;
    // The service has no methods for a client that names no api-version.
    let options = Options::new(&hub, "dev1").username("localhost/dev1/");
    let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    client.subscribe(METHODS, QoS::AtMostOnce).await.unwrap();
    assert_eq!(code(invoke(&hub, "x", Value::Null, NEVER).await.unwrap()), 404_103);
}

#[tokio::test]
async fn a_call_waits_for_the_device_to_connect_and_subscribe() {
    let hub = Arc::new(hub());
    let called = invoke(&hub, "x", Value::Null, DEADLINE);
    let mut client = subscribed(&hub).await;
    let id = request_id(&client.message().await);
    respond(&mut client, "200", &id, "").await;
    assert_eq!(called.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_subscription_of_an_earlier_connection_counts() {
    let hub = Arc::new(hub());
    let options = Options::new(&hub, "dev1").persistent();
    let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    client.subscribe(METHODS, QoS::AtMostOnce).await.unwrap();
    client.disconnect().await;
    let mut client = TestClient::open(&hub, &options).await.unwrap_or_else(|_| panic!("accepted"));
    let called = invoke(&hub, "x", Value::Null, DEADLINE);
    let id = request_id(&client.message().await);
    respond(&mut client, "200", &id, "").await;
    assert_eq!(called.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn no_answer_in_time_and_a_late_one() {
    let hub = Arc::new(hub());
    let mut client = subscribed(&hub).await;
    let (same_hub, short) = (hub.clone(), Duration::from_millis(50));
    let called = spawn_blocking(move || same_hub.invoke_method("dev1", "x", &Value::Null, short, NEVER));
    let id = request_id(&client.message().await);
    match called.await.unwrap() {
        Err(HubError::Method(error)) => {
            assert_eq!((error.status, error.error_code), (504, Some(504_101)));
            assert_eq!(error.message, "Timed out waiting for the response from device.");
        }
        other => panic!("{other:?}"),
    }
    respond(&mut client, "200", &id, "\"late\"").await;
    let called = invoke(&hub, "x", Value::Null, NEVER);
    let id = request_id(&client.message().await);
    respond(&mut client, "201", &id, "").await;
    assert_eq!(called.await.unwrap().unwrap().status, 201);
}

#[tokio::test]
async fn the_end_of_the_connection_ends_the_call() {
    let hub = Arc::new(hub());
    let mut client = subscribed(&hub).await;
    let called = invoke(&hub, "x", Value::Null, NEVER);
    client.message().await;
    client.disconnect().await;
    assert_eq!(code(called.await.unwrap()), 404_104);

    let mut client = subscribed(&hub).await;
    let called = invoke(&hub, "x", Value::Null, NEVER);
    client.message().await;
    let _newer = subscribed(&hub).await;
    assert_eq!(code(called.await.unwrap()), 400_027);

    let called = invoke(&hub, "x", Value::Null, NEVER);
    hub.wait_for_connection("dev1", true, DEADLINE).unwrap();
    let stopping = hub.clone();
    spawn_blocking(move || stopping.stop()).await.unwrap();
    assert!(called.await.unwrap().is_err());
}

#[tokio::test]
async fn sizes_and_names() {
    let hub = Arc::new(hub());
    let mut client = subscribed(&hub).await;
    let largest = json!("x".repeat(128 * 1024 - 2));
    let called = invoke(&hub, "x", largest.clone(), NEVER);
    assert_eq!(client.message().await.payload.len(), 128 * 1024);
    respond(&mut client, "200", "1", largest.to_string()).await;
    assert_eq!(called.await.unwrap().unwrap().payload.len(), 128 * 1024);
    let begin =
        |id, name, body: &[u8]| hub.begin_method(id, name, body, DEADLINE, NEVER).err().unwrap().to_string();
    assert!(begin("dev1", "x", &vec![b'1'; 128 * 1024 + 1]).contains("131072"));
    assert!(begin("dev1", "x", b"{").contains("not JSON"));
    assert!(begin("dev1", "a/b", b"").contains("method name"));
    assert!(begin("nobody", "x", b"").contains("the device nobody does not exist"));
    // The device side of the limit: the service closes the connection over it.
    respond(&mut client, "200", "2", vec![b'1'; 128 * 1024 + 1]).await;
    assert!(client.is_closed().await);
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    let reason = hub.last_close("dev1").unwrap().unwrap();
    assert!(matches!(&reason, CloseReason::Forbidden(what) if what.contains("131,072")), "{reason}");
}
