//! The query language of IoT Hub.

use azmqtt_dialect::query::{Groups, Query, Target};
use serde_json::{Value, json};

use crate::text;

/// Queries of twins and jobs.
pub fn queries(data: &[u8]) -> bool {
    let Ok(query) = Query::parse(&text(data)) else { return false };
    let written = query.to_string();
    assert_eq!(Query::parse(&written).as_ref(), Ok(&query), "{written}");
    let record =
        json!({ "deviceId": "d", "tags": { "a": 1 }, "properties": { "reported": { "b": [1, "x"] } } });
    if query.matches(&record) {
        assert!(query.row(&record).parse::<Value>().is_ok());
    }
    let mut groups = Groups::new(&query);
    groups.add(&record);
    let _ = groups.rows().len();
    true
}

/// Conditions of jobs and configurations.
pub fn conditions(data: &[u8]) -> bool {
    let Ok(target) = Target::parse(&text(data)) else { return false };
    let _ = target.matches(&json!({ "deviceId": "d", "tags": { "a": 1 } }));
    let Some(condition) = &target.condition else { return true };
    let written = condition.to_string();
    let again = Target::parse(&written).map(|again| again.condition);
    assert_eq!(again.as_ref(), Ok(&target.condition), "{written}");
    true
}
