//! Reads and writes of twins: `requests` by devices, `writes` by services.

pub mod requests;
pub mod writes;
