//! The session with moments that a test makes up: no socket, no clock, no runtime.

mod deadlines;
mod goals;
mod histories;
mod lost_connection;
mod renewal;
mod subscriptions;
mod support;
mod twin;
