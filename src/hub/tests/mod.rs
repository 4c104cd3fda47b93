//! The hub over real TLS sockets, against a small client of the tests' own.

mod client;
mod connect;
