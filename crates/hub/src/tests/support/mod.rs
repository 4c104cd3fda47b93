//! What the tests share: clients of the hub's listeners.

pub mod client;
pub mod http;
