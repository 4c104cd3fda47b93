//! What the documentation shows, and what it says in between.

use serde_json::{Value, json};

use super::{ids, run, twin};
use crate::query::{Query, Source, Target};

fn documents() -> Vec<Value> {
    let mut other = twin("c", "EU", 300);
    other["status"] = "disabled".into();
    other["properties"]["reported"] =
        json!({ "connectivity": "cellular", "telemetryConfig": { "status": "Error" } });
    vec![twin("a", "US", 60), twin("b", "US", 30), other]
}

#[test]
fn the_examples_of_the_documentation() {
    let documents = documents();
    assert_eq!(run("SELECT * FROM devices", &documents), documents);
    let count = run("SELECT COUNT() as totalNumberOfDevices FROM devices", &documents);
    assert_eq!(count, [json!({ "totalNumberOfDevices": 3 })]);
    assert_eq!(ids("tags.location.region = 'US'", &documents), ["a", "b"]);
    let both = "tags.location.region = 'US'
        AND properties.reported.telemetryConfig.sendFrequencyInSecs >= 60";
    assert_eq!(ids(both, &documents), ["a"]);
    assert_eq!(ids("properties.reported.connectivity IN ['wired', 'wifi']", &documents), ["a", "b"]);
    assert_eq!(ids("is_defined(properties.reported.connectivity)", &documents), ["a", "b", "c"]);
    let grouped = "SELECT properties.reported.telemetryConfig.status AS status, COUNT() AS numberOfDevices
        FROM devices GROUP BY properties.reported.telemetryConfig.status";
    let rows = [
        json!({ "status": "Error", "numberOfDevices": 1 }),
        json!({ "status": "Success", "numberOfDevices": 2 }),
    ];
    assert_eq!(run(grouped, &documents), rows);
    let projected = "SELECT DeviceId, LastActivityTime FROM devices
        WHERE status = 'enabled' AND connectionState = 'Disconnected'";
    let row = json!({ "deviceId": "a", "lastActivityTime": "2021-05-07T00:50:38Z" });
    assert_eq!(run(projected, &documents)[0], row);
    let metric = "/* Include the double brackets. */ SELECT deviceId FROM devices
        WHERE configurations.[[my-config]].status='Applied'";
    assert_eq!(run(metric, &documents).len(), 3);
    let modules = "SELECT * FROM devices.modules WHERE properties.reported.status = 'scanning'
        AND deviceId IN ['device1', 'device2']";
    assert!(run(modules, &documents).is_empty());
}

#[test]
fn the_examples_about_jobs() {
    let job = json!({
        "deviceId": "myDeviceId", "jobId": "myJobId", "jobType": "scheduleUpdateTwin", "status": "completed",
        "createdDateTimeUtc": "2016-09-29T18:18:56.7787107Z",
    });
    let documents = [job];
    for query in [
        "SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'myDeviceId'",
        "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'myJobId'",
        "SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'myDeviceId'
            AND devices.jobs.jobType = 'scheduleUpdateTwin' AND devices.jobs.status = 'completed'
            AND devices.jobs.createdTimeUtc > '2016-09-01'",
    ] {
        assert_eq!(run(query, &documents), documents, "{query}");
    }
}

#[test]
fn values_are_compared_with_their_kind() {
    let all = [json!({ "deviceId": "d", "tags": {
        "n": 5, "hex": 255, "t": "5", "yes": true, "nothing": null, "list": [1], "object": {},
    } })];
    let holds = |condition: &str| !ids(condition, &all).is_empty();
    for condition in [
        "tags.n = 5",
        "tags.n <> 6",
        "tags.n != '5'",
        "5.0 = tags.n",
        "tags.hex = 0xff",
        "tags.n > -1e3",
        "tags.t = '5'",
        "tags.t < '6'",
        "tags.yes = true",
        "tags.yes",
        "tags.nothing = null",
        "tags.t != null",
        "tags.n + 2 * 3 = 11",
        "(tags.n + 2) * 3 = 21",
        "tags.n % 2 = 1",
        "tags.n / 2 = 2.5",
        "-tags.n = -5",
        "tags.n - 1 - 1 = 3",
        "NOT tags.n = 6",
        "NOT (tags.n = 6 OR tags.n = 7)",
        "tags.n NIN [1, '5']",
        "tags.nothing IN [null]",
        "is_null(tags.nothing)",
        "IS_NUMBER(tags.n)",
        "IS_STRING(tags.t)",
        "IS_BOOL(tags.yes)",
        "IS_ARRAY(tags.list)",
        "IS_OBJECT(tags.object)",
        "IS_PRIMITIVE(tags.nothing)",
        "STARTSWITH(deviceId, 'd')",
        "ENDSWITH(deviceId, '')",
        "is_defined(tags.nothing)",
        "NOT is_defined(tags.missing)",
        "true OR tags.missing",
        "devices.tags.n = 5",
        "'\\u0064' = deviceId",
        "\"it's\" = 'it\\'s'",
        "DEVICEID = 'd'",
    ] {
        assert!(holds(condition), "{condition}");
    }
    for condition in [
        "tags.n = '5'",
        "tags.n < '6'",
        "tags.n",
        "tags.t",
        "null",
        "undefined",
        "undefined = undefined",
        "tags.missing = null",
        "tags.missing != 1",
        "NOT (tags.missing = 1)",
        "tags.missing NIN [1]",
        "tags.list = tags.list",
        "tags.object != tags.object",
        "tags.list IN [1]",
        "tags.list NIN [1]",
        "tags.n / 0 > 0",
        "tags.t + 1 = 6",
        "tags.N = 5",
        "tags.n.deeper = 1",
        "NOT tags.t",
        "tags.missing AND true",
        "IS_STRING(tags.missing)",
        "STARTSWITH(tags.n, '5')",
        "tags.n IN []",
        "NOT STARTSWITH(tags.missing, 'x')",
    ] {
        assert!(!holds(condition), "{condition}");
    }
}

#[test]
fn figures() {
    let document = |id: &str, value: Value| json!({ "deviceId": id, "tags": { "v": value } });
    let all = [
        document("a", 1.into()),
        document("b", 4.into()),
        document("c", "x".into()),
        document("d", json!({})),
        json!({ "deviceId": "e" }),
    ];
    let rows = run(
        "SELECT COUNT(), AVG(tags.v) AS mean, SUM(tags.v) AS sum, MIN(tags.v) AS least, MAX(tags.v) AS most
            FROM devices",
        &all,
    );
    assert_eq!(rows, [json!({ "$1": 5, "mean": 2.5, "sum": 5, "least": 1, "most": 4 })]);
    assert_eq!(run("SELECT MAX(deviceId) AS last FROM devices", &all), [json!({ "last": "e" })]);
    assert_eq!(run("SELECT COUNT() AS n, AVG(tags.v) AS mean FROM devices", &[]), [json!({ "n": 0 })],);
    // A group of those without the property has no value for it.
    let rows = run("SELECT tags.v AS v, COUNT() AS n FROM devices GROUP BY tags.v", &all);
    assert_eq!((rows.len(), &rows[0]), (5, &json!({ "n": 1 })));
    assert!(run("SELECT tags.v FROM devices GROUP BY tags.v", &[]).is_empty());
}

#[test]
fn names_in_brackets() {
    let all = [twin("d", "US", 1)];
    assert_eq!(ids("tags.[[group]] = 'g' AND [[tags]][[group]] = 'g'", &all), ["d"]);
    let rows = run("SELECT tags.[[odd name]] AS [[a list]], tags.location.region FROM devices", &all);
    assert_eq!(rows, [json!({ "a list": [1], "region": "US" })]);
    assert_eq!(ids("properties.DESIRED.$version = 3", &all), ["d"]);
}

#[test]
fn whom_a_job_is_for() {
    let all = Target::parse("*").unwrap();
    assert_eq!((all.source, all.condition), (Source::Devices, None));
    assert!(Target::parse("tags.location.region = 'US'").unwrap().matches(&twin("d", "US", 1)));
    let modules = Target::parse("FROM devices.modules WHERE devices.modules.moduleId = 'm'").unwrap();
    assert_eq!(modules.source, Source::Modules);
    assert!(modules.matches(&json!({ "moduleId": "m" })));
    assert_eq!(Target::parse("from devices").unwrap().condition, None);
    assert!(Target::parse("").is_err() && Target::parse("FROM devices.jobs").is_err());
}

#[test]
fn top_is_read() {
    assert_eq!(Query::parse("SELECT TOP 3 * FROM devices").unwrap().top, Some(3));
}
