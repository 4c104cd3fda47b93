//! What a request asks a job to do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::refused::Refused;
use crate::methods::pending::check_timeouts;
use crate::twins::writes;
use azmqtt_dialect::query::Target;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::{NEVER, Timestamp, parse_utc};
use azmqtt_dialect::{MAX_METHOD_BODY, Twin, check_method_name};

/// The longest id, in characters.
const MAX_ID: usize = 64;

/// How far ahead a job may be scheduled, in seconds.
const MAX_AHEAD: u64 = 168 * 3600;

/// How long a job may take that says nothing, and at most; in seconds.
const DEFAULT_EXECUTION: u64 = 3600;
const MAX_EXECUTION: u64 = 30 * 24 * 3600;

/// What jobs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobType {
    UpdateTwin,
    DeviceMethod,
}

impl JobType {
    const ALL: [Self; 2] = [Self::UpdateTwin, Self::DeviceMethod];

    pub fn name(self) -> &'static str {
        match self {
            Self::UpdateTwin => "scheduleUpdateTwin",
            Self::DeviceMethod => "scheduleDeviceMethod",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// What a job does to each device.
#[derive(Clone, Debug)]
pub enum Work {
    /// A merge patch of tags and desired properties.
    UpdateTwin { patch: Value },
    /// A direct method; the payload is JSON, or empty.
    CallMethod { name: String, payload: String, response_timeout: Duration, connect_timeout: Duration },
}

/// A job as it was asked for.
#[derive(Clone, Debug)]
pub struct JobRequest {
    pub id: String,
    pub work: Work,
    /// Or what is wrong with the condition: the service takes such a job, which then fails.
    pub target: Result<Target, String>,
    /// When it begins, in Unix milliseconds; 0 for at once.
    pub start: u64,
    pub max_execution: u64,
    /// Its fields as they were sent, for whoever asks.
    pub shown: Value,
    /// The length of `shown` as JSON, in bytes.
    pub size: usize,
}

impl JobRequest {
    /// Reads the body of `PUT /jobs/v2/{id}`, or what the state directory keeps of it.
    pub fn read(id: &str, body: &Value) -> Result<Self, Refused> {
        let field = |name: &str| body.get(name).filter(|value| !value.is_null());
        if field("jobId").is_some_and(|other| other != id) {
            return Err(invalid("the jobId in the body differs from the one in the path"));
        }
        let kind = field("type").and_then(Value::as_str).and_then(JobType::parse);
        let kind =
            kind.ok_or_else(|| invalid("type is neither scheduleUpdateTwin nor scheduleDeviceMethod"))?;
        let (work, name, shown_work) = match kind {
            JobType::UpdateTwin => {
                let update = field("updateTwin").ok_or_else(|| invalid("updateTwin is missing"))?;
                let work = update_twin(update)?;
                (work, "updateTwin", update.clone())
            }
            JobType::DeviceMethod => {
                let method = field("cloudToDeviceMethod");
                let method = method.ok_or_else(|| invalid("cloudToDeviceMethod is missing"))?;
                (call_method(method)?, "cloudToDeviceMethod", method.clone())
            }
        };
        let condition = field("queryCondition").and_then(Value::as_str);
        let condition = condition.ok_or_else(|| invalid("queryCondition is missing"))?;
        let target = Target::parse(condition).map_err(|error| format!("queryCondition: {error}"));
        let start = field("startTime").map_or(Some(0), |time| time.as_str().and_then(millis));
        let start = start.ok_or_else(|| invalid("startTime is not a time in ISO 8601 and UTC"))?;
        let max_execution = match field("maxExecutionTimeInSeconds") {
            None => DEFAULT_EXECUTION,
            Some(time) => time
                .as_u64()
                .filter(|time| *time > 0)
                .ok_or_else(|| invalid("maxExecutionTimeInSeconds is not a whole number from 1"))?
                .min(MAX_EXECUTION),
        };
        let mut shown = json!({
            "type": kind.name(),
            "queryCondition": condition,
            "startTime": field("startTime"),
            "maxExecutionTimeInSeconds": max_execution,
        });
        shown[name] = shown_work;
        let size = shown.to_string().len();
        Ok(Self { id: id.to_owned(), work, target, start, max_execution, shown, size })
    }

    /// Checks what holds for a new job alone: its id, its start and what it asks for. `now` in Unix seconds.
    pub fn check_new(&self, now: u64) -> Result<(), Refused> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-'".contains(c);
        if self.id.is_empty() || self.id.len() > MAX_ID || !self.id.chars().all(fits) {
            let rule = format!("a job id has 1 to {MAX_ID} lower-case letters, digits, - and '");
            return Err(invalid(rule));
        }
        if self.start > (now + MAX_AHEAD) * 1000 {
            return Err(invalid(format!("startTime is more than {} hours ahead", MAX_AHEAD / 3600)));
        }
        match &self.work {
            // No twin is spared for its etag.
            Work::UpdateTwin { .. } if self.shown["updateTwin"]["etag"] != "*" => Err(invalid(
                "Missing or invalid etag for job type ScheduleUpdateTwin. The supported value is *.",
            )),
            Work::CallMethod { response_timeout, connect_timeout, .. } => {
                check_timeouts(*connect_timeout, *response_timeout).map_err(invalid)
            }
            Work::UpdateTwin { .. } => Ok(()),
        }
    }
}

fn update_twin(update: &Value) -> Result<Work, Refused> {
    if !update.is_object() {
        return Err(invalid("updateTwin is not an object"));
    }
    let patch = writes::parts(update).unwrap_or_else(|| json!({}));
    // What no twin takes is refused here, and not once for each device.
    Twin::new(Timestamp::now()).patch_by_service(update, None, Timestamp::now()).map_err(Refused::from)?;
    Ok(Work::UpdateTwin { patch })
}

fn call_method(method: &Value) -> Result<Work, Refused> {
    let name = method.get("methodName").and_then(Value::as_str);
    let name = name.ok_or_else(|| invalid("methodName is missing"))?;
    check_method_name(name).map_err(|error| invalid(error.to_string()))?;
    let payload = method.get("payload").map(Value::to_string).unwrap_or_default();
    if payload.len() > MAX_METHOD_BODY {
        return Err(invalid(format!("the payload has more than {MAX_METHOD_BODY} bytes")));
    }
    let seconds = |names: &[&str], default: u64, least: u64| {
        let value = names.iter().find_map(|name| method.get(name)).filter(|value| !value.is_null());
        let seconds = value.map_or(Some(default), Value::as_u64);
        let seconds = seconds.filter(|seconds| (least..=300).contains(seconds));
        let rule = || invalid(format!("{} must be within [{least}; 300].", names[0]));
        seconds.map(Duration::from_secs).ok_or_else(rule)
    };
    Ok(Work::CallMethod {
        name: name.to_owned(),
        payload,
        // The shorter name is that of older clients.
        response_timeout: seconds(&["responseTimeoutInSeconds", "timeoutInSeconds"], 30, 5)?,
        connect_timeout: seconds(&["connectTimeoutInSeconds"], 0, 0)?,
    })
}

/// ISO 8601 in Unix milliseconds. The start of the calendar is what clients send for "none".
fn millis(text: &str) -> Option<u64> {
    if text.starts_with(NEVER.trim_end_matches('Z')) {
        return Some(0);
    }
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).chain([b'0'; 3]).take(3);
    let millis = digits.fold(0, |millis, digit| millis * 10 + u64::from(digit - b'0'));
    Some(parse_utc(text)? * 1000 + millis)
}

fn invalid(message: impl Into<String>) -> Refused {
    Refused::new(ErrorCode::ARGUMENT_INVALID, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(millis("1970-01-01T00:00:01.5"), Some(1500));
        assert_eq!(millis("1970-01-01T00:00:01.0429999Z"), Some(1042));
        assert_eq!(millis("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(millis("0001-01-01T00:00:00"), Some(0));
        assert_eq!(millis("tomorrow"), None);
    }
}
