//! What `--state` keeps, and how it survives a crash.

mod cloud_file;
pub mod device_file;
pub mod state_dir;
