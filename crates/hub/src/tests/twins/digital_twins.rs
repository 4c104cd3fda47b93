//! Digital twins over REST, with a device at the other end.

use serde_json::{Value, json};

use crate::tests::support::client::{TestClient, hub};
use crate::tests::support::http::{ask, ask_if};
use azmqtt_mqtt::QoS;

#[tokio::test]
async fn a_digital_twin_is_read_and_patched() {
    let hub = hub();
    let answer = ask(&hub, "GET", "/digitaltwins/dev1", &Value::Null).await;
    assert_eq!(answer.json(), json!({ "$dtId": "dev1", "$metadata": { "$model": "" } }));
    let etag = ask(&hub, "GET", "/twins/dev1", &Value::Null).await.json()["etag"].clone();
    assert_eq!(answer.header("etag"), Some(&*format!("\"{}\"", etag.as_str().unwrap())));
    let patch = json!([
        { "op": "add", "path": "/thermostat1/target", "value": 21 },
        { "op": "add", "path": "/interval", "value": 5 },
    ]);
    let patched = ask_if(&hub, "PATCH", "/digitaltwins/dev1", "*", &patch).await;
    assert_eq!(patched.status, 202, "{patched}");
    assert!(patched.header("location").unwrap().ends_with("/digitaltwins/dev1"));
    let twin = hub.twin("dev1").unwrap();
    assert_eq!(twin["properties"]["desired"]["thermostat1"], json!({ "__t": "c", "target": 21 }));
    let digital = ask(&hub, "GET", "/DigitalTwins/dev1", &Value::Null).await.json();
    let target = &digital["thermostat1"]["$metadata"]["target"];
    assert_eq!((&target["desiredValue"], &target["desiredVersion"]), (&json!(21), &json!(2)));
    assert_eq!(digital["$metadata"]["interval"]["desiredValue"], 5);
    for (path, if_match, body, code) in [
        ("/digitaltwins/dev1", "*", json!([{ "op": "test", "path": "/a", "value": 1 }]), 400_004),
        ("/digitaltwins/dev1", "\"x\"", patch.clone(), 412_001),
        ("/digitaltwins/none", "*", patch, 404_001),
    ] {
        assert_eq!(ask_if(&hub, "PATCH", path, if_match, &body).await.code(), code);
    }
    assert_eq!(ask(&hub, "GET", "/digitaltwins/none", &Value::Null).await.code(), 404_001);
}

#[tokio::test]
async fn commands_are_methods() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/methods/POST/#", QoS::AtMostOnce).await.unwrap();
    for (number, (path, method)) in
        [("/commands/reboot", "reboot"), ("/components/thermostat1/commands/report", "thermostat1*report")]
            .into_iter()
            .enumerate()
    {
        let request = number + 1;
        let device = async {
            let call = client.message().await;
            assert_eq!(call.topic, format!("$iothub/methods/POST/{method}/?$rid={request}"));
            assert_eq!(&call.payload[..], b"[1]");
            let topic = format!("$iothub/methods/res/207/?$rid={request}");
            client.publish(&topic, QoS::AtMostOnce, "{\"a\":1.50}").await;
        };
        let path = format!("/digitaltwins/dev1{path}?responseTimeoutInSeconds=10");
        let body = json!([1]);
        let (answer, ()) = tokio::join!(ask(&hub, "POST", &path, &body), device);
        assert_eq!((answer.status, answer.header("x-ms-command-statuscode")), (200, Some("207")), "{answer}");
        assert_eq!(answer.body, b"{\"a\":1.50}");
    }
    for (path, code) in [
        ("/digitaltwins/dev2/commands/reboot", 404_103),
        ("/digitaltwins/none/commands/reboot", 404_001),
        ("/digitaltwins/dev2/commands/reboot?responseTimeoutInSeconds=1", 400_004),
        ("/digitaltwins/dev2/commands/x?responseTimeoutInSeconds=5&connectTimeoutInSeconds=6", 400_004),
    ] {
        assert_eq!(ask(&hub, "POST", path, &Value::Null).await.code(), code, "{path}");
    }
}
