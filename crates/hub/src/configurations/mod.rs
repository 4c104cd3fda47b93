//! Configurations: what devices and modules are to have as desired properties, and whom that is for (IoT Hub docs,
//! "Automatic device and module management"). They are kept, counted and applied.

mod content;
mod document;
mod enforce;
mod store;

pub(super) use content::apply;
pub(super) use document::{ConfigurationBody, test_queries};
pub(super) use enforce::{Applied, run};
pub(super) use store::Configurations;

/// How many a hub keeps (IoT Hub docs, "quotas and throttling"; a free hub has 10).
pub const MAX_CONFIGURATIONS: usize = 100;

/// What the contents of all may take, in bytes of JSON.
const MAX_BYTES: usize = 16 << 20;
