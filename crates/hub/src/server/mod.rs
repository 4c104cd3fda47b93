//! The hub's thread and its listeners.

mod listener;
pub mod runtime;
