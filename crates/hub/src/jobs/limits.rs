//! What a hub takes of jobs.

/// Jobs that run at the same time (IoT Hub docs, "quotas and throttling": 10 on the largest hubs).
pub const MAX_RUNNING: usize = 10;

/// Jobs that have not ended.
pub const MAX_OPEN: usize = 100;

/// Jobs that are kept; the oldest that have ended make room.
pub const MAX_JOBS: usize = 1000;

/// What is kept of devices, over all jobs that have ended; the oldest of these make room.
pub const MAX_OUTCOMES: usize = 200_000;

/// What the requests of jobs that have not ended take, in bytes.
pub const MAX_OPEN_BYTES: usize = 16 << 20;

/// What the requests and responses of all jobs take, in bytes; the oldest that have ended make room. Jobs that run may hold
/// more, each within `MAX_RESPONSES`.
pub const MAX_BYTES: usize = 64 << 20;

/// The responses to methods that one job keeps, in bytes; of those beyond only the status is kept.
pub const MAX_RESPONSES: usize = 16 << 20;

/// Devices of one job that are at it at the same time.
pub const CONCURRENCY: usize = 10;
