//! The whole namespace over TLS, with the client of any broker.

mod bad_days;
mod certificates;
mod connecting;
mod faults;
mod hostile;
pub mod keys;
mod management;
mod observing;
mod state;
mod story;
mod support;
mod tokens;
mod webhooks;
