mod examples;
mod properties;
mod refusals;

use serde_json::{Value, json};

use super::{Groups, Query};

/// A twin as services see it.
fn twin(device_id: &str, region: &str, interval: i64) -> Value {
    json!({
        "deviceId": device_id,
        "status": "enabled",
        "connectionState": "Disconnected",
        "lastActivityTime": "2021-05-07T00:50:38Z",
        "capabilities": { "iotEdge": false },
        "tags": { "location": { "region": region, "plant": null }, "group": "g", "odd name": [1] },
        "properties": {
            "desired": { "$version": 3 },
            "reported": {
                "connectivity": "wifi",
                "telemetryConfig": { "sendFrequencyInSecs": interval, "status": "Success" },
            },
        },
        "configurations": { "my-config": { "status": "Applied" } },
    })
}

/// The rows of a query on some documents.
fn run(query: &str, documents: &[Value]) -> Vec<Value> {
    let query = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let matching = documents.iter().filter(|document| query.matches(*document));
    if !query.aggregates() {
        return matching.map(|document| query.row(document).parse().unwrap()).collect();
    }
    let mut groups = Groups::new(&query);
    matching.for_each(|document| groups.add(document));
    groups.rows()
}

/// The ids of the documents that a condition holds of.
fn ids(condition: &str, documents: &[Value]) -> Vec<String> {
    let rows = run(&format!("SELECT deviceId FROM devices WHERE {condition}"), documents);
    rows.iter().map(|row| row["deviceId"].as_str().unwrap().to_owned()).collect()
}
