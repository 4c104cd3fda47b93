//! JSON keeps the order of its keys and the text of its numbers, whichever way it goes through the hub.

use serde_json::{Value, json};

use crate::Hub;
use crate::tests::storage::state::Dir;
use crate::tests::support::client::{TestClient, hub};
use crate::tests::support::http::{self, Http, VERSION, policy_token};
use azmqtt_mqtt::QoS;

/// In no alphabetical order, and with numbers that change when they are read as doubles. Where the hub reads a document,
/// exponents get a small `e` and their sign.
const TEXT: &str = r#"{"z":4.20,"a":1e+2,"m":{"y":-0.0,"b":[1.10,2e-1]},"k":4503599627370495}"#;
const HUGE: &str = r#"{"n":123456789012345678901234567890,"a":1.000,"f":1e+999}"#;

async fn connected(hub: &Hub) -> TestClient {
    let mut client = TestClient::connect(hub, "dev1").await;
    for filter in ["$iothub/methods/POST/#", "$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#"]
    {
        client.subscribe(filter, QoS::AtMostOnce).await.unwrap();
    }
    client
}

/// The status and the body of a request as it stands.
async fn ask(hub: &Hub, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
    let headers = format!("Authorization: {}\r\n", policy_token(hub, "iothubowner"));
    let mut http = Http::connect(hub).await;
    let answer = http.send(method, &format!("{path}?{VERSION}"), &headers, body.as_bytes()).await.unwrap();
    (answer.status, answer.body)
}

fn has(body: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(body).contains(text)
}

#[tokio::test]
async fn a_method_s_payloads_are_passed_on_as_they_are_written() {
    let hub = hub();
    let mut client = connected(&hub).await;
    let answers: [&[u8]; 6] = [
        br#"{"z":4.20,"a":1e2,"b":[1E2,-0]}"#,
        HUGE.as_bytes(),
        b" { \"spaced\" : [ 1 , 2 ] } ",
        // What is not JSON is as visible as on the service.
        b"{'filename': 'logs.zip'}",
        b"Some Response Message",
        b"\xff\xfe{\x00",
    ];
    for (number, body) in answers.into_iter().enumerate() {
        let rid = format!("{:x}", number + 1);
        let payload = if number % 2 == 0 { r#"{"foo": 41, "bar": 4.20, "baz": 1e2}"# } else { HUGE };
        let request = format!(r#"{{"payload": {payload} , "methodName":"m","responseTimeoutInSeconds":10}}"#);
        let device = async {
            let call = client.message().await;
            assert_eq!(call.payload, payload);
            client.publish(&format!("$iothub/methods/res/200/?$rid={rid}"), QoS::AtMostOnce, body).await;
        };
        let ((status, answer), ()) = tokio::join!(ask(&hub, "POST", "/twins/dev1/methods", &request), device);
        let expected = [br#"{"status":200,"payload":"#, body, b"}"].concat();
        assert_eq!((status, answer), (200, expected), "{}", String::from_utf8_lossy(body));
    }
}

#[tokio::test]
async fn jobs_keep_what_a_method_answered() {
    let hub = hub();
    let mut client = connected(&hub).await;
    for (number, (body, shown)) in
        [(HUGE, format!(r#""payload":{HUGE}"#)), ("no JSON", r#""payload":"no JSON""#.to_owned())]
            .into_iter()
            .enumerate()
    {
        let id = format!("j{number}");
        let job = format!(
            r#"{{"jobId":"{id}","type":"scheduleDeviceMethod","queryCondition":"deviceId = 'dev1'",
                "cloudToDeviceMethod":{{"methodName":"m","payload":{HUGE}}}}}"#
        );
        assert_eq!(ask(&hub, "PUT", &format!("/jobs/v2/{id}"), &job).await.0, 200);
        let call = client.message().await;
        assert_eq!(call.payload, HUGE);
        let topic = format!("$iothub/methods/res/200/?$rid={:x}", number + 1);
        client.publish(&topic, QoS::AtMostOnce, body).await;
        loop {
            let job = http::ask(&hub, "GET", &format!("/jobs/v2/{id}"), &Value::Null).await.json();
            if job["status"] == "completed" {
                break;
            }
            tokio::task::yield_now().await;
        }
        let query = format!("SELECT * FROM devices.jobs WHERE jobId = '{id}'");
        let page = hub.query(&query, None, None).unwrap().body;
        assert!(page.contains(&shown), "{page}");
    }
}

#[tokio::test]
async fn twins_keep_order_and_numbers_over_every_way_and_a_restart() {
    let dir = Dir::new();
    let inner = &TEXT[1..TEXT.len() - 1];
    let desired = format!(r#""desired":{{{inner}"#);
    let reported = format!(r#""reported":{{{inner}"#);
    let tags = format!(r#""tags":{TEXT}"#);
    {
        let hub = dir.hub().unwrap();
        hub.create_device("dev1", None).unwrap();
        let mut client = connected(&hub).await;
        let patch = format!(r#"{{"properties":{{"desired":{TEXT}}},"tags":{TEXT}}}"#);
        let (status, body) = ask(&hub, "PATCH", "/twins/dev1", &patch).await;
        assert!(
            status == 200 && has(&body, &desired) && has(&body, &tags),
            "{}",
            String::from_utf8_lossy(&body)
        );
        assert_eq!(client.message().await.payload, format!(r#"{{{inner},"$version":2}}"#));

        client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", QoS::AtMostOnce, TEXT).await;
        assert!(client.message().await.topic.contains("res/204/"));
        client.publish("$iothub/twin/GET/?$rid=2", QoS::AtMostOnce, "").await;
        let expected = format!(r#"{{{desired},"$version":2}},{reported},"$version":2}}}}"#);
        assert_eq!(client.message().await.payload, expected);

        // A change keeps the place of a key, a new one is the last, the others close up.
        let change = r#"{"properties":{"desired":{"m":5.0,"c":1,"z":null}}}"#;
        let (_, body) = ask(&hub, "PATCH", "/twins/dev1", change).await;
        let changed = r#""desired":{"a":1e+2,"m":5.0,"k":4503599627370495,"c":1,"$metadata":"#;
        assert!(has(&body, changed), "{}", String::from_utf8_lossy(&body));
        let (_, body) = ask(&hub, "PUT", "/twins/dev1", &patch).await;
        assert!(has(&body, &desired), "{}", String::from_utf8_lossy(&body));
    }
    let hub = dir.hub().unwrap();
    for text in [
        hub.twin("dev1").unwrap().to_string(),
        hub.query("SELECT * FROM devices", None, None).unwrap().body,
        String::from_utf8(ask(&hub, "GET", "/twins/dev1", "").await.1).unwrap(),
    ] {
        for part in [&desired, &reported, &tags] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let columns = "SELECT properties.reported.z AS z, tags.a AS a, properties.desired.m AS m FROM devices";
    let row = r#"[{"z":4.20,"a":1e+2,"m":{"y":-0.0,"b":[1.10,2e-1]}}]"#;
    assert_eq!(hub.query(columns, None, None).unwrap().body, row);
    // What is compared is the value.
    let found = hub.query("SELECT deviceId FROM devices WHERE tags.a = 100 AND tags.z < 4.21", None, None);
    assert_eq!(found.unwrap().body, r#"[{"deviceId":"dev1"}]"#);
}

#[tokio::test]
async fn equal_numbers_are_one_group_and_no_change() {
    let hub = hub();
    for (device, text) in [("dev1", r#"{"tags":{"n":1}}"#), ("dev2", r#"{"tags":{"n":1.0}}"#)] {
        assert_eq!(ask(&hub, "PATCH", &format!("/twins/{device}"), text).await.0, 200);
    }
    let query = "SELECT tags.n AS n, COUNT() AS c FROM devices GROUP BY tags.n";
    assert_eq!(hub.query(query, None, None).unwrap().body, r#"[{"n":1,"c":2}]"#);
    let mut client = connected(&hub).await;
    for text in ["4.20", "4.2", "4.3"] {
        let body = format!(r#"{{"properties":{{"desired":{{"n":{text}}}}}}}"#);
        assert_eq!(ask(&hub, "PUT", "/twins/dev1", &body).await.0, 200);
    }
    for told in [json!({"n": 4.2, "$version": 2}), json!({"$version": 3}), json!({"n": 4.3, "$version": 4})] {
        let told_text: Value = serde_json::from_slice(&client.message().await.payload).unwrap();
        assert_eq!(told_text["n"].as_f64(), told["n"].as_f64());
        assert_eq!(told_text["$version"], told["$version"]);
    }
}
