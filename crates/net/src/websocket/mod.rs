//! A byte stream in the binary frames of a WebSocket (RFC 6455; MQTT 3.1.1 §6).
//!
//! Clients and servers wrap their sockets in a [`WebSocketBytes`] once the HTTP upgrade is done; how they come to that
//! differs, and stands on either side. Frames are not packets: one may hold half a packet, or many.

mod bytes;
mod token;

pub use self::bytes::{MAX_MESSAGE, WebSocketBytes};
pub use self::token::has_token;
pub use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
pub use tokio_tungstenite::tungstenite::protocol::Role;

/// The subprotocol of MQTT 3.1.1 [MQTT-6.0.0-3].
pub const SUBPROTOCOL: &str = "mqtt";

/// The version of the WebSocket protocol (RFC 6455 §4.1).
pub const VERSION: &str = "13";
