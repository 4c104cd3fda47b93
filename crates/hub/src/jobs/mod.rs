//! Jobs: a twin update or a method call for all devices of a condition, now or later (IoT Hub docs, "Schedule jobs on
//! multiple devices").
//!
//! A job waits in [`Jobs`]; `run`'s task begins it at its time, goes through its devices a few at a time and notes what
//! became of each. What is kept on the disk: a job that waits, begins at its time after a restart; one that ran when the hub
//! ended has failed, with what was known of its devices if the hub was stopped in order.

mod file;
mod job;
mod limits;
mod outcome;
mod record;
mod request;
mod run;
mod store;

pub(super) use job::{Job, JobStatus};
pub(super) use request::{JobRequest, JobType};
pub(super) use run::run;
pub(super) use store::Jobs;
