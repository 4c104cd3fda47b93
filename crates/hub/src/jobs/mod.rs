//! Jobs: a twin update or a method call for all devices of a condition, now or later (IoT Hub docs, "Schedule jobs on
//! multiple devices").
//!
//! A job waits in [`Jobs`]; `run`'s task begins it at its time, goes through its devices a few at a time and notes what
//! became of each. What is kept on the disk: a job that waits, begins at its time after a restart; one that ran when the hub
//! ended has failed, with what was known of its devices if the hub was stopped in order.

mod file;
mod job;
mod outcome;
mod request;
mod run;
mod store;

pub(super) use job::{Job, JobStatus, JobType};
pub(super) use outcome::Outcome;
pub(super) use request::JobRequest;
pub(super) use run::run;
pub(super) use store::Jobs;

/// Jobs that run at the same time (IoT Hub docs, "quotas and throttling": 10 on the largest hubs).
const MAX_RUNNING: usize = 10;

/// Jobs that have not ended.
const MAX_OPEN: usize = 100;

/// Jobs that are kept; the oldest that have ended make room.
const MAX_JOBS: usize = 1000;

/// What is kept of devices, over all jobs that have ended; the oldest of these make room.
const MAX_OUTCOMES: usize = 200_000;

/// What the requests of jobs that have not ended take, in bytes.
const MAX_OPEN_BYTES: usize = 16 << 20;

/// What the requests and responses of all jobs take, in bytes; the oldest that have ended make room. Jobs that run may hold
/// more, each within `MAX_RESPONSES`.
const MAX_BYTES: usize = 64 << 20;

/// The responses to methods that one job keeps, in bytes; of those beyond only the status is kept.
const MAX_RESPONSES: usize = 16 << 20;

/// Devices of one job that are at it at the same time.
const CONCURRENCY: usize = 10;
