//! The jobs of a hub, in memory and in files of the state directory.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::file;
use super::job::{HUB_ENDED, Job, JobStatus};
use super::limits::{MAX_BYTES, MAX_JOBS, MAX_OPEN, MAX_OPEN_BYTES, MAX_OUTCOMES, MAX_RUNNING};
use super::outcome::{DeviceStatus, Outcome};
use super::record::JobRecord;
use super::request::JobRequest;
use crate::error::HubError;
use crate::error::refused::Refused;
use crate::registry::Registry;
use crate::storage::disk::Disk;
use crate::storage::state_dir::Kind;
use crate::unix_time::unix_now;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_net::sync::Mutex;

/// Jobs by id.
pub struct Jobs {
    /// Whom jobs are for.
    pub(super) registry: Arc<Registry>,
    disk: Disk,
    all: Mutex<BTreeMap<String, Job>>,
    /// Something may be due sooner than was thought.
    pub(super) changed: Notify,
    /// Held while a file is written, so that an older one never overwrites a newer one.
    saving: Mutex<()>,
}

impl Jobs {
    /// Those that the disk keeps.
    pub fn load(registry: Arc<Registry>, disk: Disk) -> Result<Self, HubError> {
        let (all, changed, saving) = (Mutex::default(), Notify::new(), Mutex::default());
        let jobs = Self { registry, disk, all, changed, saving };
        let Some(dir) = jobs.disk.dir() else { return Ok(jobs) };
        for (path, content) in dir.all(Kind::Job)? {
            let job = file::from_json(&content, unix_now());
            let job = job.map_err(|reason| HubError::corrupt(&path, reason))?;
            jobs.jobs().insert(job.request.id.clone(), job);
        }
        Ok(jobs)
    }

    /// Takes a job in; it is on the disk, if there is one, before it can begin. It is shown as the service shows a new job:
    /// queued, whenever it begins.
    ///
    /// # Errors
    /// 409104 for an id that is taken, 403003 over the limits of this hub, 429004 with as many active jobs as its tier takes.
    pub fn create(&self, request: JobRequest, most_active: Option<usize>) -> Result<Value, Refused> {
        let _saving = self.saving.lock();
        let now = unix_now();
        request.check_new(now)?;
        let id = request.id.clone();
        let job = Job::new(request, now);
        self.check_room(&job, most_active)?;
        self.write(&job)?;
        let mut shown = job.to_json();
        shown["status"] = JobStatus::Queued.name().into();
        self.jobs().insert(id, job);
        self.make_room();
        self.changed.notify_one();
        Ok(shown)
    }

    fn check_room(&self, new: &Job, most_active: Option<usize>) -> Result<(), Refused> {
        let jobs = self.jobs();
        let id = &new.request.id;
        if jobs.contains_key(id) {
            return Err(Refused::new(ErrorCode::JOB_ALREADY_EXISTS, format!("the job {id} already exists")));
        }
        let open = || jobs.values().filter(|job| !job.status.has_ended());
        if open().count() >= MAX_OPEN {
            let message = format!("{MAX_OPEN} jobs have not ended, the limit of this hub");
            return Err(Refused::new(ErrorCode::JOB_QUOTA_EXCEEDED, message));
        }
        if open().map(Job::bytes).sum::<usize>() + new.bytes() > MAX_OPEN_BYTES {
            let message =
                format!("the jobs that have not ended take {MAX_OPEN_BYTES} bytes, the limit of this hub");
            return Err(Refused::new(ErrorCode::JOB_QUOTA_EXCEEDED, message));
        }
        let active = || jobs.values().filter(|job| job.status.is_active()).count();
        if most_active.is_some_and(|most| new.status.is_active() && active() >= most) {
            let message = "The number of active jobs has reached the limit of the tier.";
            return Err(Refused::new(ErrorCode::TOO_MANY_ACTIVE_JOBS, message));
        }
        Ok(())
    }

    /// A job; an unknown one has the status `unknown`.
    pub fn get(&self, id: &str) -> Value {
        let unknown = || json!({ "jobId": id, "type": "unknown", "status": "unknown" });
        self.jobs().get(id).map_or_else(unknown, Job::to_json)
    }

    /// All jobs that fit, by id. Each is shown when it is asked for: a job may hold half a megabyte.
    pub fn list(&self, fits: impl Fn(&Job) -> bool) -> impl Iterator<Item = (String, Value)> {
        let ids: Vec<String> = self.jobs().keys().cloned().collect();
        ids.into_iter().filter_map(move |id| {
            let shown = self.jobs().get(&id).filter(|job| fits(job)).map(Job::to_json)?;
            Some((id, shown))
        })
    }

    /// Ends a job that waits.
    ///
    /// # Errors
    /// 404002 for an unknown id, 405102 for a job that runs or has ended.
    pub fn cancel(&self, id: &str) -> Result<Value, Refused> {
        let _saving = self.saving.lock();
        let job = {
            let mut jobs = self.jobs();
            let job = jobs.get_mut(id).ok_or_else(|| not_found(id))?;
            if !job.status.waits() {
                let message =
                    format!("the job {id} is {}; only a waiting job can be cancelled", job.status.name());
                return Err(Refused::new(ErrorCode::NOT_ALLOWED_IN_STATE, message));
            }
            job.end(JobStatus::Cancelled, DeviceStatus::Canceled, None, unix_now());
            job.clone()
        };
        self.changed.notify_one();
        self.write(&job)?;
        Ok(job.to_json())
    }

    /// Jobs whose time has come, as far as there is room for them: they run from now on. And when to look again, in Unix
    /// milliseconds.
    pub(super) fn begin_due(&self, now_millis: u64) -> (Vec<Arc<JobRequest>>, Option<u64>) {
        let mut jobs = self.jobs();
        let mut room =
            MAX_RUNNING.saturating_sub(jobs.values().filter(|job| job.status == JobStatus::Running).count());
        let mut waiting: Vec<_> = jobs.values_mut().filter(|job| job.status.waits()).collect();
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

    /// Changes a job that runs. False if it does not: nothing was changed.
    pub(super) fn with_running(&self, id: &str, change: impl FnOnce(&mut Job)) -> bool {
        let mut jobs = self.jobs();
        let job = jobs.get_mut(id).filter(|job| job.status == JobStatus::Running);
        job.map(change).is_some()
    }

    /// Writes a job down as it is now, after it has begun or ended.
    pub(super) fn save(&self, id: &str) {
        let _saving = self.saving.lock();
        let job = self.jobs().get(id).cloned();
        if let Some(job) = job {
            // A job that cannot be written down is as an unexpected end would leave it.
            let _ = self.write(&job);
        }
        self.make_room();
    }

    /// The hub's thread has stopped: what ran has ended.
    pub fn stop(&self) {
        let running: Vec<String> = {
            let mut jobs = self.jobs();
            let running = jobs.values_mut().filter(|job| job.status == JobStatus::Running);
            running
                .map(|job| {
                    if job.outcomes.is_empty() {
                        // It had only just begun: nothing was done, and it begins at the next start.
                        (job.status, job.started) = (JobStatus::Queued, None);
                        return job.request.id.clone();
                    }
                    job.end(JobStatus::Failed, DeviceStatus::Failed, Some(HUB_ENDED), unix_now());
                    job.request.id.clone()
                })
                .collect()
        };
        for id in running {
            self.save(&id);
        }
    }

    /// Forgets the oldest jobs that have ended, if there is too much of them. The caller holds `saving`, so that no file of
    /// theirs is written afterwards.
    fn make_room(&self) {
        let forgotten: Vec<String> = {
            let mut jobs = self.jobs();
            let mut ended: Vec<_> = jobs.values().filter(|job| job.status.has_ended()).collect();
            ended.sort_by_key(|job| (job.ended, job.created));
            let mut outcomes: usize = ended.iter().map(|job| job.outcomes.len()).sum();
            let mut count = jobs.len();
            let mut bytes: usize = jobs.values().map(Job::bytes).sum();
            let mut forgotten = Vec::new();
            for job in ended {
                // The newest one stays, however large it is.
                let fits = bytes <= MAX_BYTES && (outcomes <= MAX_OUTCOMES || outcomes == job.outcomes.len());
                if count <= MAX_JOBS && fits {
                    break;
                }
                (count, bytes, outcomes) = (count - 1, bytes - job.bytes(), outcomes - job.outcomes.len());
                forgotten.push(job.request.id.clone());
            }
            jobs.retain(|id, _| !forgotten.contains(id));
            forgotten
        };
        let Some(dir) = self.disk.dir().filter(|_| !forgotten.is_empty()) else { return };
        for id in forgotten {
            // One that stays is forgotten at the next start.
            let _ = dir.remove_one(Kind::Job, &id);
        }
    }

    /// What jobs did to devices, in the order of their ids.
    pub fn records(&self) -> Vec<JobRecord> {
        let mut records = Vec::new();
        for (id, job) in self.jobs().iter() {
            let job_id: Arc<str> = id.as_str().into();
            let job_type: Arc<str> = job.type_name().into();
            let record = |(target, outcome): (&Arc<str>, &Arc<Outcome>)| {
                JobRecord::new(job_id.clone(), job_type.clone(), target.clone(), outcome.clone())
            };
            records.extend(job.outcomes.iter().map(record));
        }
        records
    }

    fn write(&self, job: &Job) -> Result<(), Refused> {
        let Some(dir) = self.disk.dir() else { return Ok(()) };
        let saved = dir.save_one(Kind::Job, &job.request.id, &file::to_json(job));
        saved.map_err(|error| Refused::new(ErrorCode::SERVER_ERROR, error.to_string()))
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Job>> {
        self.all.lock()
    }
}

fn not_found(id: &str) -> Refused {
    Refused::new(ErrorCode::JOB_NOT_FOUND, format!("the job {id} does not exist"))
}
