//! A job as the state directory keeps it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::job::{HUB_ENDED, Job, JobStatus};
use super::outcome::{DeviceStatus, Outcome};
use super::request::JobRequest;

pub fn to_json(job: &Job) -> Value {
    let outcomes = job.outcomes.values().map(|outcome| {
        json!({
            "deviceId": outcome.device_id,
            "moduleId": outcome.module_id,
            "status": outcome.status.name(),
            "created": outcome.created,
            "started": outcome.started,
            "updated": outcome.updated,
            "response": outcome.response,
            "error": outcome.error.as_ref().map(|(code, description)| [code, description]),
        })
    });
    json!({
        "jobId": job.request.id,
        "request": job.request.shown,
        "status": job.status.name(),
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "failure": job.failure,
        "devices": outcomes.collect::<Vec<_>>(),
    })
}

/// Reads [`to_json`] back. A job that ran is one that the hub's end has ended.
pub fn from_json(content: &Value, now: u64) -> Result<Job, String> {
    let id = text(content, "jobId")?;
    let request = JobRequest::read(&id, content.get("request").unwrap_or(&Value::Null));
    let status = JobStatus::parse(&text(content, "status")?).ok_or("'status' is unknown")?;
    let mut job = Job::new(request.map_err(|error| error.message().to_owned())?, now);
    job.created = number(content, "created").ok_or("'created' is missing")?;
    job.started = number(content, "started");
    job.ended = number(content, "ended");
    job.failure = content.get("failure").and_then(Value::as_str).map(str::to_owned);
    let devices = content.get("devices").and_then(Value::as_array).ok_or("'devices' is missing")?;
    for device in devices {
        let outcome = outcome(device)?;
        job.responses += outcome.response.as_ref().map_or(0, |response| response.to_string().len());
        job.outcomes.insert(outcome.key(), Arc::new(outcome));
    }
    if status == JobStatus::Running {
        job.end(JobStatus::Failed, DeviceStatus::Failed, Some(HUB_ENDED), now);
    } else if status.has_ended() {
        job.status = status;
    }
    Ok(job)
}

fn outcome(device: &Value) -> Result<Outcome, String> {
    let status = text(device, "status")?;
    let status = DeviceStatus::ALL.into_iter().find(|known| known.name() == status);
    let error = device.get("error").and_then(Value::as_array).map(Vec::as_slice);
    let error = match error {
        Some([code, description]) => code.as_str().zip(description.as_str()),
        _ => None,
    };
    Ok(Outcome {
        device_id: text(device, "deviceId")?,
        module_id: device.get("moduleId").and_then(Value::as_str).map(str::to_owned),
        status: status.ok_or("a device's 'status' is unknown")?,
        created: number(device, "created").unwrap_or_default(),
        started: number(device, "started"),
        updated: number(device, "updated").unwrap_or_default(),
        response: device.get("response").filter(|response| !response.is_null()).cloned(),
        error: error.map(|(code, description)| (code.to_owned(), description.to_owned())),
    })
}

fn text(value: &Value, name: &str) -> Result<String, String> {
    let text = value.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("'{name}' is missing or not text"))
}

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name).and_then(Value::as_u64)
}
