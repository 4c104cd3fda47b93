//! Refusals in the service's words and forms, and what is refused to whom.

use serde_json::{Value, json};

use crate::Hub;
use crate::tests::registry::identity_rules::message;
use crate::tests::support::client::{TestClient, hub, key};
use crate::tests::support::http::{Answer, Http, VERSION, ask, ask_as, ask_if, policy_token};
use crate::unix_time::unix_now;
use azmqtt_dialect::sas::SasToken;

/// By the device's own token, which names no policy.
async fn as_device(hub: &Hub, device_id: &str, method: &str, path: &str, body: &Value) -> Answer {
    let resource = format!("localhost/devices/{device_id}");
    let token = SasToken::sign(&resource, &key(hub, device_id), unix_now() + 60, None).to_token();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let target = format!("{path}?{VERSION}");
    let headers = format!("Authorization: {token}\r\n");
    Http::connect(hub).await.send(method, &target, &headers, body.as_bytes()).await.expect("an answer")
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

#[tokio::test]
async fn refusals_are_worded_as_the_services() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let twin = json!({ "tags": { "a": 1 } });
    let cases = [
        (
            ask(&hub, "PUT", "/devices/dev1", &json!({})).await,
            "A device with ID 'dev1' is already registered.",
        ),
        (ask(&hub, "GET", "/devices/none", &Value::Null).await, "none"),
        (ask(&hub, "GET", "/twins/none", &Value::Null).await, "none"),
        (ask_if(&hub, "PATCH", "/twins/dev1", "\"x\"", &twin).await, "ETag mismatch for device ID 'dev1'"),
        (
            ask_if(&hub, "PUT", "/twins/dev1/modules/m", "\"x\"", &twin).await,
            "ETag mismatch for device ID 'dev1'",
        ),
        (ask_as(&hub, "registryRead", "PUT", "/devices/x", "", &json!({})).await, "Unauthorized"),
    ];
    for (answer, message) in cases {
        answer.code();
        let body = answer.json();
        let name = answer.header("iothub-errorcode").unwrap();
        assert_eq!(body["Message"], format!("ErrorCode:{name};{message}"));
        let request = answer.header("x-ms-request-id").unwrap().replace('-', "");
        let gateway = if message.starts_with("ETag") { "" } else { "-G:0" };
        let tracking = body["ExceptionMessage"].as_str().unwrap();
        let (id, time) = tracking.split_once("-TimeStamp:").unwrap();
        assert_eq!(id, format!("Tracking ID:{request}{gateway}"));
        assert_eq!(time.len(), "11/22/2026 10:18:09".len());
        assert!(text(&answer).starts_with("{\"Message\":"), "{answer}");
    }
    assert!(hub.last_refusal().unwrap().contains("registryRead lacks the permission RegistryWrite"));
}

#[tokio::test]
async fn a_module_that_is_there_has_a_form_of_its_own() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let answer = ask(&hub, "PUT", "/devices/dev1/modules/m", &json!({})).await;
    assert_eq!(answer.code(), 409_301);
    let body = answer.json();
    assert_eq!(body["errorCode"], 409_301);
    assert_eq!(body["message"], "Device dev1 in IotHub localhost already contains Module m.");
    let tracking = body["trackingId"].as_str().unwrap();
    assert!(tracking.contains("-G2:-TimeStamp:20") && tracking.ends_with('Z'), "{answer}");
    assert!(text(&answer).starts_with("{\"errorCode\":409301,\"message\":"), "{answer}");
}

#[tokio::test]
async fn every_answer_has_the_services_headers() {
    let hub = hub();
    for (method, path) in
        [("GET", "/devices/dev1"), ("GET", "/devices/none"), ("GET", "/nothing"), ("POST", "/devices/d")]
    {
        let answer = ask(&hub, method, path, &Value::Null).await;
        assert_eq!(answer.header("server"), Some("Microsoft-HTTPAPI/2.0"), "{method} {path}");
        assert_eq!(answer.header("vary"), Some("Origin"));
        let id = answer.header("x-ms-request-id").unwrap();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}

#[tokio::test]
async fn modules_of_devices_that_are_not_to_be_had_are_refused() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    hub.set_enabled("dev1", false).unwrap();
    for device in ["dev1", "none"] {
        let module = format!("/devices/{device}/modules/m");
        for (method, path) in
            [("GET", &*module), ("PUT", &module), ("DELETE", &module), ("GET", &module[..module.len() - 2])]
        {
            let answer = ask_if(&hub, method, path, "*", &json!({})).await;
            assert_eq!(answer.code(), 401_002, "{method} {path}");
            let inner: Value = serde_json::from_str(answer.json()["Message"].as_str().unwrap()).unwrap();
            assert_eq!((&inner["errorCode"], &inner["info"]), (&json!(401_002), &Value::Null));
        }
    }
    assert!(hub.has_module("dev1", "m"));
    // Its twin goes on.
    assert_eq!(ask(&hub, "GET", "/twins/dev1/modules/m", &Value::Null).await.status, 200);
    hub.set_enabled("dev1", true).unwrap();
    assert_eq!(ask(&hub, "GET", "/devices/dev1/modules/m", &Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_device_reads_itself_and_manages_its_modules() {
    let hub = hub();
    let modules = "/devices/dev1/modules";
    let made = as_device(&hub, "dev1", "PUT", &format!("{modules}/m"), &json!({ "managedBy": "me" })).await;
    assert_eq!((made.status, &made.json()["managedBy"]), (200, &json!("me")));
    let shown = ask(&hub, "GET", &format!("{modules}/m"), &Value::Null).await.json();
    assert_eq!(as_device(&hub, "dev1", "GET", modules, &Value::Null).await.json(), json!([shown]));
    assert_eq!(as_device(&hub, "dev1", "GET", &format!("{modules}/m"), &Value::Null).await.json(), shown);
    assert_eq!(
        as_device(&hub, "dev1", "GET", "/devices/dev1", &Value::Null).await.json()["deviceId"],
        "dev1"
    );
    assert_eq!(
        as_device(&hub, "dev1", "DELETE", &format!("{modules}/m"), &Value::Null).await.code(),
        412_001
    );
    // Nothing else, and nobody else's.
    for (method, path) in [
        ("PUT", "/devices/dev1"),
        ("DELETE", "/devices/dev1"),
        ("GET", "/devices/dev2"),
        ("GET", "/devices/dev2/modules"),
        ("PUT", "/devices/dev2/modules/m"),
        ("GET", "/devices"),
        ("GET", "/twins/dev1"),
        ("PATCH", "/twins/dev1/modules/m"),
        ("POST", "/twins/dev1/methods"),
        ("DELETE", "/devices/dev1/commands"),
        ("POST", "/devices/dev1/applyConfigurationContent"),
    ] {
        assert_eq!(
            as_device(&hub, "dev1", method, path, &json!({})).await.code(),
            401_002,
            "{method} {path}"
        );
    }
    hub.set_enabled("dev1", false).unwrap();
    assert_eq!(as_device(&hub, "dev1", "GET", modules, &Value::Null).await.code(), 401_002);
}

#[tokio::test]
async fn paths_have_no_case_but_in_their_ids() {
    let hub = hub();
    hub.create_device("Dev", None).unwrap();
    let _connected = TestClient::connect(&hub, "Dev").await;
    for (method, path, status) in [
        ("GET", "/Devices/Dev", 200),
        ("GET", "/Devices/dev", 404),
        ("GET", "/TWINS/Dev/", 200),
        ("POST", "/devices/Query", 400),
        ("GET", "/messages/servicebound/feedback", 204),
        ("GET", "/statistics/Devices/", 200),
    ] {
        assert_eq!(ask(&hub, method, path, &json!({})).await.status, status, "{method} {path}");
    }
    for path in ["/devices/dev1/messages/devicebound", "/devices/dev1/Messages/DeviceBound/"] {
        assert_eq!(as_device(&hub, "dev1", "GET", path, &Value::Null).await.status, 204, "{path}");
    }
}

#[tokio::test]
async fn an_upload_ends_by_the_id_in_the_path() {
    let hub = hub();
    for (number, end) in ["", "/"].into_iter().enumerate() {
        let target =
            as_device(&hub, "dev1", "POST", "/devices/dev1/files", &json!({ "blobName": "b" })).await;
        let id = target.json()["correlationId"].as_str().unwrap().to_owned();
        let escaped = percent_encoding::percent_encode(id.as_bytes(), percent_encoding::NON_ALPHANUMERIC);
        let path = format!("/devices/dev1/files/notifications/{escaped}{end}");
        let body = json!({ "isSuccess": true, "statusCode": 200, "statusDescription": "ok" });
        assert_eq!(as_device(&hub, "dev1", "POST", &path, &body).await.status, 204, "{path}");
        assert_eq!(hub.uploads(None).len(), number + 1);
        assert_eq!(as_device(&hub, "dev1", "POST", &path, &body).await.code(), 400_004, "it has ended");
    }
    let target = as_device(&hub, "dev1", "POST", "/devices/dev1/files", &json!({ "blobName": "b" })).await;
    let body =
        json!({ "correlationId": target.json()["correlationId"], "isSuccess": false, "statusCode": 1 });
    assert_eq!(
        as_device(&hub, "dev1", "POST", "/devices/dev1/files/notifications/", &body).await.status,
        204
    );
    let nothing = json!({ "isSuccess": true });
    assert_eq!(
        as_device(&hub, "dev1", "POST", "/devices/dev1/files/notifications", &nothing).await.code(),
        400_004
    );
}

#[tokio::test]
async fn a_message_over_https_has_all_headers() {
    let hub = hub();
    let properties = azmqtt_dialect::MessageProperties { ack: Some("full".to_owned()), ..Default::default() };
    hub.send_c2d("dev1", "hi".into(), properties).unwrap();
    let answer = as_device(&hub, "dev1", "GET", "/devices/dev1/messages/deviceBound", &Value::Null).await;
    assert_eq!(answer.header("iothub-ack"), Some("full"));
    for name in ["iothub-correlationid", "iothub-expiry", "iothub-userid"] {
        let line = format!("\n{name}:");
        assert!(answer.head.contains(&line), "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_policy_for_devices_is_no_device() {
    let hub = hub();
    let token = policy_token(&hub, "device");
    let headers = format!("Authorization: {token}\r\n");
    let answer = Http::connect(&hub)
        .await
        .send("GET", &format!("/devices/dev1?{VERSION}"), &headers, b"")
        .await
        .unwrap();
    assert_eq!((answer.code(), &*message(&answer)), (401_002, "Unauthorized"));
}
