//! What `--state` keeps, and how it survives a crash.

pub mod disk;
pub mod state_dir;
