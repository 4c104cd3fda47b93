//! The management API, over its socket.

mod children;
mod clients;
mod hostile;
pub mod http;
mod namespaces;
mod operations;
mod page;
