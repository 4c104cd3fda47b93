//! What HTTP servers need.

mod idle_timeout;

pub use idle_timeout::{IdleTimeoutBody, IdleTimeoutWrites};
