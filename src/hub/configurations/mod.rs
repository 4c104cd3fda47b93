//! Configurations: what devices and modules are to have as desired properties, and whom that is for (IoT Hub docs,
//! "Automatic device and module management"). They are kept and counted; nothing applies them by itself.

mod content;
mod document;
mod store;

pub(super) use content::apply;
pub(super) use document::{ConfigurationBody, test_queries};
pub(super) use store::Configurations;

/// How many a hub keeps (IoT Hub docs, "quotas and throttling"; a free hub has 10).
pub const MAX_CONFIGURATIONS: usize = 100;
