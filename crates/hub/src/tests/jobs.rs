//! Jobs over the REST API: they run, wait, end and are kept.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::storage::state_dir::make_temp_dir;
use crate::tests::support::client::{DEADLINE, TestClient, hub, start};
use crate::tests::support::http::{Answer, ask, ask_as};
use crate::throttle::{Throttling, Tier};
use crate::unix_time::unix_now;
use crate::{Hub, HubConfig};
use azmqtt_dialect::time::format_utc;
use azmqtt_mqtt::QoS;

fn update(condition: &str) -> Value {
    json!({
        "type": "scheduleUpdateTwin",
        "queryCondition": condition,
        "updateTwin": { "etag": "*", "tags": { "floor": 3 }, "properties": { "desired": { "level": 7 } } },
    })
}

fn call(condition: &str) -> Value {
    json!({
        "type": "scheduleDeviceMethod",
        "queryCondition": condition,
        "cloudToDeviceMethod": { "methodName": "reboot", "payload": { "in": 5 }, "responseTimeoutInSeconds": 5 },
    })
}

/// A start time as far ahead as the service takes, but for an hour.
fn far_ahead() -> Value {
    format_utc(unix_now() + 167 * 3600).into()
}

/// The body with one field otherwise.
fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn put(hub: &Hub, id: &str, body: &Value) -> Answer {
    ask_as(hub, "service", "PUT", &format!("/jobs/v2/{id}"), "", body).await
}

async fn get(hub: &Hub, id: &str) -> Value {
    ask(hub, "GET", &format!("/jobs/v2/{id}"), &Value::Null).await.json()
}

async fn cancel(hub: &Hub, id: &str) -> Answer {
    ask(hub, "POST", &format!("/jobs/v2/{id}/cancel"), &Value::Null).await
}

/// Asks until the job is as wanted.
async fn until(hub: &Hub, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let job = get(hub, id).await;
        if wanted(&job) {
            return job;
        }
        assert!(begun.elapsed() < DEADLINE, "{job}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn rows(hub: &Hub, condition: &str) -> Vec<Value> {
    let page = hub.query(&format!("SELECT * FROM devices.jobs WHERE {condition}"), None, None).unwrap();
    assert_eq!(page.item_type, "DeviceJob");
    serde_json::from_str(&page.body).unwrap()
}

#[tokio::test]
async fn twins_are_updated() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/twin/PATCH/properties/desired/#", QoS::AtMostOnce).await.unwrap();
    let made = put(&hub, "all", &update("*")).await;
    assert_eq!(made.status, 200, "{made}");
    assert_eq!((&made.json()["jobId"], &made.json()["type"]), (&"all".into(), &"scheduleUpdateTwin".into()));
    assert_eq!(made.json()["status"], "queued");
    let job = until(&hub, "all", |job| job["status"] == "completed").await;
    let statistics = json!({
        "deviceCount": 2, "failedCount": 0, "succeededCount": 2, "runningCount": 0, "pendingCount": 0,
    });
    assert_eq!(job["deviceJobStatistics"], statistics);
    assert_eq!((&job["queryCondition"], &job["updateTwin"]), (&"*".into(), &update("*")["updateTwin"]));
    assert!(job["endTime"].is_string() && job["startTime"].is_string() && job["createdTime"].is_string());
    let notified: Value = serde_json::from_slice(&client.message().await.payload).unwrap();
    assert_eq!(notified, json!({ "level": 7, "$version": 2 }));
    for device in ["dev1", "dev2"] {
        let twin = hub.twin(device).unwrap();
        assert_eq!(
            (&twin["tags"], &twin["properties"]["desired"]["level"]),
            (&json!({ "floor": 3 }), &7.into())
        );
    }
    let row = &rows(&hub, "devices.jobs.jobId = 'all' AND devices.jobs.deviceId = 'dev2'")[0];
    assert_eq!((&row["jobType"], &row["status"]), (&"scheduleUpdateTwin".into(), &"completed".into()));
    assert_eq!(row["outcome"], json!({ "deviceMethodResponse": null }));
    assert!(row["startTimeUtc"].is_string() && row["endTimeUtc"].is_string());
    // Nobody is not an error.
    put(&hub, "nobody", &update("deviceId = 'x'")).await;
    let job = until(&hub, "nobody", |job| job["status"] == "completed").await;
    assert_eq!(job["deviceJobStatistics"]["deviceCount"], 0);
    // Modules are a target of their own.
    hub.create_module("dev1", "m1", None).unwrap();
    put(&hub, "modules", &update("FROM devices.modules WHERE moduleId = 'm1'")).await;
    until(&hub, "modules", |job| job["status"] == "completed").await;
    assert_eq!(rows(&hub, "jobId = 'modules'")[0]["moduleId"], "m1");
    assert_eq!(hub.twin(("dev1", "m1")).unwrap()["tags"]["floor"], 3);
}

#[tokio::test]
async fn methods_are_called() {
    let hub = hub();
    let mut client = TestClient::connect(&hub, "dev1").await;
    client.subscribe("$iothub/methods/POST/#", QoS::AtMostOnce).await.unwrap();
    put(&hub, "reboot", &call("deviceId IN ['dev1', 'dev2']")).await;
    let request = client.message().await;
    assert_eq!(
        (request.topic.as_str(), &request.payload[..]),
        ("$iothub/methods/POST/reboot/?$rid=1", &br#"{"in":5}"#[..])
    );
    let running = until(&hub, "reboot", |job| job["deviceJobStatistics"]["failedCount"] == 1).await;
    assert_eq!(
        (&running["status"], &running["deviceJobStatistics"]["runningCount"]),
        (&"running".into(), &1.into())
    );
    client.publish("$iothub/methods/res/201/?$rid=1", QoS::AtMostOnce, "{\"ok\":true}").await;
    let job = until(&hub, "reboot", |job| job["status"] == "completed").await;
    assert_eq!(job["deviceJobStatistics"]["succeededCount"], 1);
    let all = rows(&hub, "jobId = 'reboot'");
    let answer = json!({ "deviceMethodResponse": { "status": 201, "payload": { "ok": true } } });
    assert_eq!((&all[0]["deviceId"], &all[0]["outcome"]), (&"dev1".into(), &answer));
    assert_eq!((&all[1]["status"], &all[1]["error"]["code"]), (&"failed".into(), &"404103".into()));
}

#[tokio::test]
async fn a_job_begins_at_its_time() {
    let hub = hub();
    let at = format_utc(unix_now() + 2);
    let made = put(&hub, "later", &with(update("*"), "startTime", at.as_str().into())).await;
    assert_eq!((&made.json()["status"], &made.json()["startTime"]), (&"queued".into(), &at.as_str().into()));
    assert_eq!(get(&hub, "later").await["status"], "scheduled");
    // One that comes after it is not held up.
    put(&hub, "now", &update("deviceId = 'dev2'")).await;
    until(&hub, "now", |job| job["status"] == "completed").await;
    assert!(hub.twin("dev1").unwrap()["tags"].as_object().unwrap().is_empty());
    let job = until(&hub, "later", |job| job["status"] == "completed").await;
    assert!(job["endTime"].as_str().unwrap() >= at.as_str(), "{job}");
    assert_eq!(hub.twin("dev1").unwrap()["tags"]["floor"], 3);
}

#[tokio::test]
async fn only_a_job_that_waits_can_be_cancelled() {
    let hub = hub();
    let soon = with(update("*"), "startTime", format_utc(unix_now() + 2).into());
    put(&hub, "soon", &soon).await;
    let cancelled = cancel(&hub, "soon").await;
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &"cancelled".into()));
    assert_eq!(cancel(&hub, "soon").await.refusal(), (405, "OperationNotAllowedInCurrentState"));
    assert_eq!(cancel(&hub, "none").await.refusal(), (404, "JobNotFound"));
    let mut waits = call("deviceId = 'dev1'");
    waits["cloudToDeviceMethod"]["connectTimeoutInSeconds"] = 4.into();
    put(&hub, "runs", &waits).await;
    until(&hub, "runs", |job| job["deviceJobStatistics"]["runningCount"] == 1).await;
    assert_eq!(cancel(&hub, "runs").await.refusal(), (405, "OperationNotAllowedInCurrentState"));
    // The time of the first has come meanwhile, and it has not begun.
    until(&hub, "runs", |job| job["status"] == "completed").await;
    assert_eq!(get(&hub, "soon").await["status"], "cancelled");
    assert!(hub.twin("dev1").unwrap()["tags"]["floor"].is_null());
}

#[tokio::test]
async fn a_job_whose_condition_cannot_be_read_fails() {
    let hub = hub();
    for (id, condition) in [("a", ""), ("b", "deviceId ="), ("c", "FROM devices.jobs")] {
        assert_eq!(put(&hub, id, &update(condition)).await.json()["status"], "queued");
        let job = until(&hub, id, |job| job["status"] == "failed").await;
        assert!(job["failureReason"].as_str().unwrap().starts_with("queryCondition: "), "{job}");
        assert_eq!(job["deviceJobStatistics"]["deviceCount"], 0);
    }
}

#[tokio::test]
async fn a_tier_limits_the_jobs_that_are_active() {
    let throttling = Throttling { tier: Tier::F1, enabled: true, ..Throttling::default() };
    let hub = start(HubConfig { throttling, ..HubConfig::default() });
    let mut waits = call("deviceId = 'dev1'");
    waits["cloudToDeviceMethod"]["connectTimeoutInSeconds"] = 5.into();
    assert_eq!(put(&hub, "first", &waits).await.status, 200);
    let second = put(&hub, "second", &waits).await;
    assert_eq!(second.refusal(), (429, "ThrottlingMaxActiveJobCountExceeded"));
    // One that waits for its time is not active.
    assert_eq!(put(&hub, "later", &with(waits, "startTime", far_ahead())).await.status, 200);
}

#[tokio::test]
async fn the_memory_of_jobs_is_bounded() {
    let hub = hub();
    let mut large = with(update("*"), "startTime", far_ahead());
    // Passed over, but whoever asks for the job sees it again.
    large["updateTwin"]["statusReason"] = "y".repeat(400 << 10).into();
    for number in 0..40 {
        assert_eq!(put(&hub, &format!("j{number}"), &large).await.status, 200);
    }
    assert_eq!(put(&hub, "more", &large).await.refusal(), (403, "JobQuotaExceeded"));
    assert_eq!(put(&hub, "small", &update("*")).await.status, 200);
}

#[tokio::test]
async fn a_job_that_takes_too_long_has_failed() {
    let hub = hub();
    let mut wait = with(call("*"), "maxExecutionTimeInSeconds", 1.into());
    wait["cloudToDeviceMethod"]["connectTimeoutInSeconds"] = 300.into();
    wait["cloudToDeviceMethod"]["responseTimeoutInSeconds"] = 300.into();
    put(&hub, "long", &wait).await;
    let job = until(&hub, "long", |job| job["status"] == "failed").await;
    assert_eq!(job["deviceJobStatistics"]["failedCount"], 2);
    assert!(job["failureReason"].as_str().unwrap().contains("maximum execution time"), "{job}");
}

#[tokio::test]
async fn jobs_are_listed_page_by_page() {
    let hub = hub();
    for id in ["a", "b", "c"] {
        put(&hub, id, &update("deviceId = 'dev1'")).await;
        until(&hub, id, |job| job["status"] == "completed").await;
    }
    put(&hub, "d", &with(call("*"), "startTime", far_ahead())).await;
    let list = |parameters: String, headers: String| {
        let hub = &hub;
        async move {
            ask_as(hub, "service", "GET", &format!("/jobs/v2/query?{parameters}"), &headers, &Value::Null)
                .await
        }
    };
    let ids = |answer: &Answer| {
        let jobs = answer.json();
        jobs.as_array()
            .unwrap()
            .iter()
            .map(|job| job["jobId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = list("x=1".to_owned(), String::new()).await;
    assert_eq!(
        (ids(&all), all.header("x-ms-item-type")),
        (["a", "b", "c", "d"].map(str::to_owned).to_vec(), Some("jobResponse"))
    );
    let first = list("jobType=scheduleUpdateTwin&pageSize=2".to_owned(), String::new()).await;
    assert_eq!(ids(&first), ["a", "b"]);
    let token = first.header("x-ms-continuation").unwrap();
    let parameters = format!("jobType=scheduleUpdateTwin&pageSize=2&continuationToken={token}");
    let second = list(parameters, String::new()).await;
    assert_eq!((ids(&second), second.header("x-ms-continuation")), (vec!["c".to_owned()], None));
    let headers = format!("x-ms-max-item-count: 2\r\nx-ms-continuation: {token}\r\n");
    assert_eq!(ids(&list("jobType=scheduleUpdateTwin".to_owned(), headers.clone()).await), ["c"]);
    assert_eq!(ids(&list("jobStatus=scheduled".to_owned(), String::new()).await), ["d"]);
    for (parameters, headers) in [
        ("jobStatus=scheduled", headers.as_str()),
        ("jobStatus=none", ""),
        ("jobType=none", ""),
        ("continuationToken=x", ""),
        ("pageSize=x", ""),
    ] {
        let answer = list(parameters.to_owned(), headers.to_owned()).await;
        assert_eq!(answer.refusal(), (400, "ArgumentInvalid"), "{parameters}");
    }
}

#[tokio::test]
async fn rules() {
    let hub = hub();
    let method = |name: &str, value: Value| {
        let mut body = call("*");
        body["cloudToDeviceMethod"][name] = value;
        body
    };
    for body in [
        json!([]),
        with(update("*"), "type", "export".into()),
        with(update("*"), "jobId", "other".into()),
        with(update("*"), "queryCondition", Value::Null),
        with(update("*"), "updateTwin", Value::Null),
        with(update("*"), "updateTwin", json!({ "tags": { "a b": 1 } })),
        // Properties and tags in places where they would be passed over.
        with(update("*"), "updateTwin", json!({ "etag": "*", "desired": { "level": 7 } })),
        with(update("*"), "updateTwin", json!({ "etag": "*", "tag": { "floor": 3 } })),
        with(update("*"), "updateTwin", json!({ "etag": "*", "properties": { "level": 7 } })),
        with(update("*"), "startTime", "soon".into()),
        with(update("*"), "startTime", 5.into()),
        with(update("*"), "startTime", format_utc(unix_now() + 169 * 3600).into()),
        with(update("*"), "updateTwin", json!({ "tags": { "a": 1 } })),
        with(update("*"), "updateTwin", json!({ "etag": "AAAAAAAAAAE=", "tags": { "a": 1 } })),
        with(update("*"), "maxExecutionTimeInSeconds", 0.into()),
        method("methodName", "a b".into()),
        method("methodName", Value::Null),
        method("payload", "x".repeat(128 << 10).into()),
        method("responseTimeoutInSeconds", 4.into()),
        method("connectTimeoutInSeconds", 301.into()),
        // Longer than the response timeout, 5 s.
        method("connectTimeoutInSeconds", 6.into()),
    ] {
        let answer = put(&hub, "bad", &body).await;
        assert_eq!(answer.refusal(), (400, "ArgumentInvalid"), "{body:.200}");
    }
    for id in ["a%20b", "a%2Fb", "Up", "up_per", &"x".repeat(65)] {
        assert_eq!(put(&hub, id, &update("*")).await.refusal(), (400, "ArgumentInvalid"), "{id}");
    }
    assert_eq!(put(&hub, "a", &Value::Null).await.refusal(), (400, "IotHubFormatError"));
    let stranger = ask_as(&hub, "registryReadWrite", "PUT", "/jobs/v2/a", "", &update("*")).await;
    assert_eq!(stranger.status, 401);
    let far = with(update("*"), "startTime", far_ahead());
    for number in 0..100 {
        assert_eq!(put(&hub, &format!("j{number}"), &far).await.status, 200);
    }
    assert_eq!(put(&hub, "j0", &far).await.refusal(), (409, "JobAlreadyExists"));
    assert_eq!(put(&hub, "more", &far).await.refusal(), (403, "JobQuotaExceeded"));
    let unknown = json!({ "jobId": "none", "type": "unknown", "status": "unknown" });
    assert_eq!(get(&hub, "none").await, unknown);
    let transfer = ask(&hub, "POST", "/jobs/create", &json!({ "type": "export" })).await;
    assert_eq!(transfer.refusal(), (403, "OperationNotAvailableInCurrentTier"));
    assert_eq!(ask(&hub, "GET", "/jobs", &Value::Null).await.json(), json!([]));
    assert_eq!(ask(&hub, "GET", "/jobs/x", &Value::Null).await.refusal(), (404, "JobNotFound"));
}

#[tokio::test]
async fn jobs_outlast_the_hub() {
    let dir = make_temp_dir().unwrap();
    let config = HubConfig { state_dir: Some(dir.join("state")), ..HubConfig::default() };
    let first = start(config.clone());
    put(&first, "done", &update("deviceId = 'dev1'")).await;
    let done = until(&first, "done", |job| job["status"] == "completed").await;
    let row = rows(&first, "jobId = 'done'");
    put(&first, "far", &with(update("*"), "startTime", far_ahead())).await;
    let soon = format_utc(unix_now() + 1);
    let mut wait = call("deviceId = 'dev1'");
    wait["cloudToDeviceMethod"]["connectTimeoutInSeconds"] = 300.into();
    wait["cloudToDeviceMethod"]["responseTimeoutInSeconds"] = 300.into();
    put(&first, "runs", &wait).await;
    until(&first, "runs", |job| job["deviceJobStatistics"]["runningCount"] == 1).await;
    put(&first, "soon", &with(update("deviceId = 'dev2'"), "startTime", soon.as_str().into())).await;
    drop(first);
    let again = Hub::start(config).unwrap();
    assert_eq!((get(&again, "done").await, rows(&again, "jobId = 'done'")), (done, row));
    assert_eq!(get(&again, "far").await["status"], "scheduled");
    until(&again, "soon", |job| job["status"] == "completed").await;
    assert_eq!(again.twin("dev2").unwrap()["tags"]["floor"], 3);
    let failed = get(&again, "runs").await;
    assert_eq!(
        (&failed["status"], &failed["deviceJobStatistics"]["failedCount"]),
        (&"failed".into(), &1.into())
    );
    drop(again);
    std::fs::remove_dir_all(dir).unwrap();
}
