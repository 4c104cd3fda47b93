//! The jobs of a hub, in memory and in files of the state directory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::super::error::HubError;
use super::super::query::JobRecord;
use super::super::refused::Refused;
use super::super::shared::Shared;
use super::super::state_dir::{Kind, StateDir};
use super::super::telemetry::unix_now;
use super::job::{Job, JobStatus};
use super::outcome::{DeviceStatus, Outcome};
use super::request::JobRequest;
use super::{MAX_JOBS, MAX_OPEN, MAX_OUTCOMES, MAX_RUNNING, file};
use crate::dialect::service_error::ErrorCode;

/// Why a job failed that ran when the hub ended.
pub(super) const HUB_ENDED: (u32, &str) = (ErrorCode::SERVER_ERROR, "The hub ended while the job ran.");

/// Jobs by id.
#[derive(Default)]
pub struct Jobs {
    state: Mutex<State>,
    /// Something may be due sooner than was thought.
    pub(super) changed: Notify,
    /// Held while a file is written, so that an older one never overwrites a newer one.
    saving: Mutex<()>,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<String, Job>,
    running: HashMap<String, AbortHandle>,
}

impl Jobs {
    /// Adds what the state directory keeps.
    pub fn load(&self, dir: &StateDir) -> Result<(), HubError> {
        for (path, content) in dir.all(Kind::Job)? {
            let job = file::from_json(&content, unix_now());
            let job = job.map_err(|reason| HubError::corrupt(&path, reason))?;
            self.state().jobs.insert(job.request.id.clone(), job);
        }
        Ok(())
    }

    /// Takes a job in; it is on the disk, if there is one, before it can begin.
    pub fn create(&self, shared: &Shared, request: JobRequest) -> Result<Value, Refused> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let id = request.id.clone();
        {
            let state = self.state();
            if state.jobs.contains_key(&id) {
                return Err(Refused::new(
                    ErrorCode::JOB_ALREADY_EXISTS,
                    format!("there is a job {id} already"),
                ));
            }
            if state.jobs.values().filter(|job| !job.status.has_ended()).count() >= MAX_OPEN {
                let message = format!("{MAX_OPEN} jobs have not ended, the limit of this hub");
                return Err(Refused::new(ErrorCode::JOB_QUOTA_EXCEEDED, message));
            }
        }
        let job = Job::new(request, unix_now());
        write(shared, &job)?;
        let shown = job.to_json();
        self.state().jobs.insert(id, job);
        self.make_room(shared);
        self.changed.notify_one();
        Ok(shown)
    }

    pub fn get(&self, id: &str) -> Result<Value, Refused> {
        self.state().jobs.get(id).map(Job::to_json).ok_or_else(|| not_found(id))
    }

    /// All jobs that fit, by id. Each is shown when it is asked for: a job may hold half a megabyte.
    pub fn list(&self, fits: impl Fn(&Job) -> bool) -> impl Iterator<Item = (String, Value)> {
        let ids: Vec<String> = self.state().jobs.keys().cloned().collect();
        ids.into_iter().filter_map(move |id| {
            let shown = self.state().jobs.get(&id).filter(|job| fits(job)).map(Job::to_json)?;
            Some((id, shown))
        })
    }

    /// Ends a job that has not ended. What it is at is given up: a device may still get a call that was on its way.
    pub fn cancel(&self, shared: &Shared, id: &str) -> Result<Value, Refused> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let job = {
            let mut state = self.state();
            let job = state.jobs.get_mut(id).ok_or_else(|| not_found(id))?;
            if job.status.has_ended() {
                let message = format!("the job {id} is {} already", job.status.name());
                return Err(Refused::new(ErrorCode::ARGUMENT_INVALID, message));
            }
            job.end(JobStatus::Cancelled, DeviceStatus::Canceled, None, unix_now());
            let job = job.clone();
            if let Some(task) = state.running.remove(id) {
                task.abort();
            }
            job
        };
        self.changed.notify_one();
        write(shared, &job)?;
        Ok(job.to_json())
    }

    /// Jobs whose time has come, as far as there is room for them: they run from now on. And when to look again, in Unix
    /// milliseconds.
    pub(super) fn begin_due(&self, now_millis: u64) -> (Vec<Arc<JobRequest>>, Option<u64>) {
        let mut state = self.state();
        let mut room = MAX_RUNNING
            .saturating_sub(state.jobs.values().filter(|job| job.status == JobStatus::Running).count());
        let mut waiting: Vec<_> = state.jobs.values_mut().filter(|job| job.status.waits()).collect();
        waiting.sort_by_key(|job| (job.request.start, job.created));
        let (mut due, mut next) = (Vec::new(), None);
        for job in waiting {
            if job.request.start > now_millis {
                next = next.or(Some(job.request.start));
            } else if room > 0 {
                room -= 1;
                job.status = JobStatus::Running;
                job.started = Some(now_millis / 1000);
                due.push(job.request.clone());
            } else {
                job.status = JobStatus::Queued;
            }
        }
        (due, next)
    }

    /// A job's task is under way; it is ended at once if the job was cancelled meanwhile.
    pub(super) fn note_task(&self, id: &str, task: AbortHandle) {
        let mut state = self.state();
        if state.jobs.get(id).is_some_and(|job| job.status == JobStatus::Running) {
            state.running.insert(id.to_owned(), task);
        } else {
            task.abort();
        }
    }

    /// Changes a job that runs. False if it does not: nothing was changed.
    pub(super) fn with_running(&self, id: &str, change: impl FnOnce(&mut Job)) -> bool {
        let mut state = self.state();
        let job = state.jobs.get_mut(id).filter(|job| job.status == JobStatus::Running);
        job.map(change).is_some()
    }

    /// Writes a job down as it is now, after it has begun or ended.
    pub(super) fn save(&self, shared: &Shared, id: &str) {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let job = self.state().jobs.get(id).cloned();
        if let Some(job) = job {
            // A job that cannot be written down is as an unexpected end would leave it.
            let _ = write(shared, &job);
        }
        let ended = |job: &Job| job.status.has_ended();
        let mut state = self.state();
        if state.jobs.get(id).is_none_or(ended) {
            state.running.remove(id);
        }
        drop(state);
        self.make_room(shared);
    }

    /// The hub's thread has stopped: what ran has ended.
    pub fn stop(&self, shared: &Shared) {
        let running: Vec<String> = {
            let mut state = self.state();
            let running = state.jobs.values_mut().filter(|job| job.status == JobStatus::Running);
            running
                .map(|job| {
                    if job.outcomes.is_empty() {
                        // It had only just begun: nothing was done, and it begins at the next start.
                        (job.status, job.started) = (JobStatus::Enqueued, None);
                        return job.request.id.clone();
                    }
                    job.end(JobStatus::Failed, DeviceStatus::Failed, Some(HUB_ENDED), unix_now());
                    job.request.id.clone()
                })
                .collect()
        };
        for id in running {
            self.save(shared, &id);
        }
    }

    /// Forgets the oldest jobs that have ended, if there is too much of them. The caller holds `saving`, so that no file of
    /// theirs is written afterwards.
    fn make_room(&self, shared: &Shared) {
        let forgotten: Vec<String> = {
            let mut state = self.state();
            let mut ended: Vec<_> = state.jobs.values().filter(|job| job.status.has_ended()).collect();
            ended.sort_by_key(|job| (job.ended, job.created));
            let mut outcomes: usize = ended.iter().map(|job| job.outcomes.len()).sum();
            let mut jobs = state.jobs.len();
            let mut forgotten = Vec::new();
            for job in ended {
                // The newest one stays, however large it is.
                if jobs <= MAX_JOBS && (outcomes <= MAX_OUTCOMES || outcomes == job.outcomes.len()) {
                    break;
                }
                (jobs, outcomes) = (jobs - 1, outcomes - job.outcomes.len());
                forgotten.push(job.request.id.clone());
            }
            state.jobs.retain(|id, _| !forgotten.contains(id));
            forgotten
        };
        let Some(dir) = shared.state_dir().filter(|_| !forgotten.is_empty()) else { return };
        for id in forgotten {
            // One that stays is forgotten at the next start.
            let _ = dir.remove_one(Kind::Job, &id);
        }
    }

    /// What jobs did to devices, in the order of their ids.
    pub fn records(&self) -> Vec<JobRecord> {
        let mut records = Vec::new();
        for (id, job) in &self.state().jobs {
            let job_id: Arc<str> = id.as_str().into();
            let job_type: Arc<str> = job.type_name().into();
            let record = |(target, outcome): (&Arc<str>, &Arc<Outcome>)| {
                JobRecord::new(job_id.clone(), job_type.clone(), target.clone(), outcome.clone())
            };
            records.extend(job.outcomes.iter().map(record));
        }
        records
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(shared: &Shared, job: &Job) -> Result<(), Refused> {
    let Some(dir) = shared.state_dir() else { return Ok(()) };
    let saved = dir.save_one(Kind::Job, &job.request.id, &file::to_json(job));
    saved.map_err(|error| Refused::new(ErrorCode::SERVER_ERROR, error.to_string()))
}

fn not_found(id: &str) -> Refused {
    Refused::new(ErrorCode::JOB_NOT_FOUND, format!("there is no job {id}"))
}
