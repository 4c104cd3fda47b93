//! One job, and how it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::outcome::{DeviceStatus, Outcome};
use super::request::JobRequest;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::format_utc;

/// Why a job failed that ran when the hub ended.
pub const HUB_ENDED: (u32, &str) = (ErrorCode::SERVER_ERROR, "The hub ended while the job ran.");

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// Its start time has not come.
    Scheduled,
    /// Its start time has come, and it has not begun.
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl JobStatus {
    const ALL: [Self; 6] =
        [Self::Scheduled, Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(name))
    }

    /// Whether it has not begun.
    pub fn waits(self) -> bool {
        matches!(self, Self::Scheduled | Self::Queued)
    }

    /// Whether it counts against the jobs that a hub runs at the same time.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A job. Times are Unix seconds.
#[derive(Clone, Debug)]
pub struct Job {
    pub request: Arc<JobRequest>,
    pub status: JobStatus,
    pub created: u64,
    pub started: Option<u64>,
    pub ended: Option<u64>,
    pub failure: Option<String>,
    /// By [`Outcome::key`]; from when it runs.
    pub outcomes: BTreeMap<Arc<str>, Arc<Outcome>>,
    /// Bytes of responses kept in `outcomes`.
    pub responses: usize,
}

impl Job {
    pub fn new(request: JobRequest, now: u64) -> Self {
        let status = if request.start > now * 1000 { JobStatus::Scheduled } else { JobStatus::Queued };
        Self {
            request: Arc::new(request),
            status,
            created: now,
            started: None,
            ended: None,
            failure: None,
            outcomes: BTreeMap::new(),
            responses: 0,
        }
    }

    /// The memory that its texts take, in bytes: the request and the responses of methods.
    pub fn bytes(&self) -> usize {
        self.request.size + self.responses
    }

    pub fn type_name(&self) -> &str {
        self.request.shown["type"].as_str().unwrap_or_default()
    }

    /// Ends it. Devices that are not through end in `rest`, with the reason, if it has failed.
    pub fn end(&mut self, status: JobStatus, rest: DeviceStatus, failure: Option<(u32, &str)>, now: u64) {
        self.status = status;
        self.ended = Some(now);
        for outcome in self.outcomes.values_mut().filter(|outcome| outcome.status.is_open()) {
            let mut ended = outcome.in_status(rest, now);
            ended.error = failure.map(|(code, reason)| (code.to_string(), reason.to_owned()));
            *outcome = Arc::new(ended);
        }
        self.failure = failure.map(|(_, reason)| reason.to_owned());
    }

    /// As the REST API shows it.
    pub fn to_json(&self) -> Value {
        let mut counts = DeviceStatus::ALL.map(|_| 0_usize);
        for outcome in self.outcomes.values() {
            counts[outcome.status as usize] += 1;
        }
        let count = |status: DeviceStatus| counts[status as usize];
        let mut json = self.request.shown.clone();
        json["jobId"] = self.request.id.as_str().into();
        json["status"] = self.status.name().into();
        json["createdTime"] = format_utc(self.created).into();
        if json["startTime"].is_null() {
            json["startTime"] = format_utc(self.started.unwrap_or(self.created)).into();
        }
        if let Some(ended) = self.ended {
            json["endTime"] = format_utc(ended).into();
        }
        if let Some(failure) = &self.failure {
            json["failureReason"] = failure.as_str().into();
        }
        json["deviceJobStatistics"] = json!({
            "deviceCount": self.outcomes.len(),
            "failedCount": count(DeviceStatus::Failed),
            "succeededCount": count(DeviceStatus::Completed),
            "runningCount": count(DeviceStatus::Running),
            "pendingCount": count(DeviceStatus::Pending),
        });
        json
    }
}
