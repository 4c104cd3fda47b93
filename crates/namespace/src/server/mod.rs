//! The thread of a namespace, and its listeners.

mod https;
mod listener;
mod runtime;

pub use runtime::{Ports, spawn};
