//! Device twins (IoT Hub docs, "Understand and use device twins").
//!
//! * [`check_patch`], [`check_patch_text`] and [`section_size`]: the limits, for both sides.
//! * [`merge_patch`], [`compose`], [`diff`]: patches as values.
//! * [`Twin`]: the hub's document, with versions, metadata and atomic writes.

mod check;
mod document;
mod error;
mod limits;
mod merge;
mod metadata;
mod properties;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use check::{PatchTextError, check_patch, check_patch_text};
pub use document::{Twin, desired_notification, parse_patch};
pub use error::TwinError;
pub use limits::{Section, TwinLimitError, TwinRule, check_section_size, section_size};
pub use merge::{compose, diff, merge_patch};
pub use properties::PropertySection;
pub use state::TwinStateError;
pub use view::DeviceFacts;
pub(crate) use view::MEMBERS;
