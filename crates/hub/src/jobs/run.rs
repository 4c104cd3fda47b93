//! Jobs at work, on the hub's runtime.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::job::JobStatus;
use super::limits::{CONCURRENCY, MAX_RESPONSES};
use super::outcome::{DeviceStatus, Outcome};
use super::request::{JobRequest, Work};
use super::store::Jobs;
use crate::error::HubError;
use crate::methods::pending;
use crate::registry::Registry;
use crate::registry::device::Device;
use crate::registry::twin_record::TwinRecord;
use crate::twins::writes::{self, Write};
use crate::unix_time::unix_now;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::query::{Source, Target};
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::task;

/// The longest sleep: clocks may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Begins jobs at their time, for ever.
pub async fn run(jobs: Arc<Jobs>) {
    loop {
        let changed = jobs.changed.notified();
        let now = unix_millis();
        let (due, next) = jobs.begin_due(now);
        for request in due {
            task::spawn(work(jobs.clone(), request));
        }
        let wait = next.map_or(LOOK_AGAIN, |next| Duration::from_millis(next.saturating_sub(now)));
        tokio::select! {
            () = changed => {}
            () = sleep(wait.min(LOOK_AGAIN)) => {}
        }
    }
}

/// A job from its begin to its end.
async fn work(jobs: Arc<Jobs>, request: Arc<JobRequest>) {
    save(&jobs, &request).await;
    let (status, reason) = match &request.target {
        Err(reason) => (JobStatus::Failed, Some((ErrorCode::ARGUMENT_INVALID, reason.as_str()))),
        Ok(target) => {
            let time = Duration::from_secs(request.max_execution);
            match timeout(time, all_devices(&jobs, &request, target)).await {
                Ok(()) => (JobStatus::Completed, None),
                Err(_) => {
                    (JobStatus::Failed, Some((ErrorCode::TIMEOUT, "The maximum execution time is over.")))
                }
            }
        }
    };
    let now = unix_now();
    jobs.with_running(&request.id, |job| job.end(status, DeviceStatus::Failed, reason, now));
    save(&jobs, &request).await;
    // There is room for another one.
    jobs.changed.notify_one();
}

async fn save(jobs: &Arc<Jobs>, request: &Arc<JobRequest>) {
    let (jobs, request) = (jobs.clone(), request.clone());
    // Without its file the job is as an unexpected end would leave it.
    let _ = spawn_blocking(move || jobs.save(&request.id)).await;
}

async fn all_devices(jobs: &Arc<Jobs>, request: &Arc<JobRequest>, target: &Target) {
    let (registry, of) = (jobs.registry.clone(), target.clone());
    // If the runtime ends there are no devices, and no job either.
    let devices = spawn_blocking(move || targets(&registry, &of)).await.unwrap_or_default();
    let now = unix_now();
    let running = jobs.with_running(&request.id, |job| {
        let outcomes = devices.iter().map(|device| {
            let outcome = Outcome::new(&device.id, device.module_id.as_deref(), now);
            (outcome.key(), Arc::new(outcome))
        });
        job.outcomes = outcomes.collect();
    });
    if running {
        let devices = stream::iter(devices);
        devices.for_each_concurrent(CONCURRENCY, |device| one_device(jobs, request, device)).await;
    }
}

fn targets(registry: &Registry, target: &Target) -> Vec<Arc<Device>> {
    let mut all = registry.all();
    all.retain(|device| {
        device.module_id.is_some() == (target.source == Source::Modules)
            && target.matches(&TwinRecord::new(device))
    });
    all
}

async fn one_device(jobs: &Arc<Jobs>, request: &JobRequest, device: Arc<Device>) {
    let key: Arc<str> = device.key().to_string().into();
    note(jobs, request, &key, |outcome| outcome.in_status(DeviceStatus::Running, unix_now()));
    let done = match &request.work {
        Work::UpdateTwin { patch } => update_twin(&jobs.registry, &device, patch).await.map(|()| None),
        Work::CallMethod { name, payload, response_timeout, connect_timeout } => {
            let call = pending::begin(
                &jobs.registry,
                device.key(),
                name,
                payload.as_bytes(),
                *response_timeout,
                *connect_timeout,
            );
            match call {
                Ok(call) => call.outcome().await.map(|result| Some(result.to_json())),
                Err(error) => Err(error),
            }
        }
    };
    let now = unix_now();
    jobs.with_running(&request.id, |job| {
        let Some(before) = job.outcomes.get(&key).cloned() else { return };
        let outcome = match done {
            Ok(response) => {
                let size = response.as_ref().map_or(0, |response: &Value| response.to_string().len());
                let response = if job.responses + size > MAX_RESPONSES {
                    response.map(|response| json!({ "status": response["status"], "payload": null }))
                } else {
                    job.responses += size;
                    response
                };
                Outcome { response, ..before.in_status(DeviceStatus::Completed, now) }
            }
            Err(error) => {
                let error = service_error(error);
                let code = error.error_code.unwrap_or(ErrorCode::SERVER_ERROR).to_string();
                Outcome { error: Some((code, error.message)), ..before.in_status(DeviceStatus::Failed, now) }
            }
        };
        job.outcomes.insert(key, Arc::new(outcome));
    });
}

fn note(jobs: &Jobs, request: &JobRequest, key: &str, change: impl FnOnce(&Outcome) -> Outcome) {
    jobs.with_running(&request.id, |job| {
        if let Some(outcome) = job.outcomes.get_mut(key) {
            *outcome = Arc::new(change(outcome));
        }
    });
}

async fn update_twin(registry: &Registry, device: &Arc<Device>, patch: &Value) -> Result<(), HubError> {
    let changed = registry.change_async(device, |change| {
        if change.is_removed() {
            return Err(HubError::DeviceNotFound(device.id.clone()));
        }
        writes::apply(change, Write::Patch, patch, None).map_err(HubError::Twin)
    });
    changed.await
}

fn service_error(error: HubError) -> ServiceError {
    match error {
        HubError::Method(error) | HubError::Service(error) => *error,
        HubError::Twin(error) => error.to_service_error(),
        HubError::DeviceNotFound(_) => ServiceError::new(ErrorCode::DEVICE_NOT_FOUND, error.to_string()),
        HubError::ModuleNotFound(_) => ServiceError::new(ErrorCode::MODULE_NOT_FOUND, error.to_string()),
        other => ServiceError::new(ErrorCode::SERVER_ERROR, other.to_string()),
    }
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
