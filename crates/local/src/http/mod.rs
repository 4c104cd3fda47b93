//! What HTTPS servers need: a connection's requests within bounds, and an end for peers that stop in the middle.

mod idle_timeout;
mod origins;
mod server;
mod websocket;

pub use idle_timeout::{IdleTimeoutBody, IdleTimeoutWrites};
pub use origins::Origins;
pub use server::{Abort, Authenticated, HttpsStream, IdleTimeouts, Peer, serve};
pub use websocket::{WebSocketAnswer, WebSocketRefusal, check_upgrade};
