//! What a job did to one device.

use std::sync::Arc;

use serde_json::{Value, json};

use azmqtt_dialect::time::format_utc;

/// How far a job is with a device, or with itself; as the service calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceStatus {
    Pending,
    Running,
    Completed,
    Failed,
    /// The service spells it with one l here, and with two of jobs.
    Canceled,
}

impl DeviceStatus {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Canceled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// A device, or a module, in a job. Times are Unix seconds.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub device_id: String,
    pub module_id: Option<String>,
    pub status: DeviceStatus,
    pub created: u64,
    pub started: Option<u64>,
    pub updated: u64,
    /// `{status, payload}` of a method.
    pub response: Option<Value>,
    /// Code and description.
    pub error: Option<(String, String)>,
}

impl Outcome {
    pub fn new(device_id: &str, module_id: Option<&str>, now: u64) -> Self {
        Self {
            device_id: device_id.to_owned(),
            module_id: module_id.map(str::to_owned),
            status: DeviceStatus::Pending,
            created: now,
            started: None,
            updated: now,
            response: None,
            error: None,
        }
    }

    /// The same in another status.
    #[must_use]
    pub fn in_status(&self, status: DeviceStatus, now: u64) -> Self {
        let started = self.started.or_else(|| (status == DeviceStatus::Running).then_some(now));
        Self { status, started, updated: now, ..self.clone() }
    }

    /// Its place among the devices of its job; no id holds the slash.
    pub fn key(&self) -> Arc<str> {
        match &self.module_id {
            None => self.device_id.as_str().into(),
            Some(module_id) => format!("{}/{module_id}", self.device_id).into(),
        }
    }

    /// As queries of `devices.jobs` see it.
    pub fn to_json(&self, job_id: &str, job_type: &str) -> Value {
        let mut json = json!({
            "deviceId": self.device_id,
            "jobId": job_id,
            "jobType": job_type,
            "status": self.status.name(),
            "createdDateTimeUtc": format_utc(self.created),
            "lastUpdatedDateTimeUtc": format_utc(self.updated),
            "outcome": { "deviceMethodResponse": self.response },
        });
        let ended = (!self.status.is_open()).then_some(self.updated);
        for (name, time) in [("startTimeUtc", self.started), ("endTimeUtc", ended)] {
            if let Some(time) = time {
                json[name] = format_utc(time).into();
            }
        }
        if let Some(module_id) = &self.module_id {
            json["moduleId"] = module_id.as_str().into();
        }
        if let Some((code, description)) = &self.error {
            json["error"] = json!({ "code": code, "description": description });
        }
        json
    }
}
