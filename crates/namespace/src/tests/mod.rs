//! The whole namespace over TLS, with the client of any broker.

mod bad_days;
mod certificates;
mod connecting;
mod story;
mod support;
