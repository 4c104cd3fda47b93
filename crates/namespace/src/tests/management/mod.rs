//! The management API, over its socket.

mod children;
mod hostile;
mod http;
mod namespaces;
mod operations;
