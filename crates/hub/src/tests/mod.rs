//! The hub over real TLS sockets, against a small client of the tests' own.

mod configurations;
mod faults;
mod fuzz;
mod http;
mod jobs;
mod lifecycle;
mod messages;
mod methods;
mod pages;
mod provisioning;
mod query;
mod registry;
mod security;
mod sessions;
mod storage;
mod support;
mod throttle;
mod twins;
mod uploads;
