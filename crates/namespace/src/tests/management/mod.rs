//! The management API, over its socket.

mod children;
mod hostile;
pub mod http;
mod namespaces;
mod operations;
mod page;
