//! The HTTPS listener: its routes, its answers, and WebSockets.

mod device;
mod errors;
mod page;
mod routes;
mod service;
mod watch;
pub mod websocket;
mod websocket_hostile;
