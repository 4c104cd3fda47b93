//! One task for each connection: it moves bytes between a stream and the broker.

mod admission;
mod authenticating;
mod connection;
mod faults;
mod renewal;

pub use admission::serve;
pub use connection::STOP_TIMEOUT;
