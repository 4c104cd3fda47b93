//! Configurations: what devices and modules are to have as desired properties, and whom that is for (IoT Hub docs,
//! "Automatic device and module management"). They are kept, counted and applied.

mod content;
mod document;
mod enforce;
mod store;
mod view;

pub(super) use content::apply;
pub(super) use document::{ConfigurationBody, test_queries};
pub(super) use enforce::run;
pub(super) use store::{Configurations, MAX_CONFIGURATIONS};
