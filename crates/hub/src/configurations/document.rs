//! A configuration as its body has it, and as it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::content::Content;
use crate::error::refused::Refused;
use azmqtt_dialect::query::{Path, Query, QueryError, Source, Target};
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::format_utc;

/// The longest id, in characters.
const MAX_ID: usize = 128;

/// Custom metrics of one configuration (IoT Hub docs, "Monitor a configuration").
const MAX_METRICS: usize = 5;

/// What a request says of a configuration.
#[derive(Clone, Debug)]
pub struct ConfigurationBody {
    pub schema_version: Option<String>,
    pub labels: Option<BTreeMap<String, String>>,
    /// As it was sent.
    pub shown_content: Value,
    pub content: Arc<Content>,
    pub target_condition: String,
    /// The condition as a value; `None` targets nothing.
    pub target: Option<Target>,
    pub priority: i64,
    /// Queries by their names.
    pub metrics: BTreeMap<String, String>,
}

/// A configuration.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub id: String,
    pub body: ConfigurationBody,
    /// In Unix seconds, as `updated`.
    pub created: u64,
    pub updated: u64,
    /// Counts the changes.
    pub revision: u64,
    /// Tells it from another one that had the same id.
    pub serial: u64,
}

/// Checks an id: up to 128 lower-case letters, digits and some marks.
pub fn check_id(id: &str) -> Result<(), Refused> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-:+%_#*?!(),=@;$'.".contains(c);
    if !id.is_empty() && id.len() <= MAX_ID && id.chars().all(fits) {
        return Ok(());
    }
    let message = format!("the id of a configuration has 1 to {MAX_ID} lower-case letters, digits and marks");
    Err(Refused::new(ErrorCode::ARGUMENT_INVALID, message))
}

impl ConfigurationBody {
    pub fn read(id: &str, body: &Value) -> Result<Self, Refused> {
        check_id(id)?;
        let invalid = |message: String| Refused::new(ErrorCode::ARGUMENT_INVALID, message);
        let fields = body.as_object().ok_or_else(|| invalid("the body is not an object".to_owned()))?;
        if fields.get("id").and_then(Value::as_str).is_some_and(|other| other != id) {
            return Err(invalid("the id in the body differs from the id in the path".to_owned()));
        }
        let text = |name: &str, default: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(default.to_owned()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(invalid(format!("{name} is not a string"))),
        };
        let priority = match fields.get("priority") {
            None | Some(Value::Null) => 0,
            Some(number) => number
                .as_i64()
                .filter(|number| (0..=i64::from(i32::MAX)).contains(number))
                .ok_or_else(|| invalid("priority is not a whole number from 0".to_owned()))?,
        };
        let shown_content = fields.get("content").cloned().unwrap_or_default();
        let content = read_content(&shown_content)
            .map_err(|error| Refused::new(ErrorCode::INVALID_CONFIGURATION_CONTENT, error.message()))?;
        let target_condition = text("targetCondition", "")?;
        let target = target(&target_condition, &content)
            .map_err(|error| Refused::new(ErrorCode::INVALID_TARGET_CONDITION, error))?;
        let queries = fields.get("metrics").and_then(|metrics| metrics.get("queries"));
        let metrics = texts(queries).ok_or_else(|| invalid("metrics are queries by name".to_owned()))?;
        if metrics.len() > MAX_METRICS {
            return Err(invalid(format!("a configuration has at most {MAX_METRICS} metrics")));
        }
        for (name, query) in &metrics {
            check_metric(query).map_err(|error| invalid(format!("the metric {name}: {error}")))?;
        }
        Ok(Self {
            schema_version: match fields.get("schemaVersion") {
                None | Some(Value::Null) => None,
                Some(_) => Some(text("schemaVersion", "")?),
            },
            labels: match fields.get("labels") {
                None | Some(Value::Null) => None,
                labels => Some(texts(labels).ok_or_else(|| invalid("labels are texts by name".to_owned()))?),
            },
            shown_content,
            content: Arc::new(content),
            target_condition,
            target,
            priority,
            metrics,
        })
    }
}

fn read_content(content: &Value) -> Result<Content, Refused> {
    let content = Content::read(content)?;
    let agent = |(id, _): &(String, _)| id == "$edgeAgent";
    if matches!(&content, Content::Modules(modules) if !modules.iter().any(agent)) {
        let message = "modulesContent has nothing for $edgeAgent";
        return Err(Refused::new(ErrorCode::INVALID_CONFIGURATION_CONTENT, message));
    }
    Ok(content)
}

/// Whom a condition is for; nobody if it is empty.
fn target(condition: &str, content: &Content) -> Result<Option<Target>, String> {
    if condition.trim().is_empty() {
        return Ok(None);
    }
    let target = check_target(condition)?;
    if (target.source == Source::Modules) != matches!(content, Content::Module(_)) {
        return Err("moduleContent, and nothing else, is for FROM devices.modules".to_owned());
    }
    Ok(Some(target))
}

/// A condition on ids, tags and reported properties, which are all that the service takes here.
fn check_target(condition: &str) -> Result<Target, String> {
    let target = Target::parse(condition).map_err(|error| error.to_string())?;
    let fits = |path: &Path| {
        let names: Vec<_> = path.names().iter().map(String::as_str).collect();
        matches!(names[..], ["deviceId" | "moduleId"] | ["tags", _, ..] | ["properties", "reported", _, ..])
    };
    if target.condition.as_ref().is_none_or(|condition| condition.all_properties(&fits)) {
        return Ok(target);
    }
    Err("a target condition is of deviceId, moduleId, tags and properties.reported".to_owned())
}

/// Metrics count twins, so that they cannot ask for jobs.
pub fn check_metric(query: &str) -> Result<Query, QueryError> {
    let query = Query::parse(query)?;
    if query.source == Source::Jobs {
        return Err(QueryError {
            position: 0,
            message: "a metric is of devices or devices.modules".to_owned(),
        });
    }
    Ok(query)
}

/// An object of texts; empty if there is none.
fn texts(value: Option<&Value>) -> Option<BTreeMap<String, String>> {
    match value {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(value) => {
            let text = |(name, text): (&String, &Value)| Some((name.clone(), text.as_str()?.to_owned()));
            value.as_object()?.iter().map(text).collect()
        }
    }
}

impl Configuration {
    /// Changes with every write; without quotes.
    pub fn etag(&self) -> String {
        STANDARD.encode(self.revision.to_string())
    }

    /// What is kept of it, without figures.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "schemaVersion": self.body.schema_version,
            "labels": self.body.labels,
            "content": self.body.shown_content,
            "targetCondition": self.body.target_condition,
            "createdTimeUtc": format_utc(self.created),
            "lastUpdatedTimeUtc": format_utc(self.updated),
            "priority": self.body.priority,
            "metrics": { "results": {}, "queries": self.body.metrics },
            "etag": self.etag(),
        })
    }
}

/// What is wrong with a condition, and with queries by name: `{targetConditionError, customMetricQueryErrors}`.
pub fn test_queries(body: &Value) -> Result<Value, Refused> {
    let condition = body.get("targetCondition").and_then(Value::as_str).unwrap_or_default();
    let queries = texts(body.get("customMetricQueries"));
    let queries = queries.ok_or_else(|| {
        Refused::new(ErrorCode::ARGUMENT_INVALID, "customMetricQueries are queries by name")
    })?;
    let wrong = match condition.trim() {
        "" => String::new(),
        // For all devices in a configuration, and refused here.
        "*" => "the condition cannot be *".to_owned(),
        condition => check_target(condition).err().unwrap_or_default(),
    };
    let errors = queries.iter().filter_map(|(name, query)| {
        check_metric(query).err().map(|error| (name.clone(), Value::from(error.to_string())))
    });
    let errors: Map<_, _> = errors.collect();
    Ok(json!({ "targetConditionError": wrong, "customMetricQueryErrors": errors }))
}
