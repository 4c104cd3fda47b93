//! The state directory.

mod failures;
mod kill;
mod old_state;
pub mod state;
